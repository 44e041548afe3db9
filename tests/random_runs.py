"""A folder of runs whose stages hold random weights: what needs them runs without any training."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from archives import RECIPES
from latent_ofer.arrays import is_grey, to_planes
from latent_ofer.detector.place import PlaceNetwork
from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.svdd import LatentSVDD
from latent_ofer.detector.train_svdd import PaperRecipe
from latent_ofer.encoder.train import MaeRecipe
from latent_ofer.recogniser.train import RecogniserRecipe
from latent_ofer.recogniser.train_cnn import CnnRecipe
from latent_ofer.recogniser.views import Fusion
from latent_ofer.reconstructor.train import PREFIX, ReconstructorRecipe
from latent_ofer.training.checkpoint import parents_of, save_weights
from latent_ofer.training.recipe import load_recipe

PAPER = """
heads: 2
head_width: 8
latent_width: 8
latent_outputs: 16
hidden: 16
copies: 4
cnn_epochs: 1
cnn_learning_rate: 0.001
epochs: 1
batch_size: 4
learning_rate: 0.001
"""
VIEWS = """
widths: [8, 8, 8, 8]
heads: 1
head_width: 4
epochs: 1
batch_size: 4
learning_rate: 0.001
"""
TEMPERATURE = 1.75
FUSION = Fusion(0.75, ((0.5, -0.25, 0.5), (0.25, 1.0, 0.0), (0.125, 0.5, -0.5)))
DEV_AUROC = {"synthetic": 0.9, "one-class": 0.8, "paper": 0.7}


@dataclass(frozen=True)
class RandomRuns:
    """Recipes, and stages with random weights.

    Attributes
    ----------
    runs : Path
    config : str
    """

    runs: Path
    config: str


def write_random_runs(folder: Path, faces: NDArray[np.uint8]) -> RandomRuns:
    """Autoencoder, detectors, repair network, both recognisers, temperature and fusion.

    The default detector, `synthetic`, marks a quarter of the patches of the colour ones of `faces`
    (B, 112, 112, 3) and half of those of the grey ones.
    """
    config, runs = folder / "recipes", folder / "runs"
    config.mkdir(parents=True)
    for stage in ("mae", "detector", "detector_paper", "reconstructor"):
        (config / f"{stage}.yaml").write_text(RECIPES[stage])
    (config / "recogniser_paper.yaml").write_text(PAPER)
    torch.manual_seed(0)
    encoder = load_recipe(MaeRecipe, str(config), "mae")
    detector = load_recipe(DetectorRecipe, str(config), "detector")
    repair = load_recipe(ReconstructorRecipe, str(config), "reconstructor")
    paper = load_recipe(RecogniserRecipe, str(config), "recogniser_paper")

    mae = encoder.build()
    _save(runs, "mae", {"": mae})
    grid = encoder.image_size // encoder.patch_size
    regions = RegionDetector(detector.width)
    _set_thresholds(regions, faces)
    place = PlaceNetwork(detector.place_width, grid)
    parts = {
        "regions.": regions,
        "one_class.": detector.one_class(place, mae.dim, grid),
    }
    figures = {name: {"colour": value, "grey": value} for name, value in DEV_AUROC.items()}
    of_paper = figures.pop("paper")
    _save(runs, "detector", parts, ("mae",), dev_auroc=figures)
    svdd = LatentSVDD(mae.dim, load_recipe(PaperRecipe, str(config), "detector_paper").kept, grid)
    _save(runs, "detector_paper", {"": svdd}, ("mae",), dev_auroc=of_paper)
    _save(runs, "reconstructor", {PREFIX: repair.build("reconstructor")}, ("mae",))
    _save(runs, "recogniser_paper", {"": paper.build(mae.dim)}, ("mae",))
    about = {"parents": parents_of(runs, "recogniser_paper")}
    save_weights(runs / "calibration_paper", {"temperature": torch.tensor(TEMPERATURE)}, about)
    (config / "recogniser.yaml").write_text(VIEWS)
    cnn = load_recipe(CnnRecipe, str(config), "recogniser")
    _save(runs, "recogniser", {"": cnn.build()})
    factors = {"before": torch.tensor(FUSION.before), "after": torch.tensor(FUSION.after)}
    save_weights(runs / "fusion", factors, {"parents": parents_of(runs, "recogniser")})
    return RandomRuns(runs, str(config))


def _save(
    runs: Path,
    stage: str,
    parts: dict[str, nn.Module],
    parents: tuple[str, ...] = (),
    **about: object,
) -> None:
    tensors = {
        f"{prefix}{name}": value
        for prefix, module in parts.items()
        for name, value in module.state_dict().items()
    }
    save_weights(runs / stage, tensors, {"parents": parents_of(runs, *parents), **about})


def _set_thresholds(regions: RegionDetector, faces: NDArray[np.uint8]) -> None:
    nn.init.normal_(regions.score.weight)
    with torch.inference_mode():
        scores = regions.eval().probability(torch.from_numpy(to_planes(faces)))
    grey = torch.from_numpy(is_grey(faces))
    regions.threshold_colour.fill_(scores[~grey].quantile(0.75))
    regions.threshold_grey.fill_(scores[grey].quantile(0.5))
