"""Training of `synthetic` and `one-class`; one file of weights holds both."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.detector.dev import dev_figures, read_dev
from latent_ofer.detector.one_class import OneClassDetector
from latent_ofer.detector.place import PlaceNetwork
from latent_ofer.detector.recipe import PLACE_KEYS, SYNTHETIC_KEYS, DetectorRecipe
from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.train_one_class import fit_one_class, train_place
from latent_ofer.detector.train_regions import train_regions
from latent_ofer.encoder.train import MaeRecipe, load_mae
from latent_ofer.training.checkpoint import check_fresh, describe, load_weights, save_weights
from latent_ofer.training.how import How
from latent_ofer.training.recipe import load_recipe

STAGE = "detector"
NEEDS: tuple[Need, ...] = ("faces", "objects", "covers")
PARENT = "mae"
PLACE_RUN = "detector_place"


@dataclass(frozen=True)
class Detectors:
    """Both families, in evaluation mode, frozen."""

    synthetic: RegionDetector
    one_class: OneClassDetector


def train_detector(sources: Sources, runs: Path, config: str, how: How) -> Path:
    """Train both; returns the path of their weights."""
    recipe = load_recipe(DetectorRecipe, config, STAGE)
    about = describe(recipe, sources.digests(*NEEDS), runs, (PARENT,))
    dev = read_dev(sources)
    # Two of the networks need no encoder: what they have learnt stays good when it changes, and
    # when the settings of the others do.
    origin = [about["data"], about.get("start")]
    identity = str([recipe.only(SYNTHETIC_KEYS), *origin])
    regions = train_regions(sources, runs / STAGE, recipe, dev, identity, how)
    identity = str([recipe.only(PLACE_KEYS), *origin])
    place = train_place(sources, runs / PLACE_RUN, recipe, dev, identity, how)
    mae = load_mae(runs, config)
    one_class = fit_one_class(sources, mae, place, recipe, dev)
    scores: dict[str, Callable[[Tensor], Tensor]] = {
        "synthetic": regions.probability,
        "one-class": lambda x: one_class(x, mae.encode_early(x, one_class.blocks)),
    }
    about["dev_auroc"] = {name: dev_figures(score, dev) for name, score in scores.items()}
    models = {"regions": regions, "one_class": one_class}
    tensors = {
        f"{prefix}.{name}": value
        for prefix, model in models.items()
        for name, value in model.state_dict().items()
    }
    return save_weights(runs / STAGE, tensors, about)


def load_detector(runs: Path, config: str) -> Detectors:
    """Both as trained."""
    weights = load_weights(runs / STAGE)
    check_fresh(weights, runs)
    recipe = load_recipe(DetectorRecipe, config, STAGE)
    encoder = load_recipe(MaeRecipe, config, PARENT)
    dim, grid = encoder.dim, encoder.image_size // encoder.patch_size
    detectors = Detectors(
        RegionDetector(recipe.width),
        recipe.one_class(PlaceNetwork(recipe.place_width, grid), dim, grid),
    )
    models: dict[str, nn.Module] = {
        "regions": detectors.synthetic,
        "one_class": detectors.one_class,
    }
    for prefix, model in models.items():
        model.load_state_dict(_without_prefix(weights.tensors, f"{prefix}."))
        model.eval().requires_grad_(False)
    return detectors


def _without_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
