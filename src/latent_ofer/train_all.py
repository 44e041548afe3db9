"""The stages in training order: what each needs, whether it is stale, and the release."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from latent_ofer.backends.export import export_folder
from latent_ofer.backends.networks import (
    Detect,
    DetectOneClass,
    DetectPaper,
    DetectSynthetic,
    Encode,
    Networks,
)
from latent_ofer.backends.torch import TorchBackend
from latent_ofer.datasets.archives import file_sha256
from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.detector import baselines as detector_baselines
from latent_ofer.detector import train as detector
from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.detector.train import load_detector
from latent_ofer.encoder import train as encoder
from latent_ofer.encoder.mae import MEAN, STD, MaskedAutoencoder
from latent_ofer.encoder.train import MaeRecipe, load_mae
from latent_ofer.errors import WeightsError
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.recogniser import ablation, calibration, teacher
from latent_ofer.recogniser import train as recogniser
from latent_ofer.recogniser.baselines import BaselineRecipe, train_baseline
from latent_ofer.recogniser.copies import Repair
from latent_ofer.recogniser.train import RecogniserRecipe
from latent_ofer.reconstructor import train as reconstructor
from latent_ofer.reconstructor.train import ReconstructorRecipe, load_reconstructor
from latent_ofer.stages import Stages
from latent_ofer.training.checkpoint import MODEL, describe, load_weights
from latent_ofer.training.loop import Resume
from latent_ofer.training.recipe import Recipe, load_recipe
from latent_ofer.training.start import start_manifest

LICENCE = {
    "code": "Apache-2.0",
    "weights": "research only: trained on face data licensed for research; see docs/model-card.md",
}

STARTED_FROM = ("configuration", "recipes", "recipes_sha256", "data", "started_from")
"""What the manifest keeps of the weights that training started from."""


@dataclass(frozen=True)
class Stage:
    """One step of the training order.

    Attributes
    ----------
    recipe : type
        Class of its recipe.
    needs, parents : tuple of str
        The kinds of data and the stages that it is trained on.
    train : callable
        ``train(sources, runs, config, resume)``.
    recipe_of : str or None
        Another stage, when it shares that one's recipe.
    """

    recipe: type[Recipe]
    needs: tuple[Need, ...]
    parents: tuple[str, ...]
    train: Callable[[Sources, Path, str, Resume], Path]
    recipe_of: str | None = None


def repair_with(runs: Path, config: str) -> Repair:
    """What the pipeline does with the default detector and the reconstructor of these runs."""
    repairer = load_reconstructor(runs, config)
    default = best_on_dev(dev_auroc(runs))
    detect = trained_detectors(runs, config, repairer.mae)[default]
    graphs = {
        "encoder": Encode(repairer.mae),
        f"detector_{default}": detect,
        "reconstructor": repairer,
    }
    return Stages(TorchBackend(graphs, default), detect.thresholds).repair


def _train_recogniser(sources: Sources, runs: Path, config: str, resume: Resume) -> Path:
    return recogniser.train_recogniser(sources, runs, config, resume, repair_with(runs, config))


def _train_calibration(sources: Sources, runs: Path, config: str, resume: Resume) -> Path:
    del resume  # it takes seconds
    return calibration.train_calibration(sources, runs, config, repair_with(runs, config))


def _train_ablation(sources: Sources, runs: Path, config: str, resume: Resume) -> Path:
    return ablation.train_ablation(sources, runs, config, resume, repair_with(runs, config))


def _repair_variant(name: reconstructor.StageName) -> Stage:
    return Stage(
        ReconstructorRecipe,
        reconstructor.NEEDS,
        reconstructor.PARENTS,
        partial(reconstructor.train_reconstructor, stage=name),
        recipe_of=reconstructor.STAGE,
    )


STAGES: dict[str, Stage] = {
    "mae": Stage(MaeRecipe, encoder.NEEDS, (), encoder.train_mae),
    "detector": Stage(DetectorRecipe, detector.NEEDS, (detector.PARENT,), detector.train_detector),
    "teacher": Stage(teacher.TeacherRecipe, teacher.NEEDS, (), teacher.train_teacher),
    "reconstructor": Stage(
        ReconstructorRecipe,
        reconstructor.NEEDS,
        reconstructor.PARENTS,
        reconstructor.train_reconstructor,
    ),
    "recogniser": Stage(RecogniserRecipe, recogniser.NEEDS, recogniser.PARENTS, _train_recogniser),
    "calibration": Stage(
        RecogniserRecipe,
        recogniser.NEEDS,
        calibration.PARENTS,
        _train_calibration,
        recipe_of="recogniser",
    ),
}
BASELINES: dict[str, Stage] = {
    "detector_baselines": Stage(
        detector_baselines.DetectorBaselinesRecipe,
        detector_baselines.NEEDS,
        detector_baselines.PARENTS,
        detector_baselines.train_detector_baselines,
    ),
    "plain": Stage(BaselineRecipe, ("labels",), ("teacher",), partial(train_baseline, "plain")),
    "plain_occluded": Stage(
        BaselineRecipe,
        ("labels", "objects"),
        ("teacher",),
        partial(train_baseline, "plain_occluded"),
    ),
    "judge": Stage(BaselineRecipe, ("labels",), (), partial(train_baseline, "judge")),
    "reconstructor_csa": _repair_variant("reconstructor_csa"),
    "reconstructor_conv": _repair_variant("reconstructor_conv"),
    "ablation": Stage(
        RecogniserRecipe,
        recogniser.NEEDS,
        ablation.PARENTS,
        _train_ablation,
        recipe_of="recogniser",
    ),
}
"""What the pipeline is measured against: trained by name, never by `train_all`."""


def stage_recipe(name: str, config: str) -> Recipe:
    """The recipe of a stage."""
    stage = STAGES[name]
    return load_recipe(stage.recipe, config, stage.recipe_of or name)


def is_current(name: str, sources: Sources, runs: Path, config: str) -> bool:
    """Whether a stage's weights were trained on the recipe, data and parents at hand."""
    stage = STAGES[name]
    try:
        about = load_weights(runs / name).about
        data = sources.digests(*stage.needs)
        wanted = describe(stage_recipe(name, config), data, runs, stage.parents)
    except WeightsError:
        return False
    return {key: about.get(key) for key in wanted} == wanted


def train_all(sources: Sources, runs: Path, config: str, say: Callable[[str], None]) -> Path:
    """Train what is stale, in order, and write the shippable folder; returns its path.

    A stage that was cut short goes on from its last checkpoint.

    Raises
    ------
    RecipeError
        Before anything is trained, when any stage's recipe is missing or wrong.
    """
    for name in STAGES:
        stage_recipe(name, config)
    for name, stage in STAGES.items():
        if is_current(name, sources, runs, config):
            say(f"{name}: up to date")
        else:
            say(f"{name}: training")
            weights = stage.train(sources, runs, config, "if same")
            say(f"{name}: done, {weights}")
    return release(sources, runs, config)


def dev_auroc(runs: Path) -> dict[str, dict[str, float]]:
    """AUROC of the trained detectors on dev faces, by name and kind of face."""
    figures: dict[str, dict[str, float]] = load_weights(runs / detector.STAGE).about["dev_auroc"]
    return figures


def best_on_dev(figures: Mapping[str, Mapping[str, float]]) -> str:
    """The detector with the highest mean AUROC of colour and grey: it becomes the default."""
    return max(figures, key=lambda name: mean(figures[name].values()))


def trained_detectors(runs: Path, config: str, mae: MaskedAutoencoder) -> dict[str, Detect]:
    """All families by name; one of them looks through the first blocks of the encoder."""
    families = load_detector(runs, config)
    return {
        "synthetic": DetectSynthetic(families.synthetic),
        "one-class": DetectOneClass(mae, families.one_class),
        "paper": DetectPaper(families.paper),
    }


def trained_networks(runs: Path, config: str) -> Networks:
    """All stages from their runs; a stale one is refused.

    Raises
    ------
    WeightsError
        When a stage has not been trained.
    StaleError
        When a stage was trained on another version of a parent.
    """
    mae = load_mae(runs, config)
    reads = recogniser.load_recogniser(runs, config, mae.dim)
    reads.temperature.copy_(calibration.load_temperature(runs))
    return Networks(
        mae=mae,
        detectors=trained_detectors(runs, config, mae),
        reconstructor=load_reconstructor(runs, config),
        recogniser=reads,
    )


def release(sources: Sources, runs: Path, config: str) -> Path:
    """Write the shippable folder `runs`/weights; returns its path."""
    networks = trained_networks(runs, config)
    shipped = [name for name, stage in STAGES.items() if stage.recipe_of is None]
    recipes = {name: stage_recipe(name, config) for name in shipped}
    data = sources.digests("faces", "labels", "objects")
    figures = dev_auroc(runs)
    start = start_manifest(runs)
    manifest: dict[str, Any] = {
        "format": 1,
        "configuration": Path(config).name,
        "image_size": networks.mae.image_size,
        "patch_size": networks.mae.patch_size,
        "latent_dim": networks.mae.dim,
        "labels": list(EXPRESSIONS),
        "mean": [MEAN] * 3,
        "std": [STD] * 3,
        "thresholds": {
            name: asdict(detect.thresholds) for name, detect in networks.detectors.items()
        },
        "default_detector": best_on_dev(figures),
        "dev_auroc": figures,
        "licence": LICENCE,
        "data": dict(sorted(data.items())),
        "recipes": {name: recipe.model_dump(mode="json") for name, recipe in recipes.items()},
        "recipes_sha256": {name: recipe.digest() for name, recipe in recipes.items()},
        "stages": {name: file_sha256(load_weights(runs / name).path) for name in STAGES},
    }
    if start is not None:
        manifest["started_from"] = {key: start.get(key) for key in STARTED_FROM}
        manifest["started_from"]["sha256"] = start["files"][MODEL]["sha256"]
    folder = runs / "weights"
    export_folder(networks, folder, manifest)
    return folder
