"""The stages in training order: what each needs, whether it is stale, and the release."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from torch import Tensor

from latent_ofer.backends.export import export_folder
from latent_ofer.backends.networks import (
    Detect,
    DetectLabelled,
    DetectOneClass,
    DetectPaper,
    DetectSynthetic,
    Encode,
    Networks,
    Recognise,
    RecognisePaper,
    RecogniseViews,
)
from latent_ofer.backends.torch import TorchBackend, built_networks
from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.detector import baselines as detector_baselines
from latent_ofer.detector import train as detector
from latent_ofer.detector import train_labelled as labelled
from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.detector.train import load_detector
from latent_ofer.encoder import train as encoder
from latent_ofer.encoder.mae import MEAN, STD, MaskedAutoencoder
from latent_ofer.encoder.train import MaeRecipe, load_mae
from latent_ofer.errors import WeightsError
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.recogniser import ablation, calibration, teacher, train_cnn, train_fusion
from latent_ofer.recogniser import train as recogniser_paper
from latent_ofer.recogniser.baselines import BaselineRecipe, train_baseline
from latent_ofer.recogniser.copies import Repair
from latent_ofer.recogniser.train import RecogniserRecipe
from latent_ofer.reconstructor import train as reconstructor
from latent_ofer.reconstructor.train import ReconstructorRecipe, load_reconstructor
from latent_ofer.stages import Stages
from latent_ofer.training.checkpoint import (
    MODEL,
    START,
    describe,
    is_trained,
    load_weights,
    parents_of,
)
from latent_ofer.training.loop import Resume
from latent_ofer.training.recipe import Recipe, load_recipe
from latent_ofer.training.start import start_manifest
from latent_ofer.weights_folder import FORMAT

FUSION_PARENTS = ("detector_labelled", "reconstructor", "recogniser")
LABELLED, VIEWS, PAPER = "labelled", "views", "paper"
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
    default = best_on_dev(load_weights(runs / detector.STAGE).about["dev_auroc"])
    detect = trained_detectors(runs, config, repairer.mae)[default]
    graphs = {
        "encoder": Encode(repairer.mae),
        f"detector_{default}": detect,
        "reconstructor": repairer,
    }
    return Stages(TorchBackend(graphs, default), detect.thresholds).repair


def _train_recogniser_paper(sources: Sources, runs: Path, config: str, resume: Resume) -> Path:
    repair = repair_with(runs, config)
    return recogniser_paper.train_recogniser(sources, runs, config, resume, repair)


def _train_fusion(sources: Sources, runs: Path, config: str, resume: Resume) -> Path:
    del resume  # it takes minutes
    networks = trained_networks(runs, config)
    name = best_on_dev(dev_auroc(sources, runs, networks))
    engine = TorchBackend(networks.graphs(), name, VIEWS)
    stages = Stages(engine, networks.detectors[name].thresholds)
    recipe = load_recipe(train_fusion.FusionRecipe, config, train_fusion.STAGE)
    parents = [stage for stage in FUSION_PARENTS if is_trained(runs, stage)]
    return train_fusion.train_fusion(sources, runs, recipe, parents, stages.views)


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
    "detector_labelled": Stage(
        labelled.LabelledRecipe, labelled.NEEDS, (), labelled.train_labelled
    ),
    "teacher": Stage(teacher.TeacherRecipe, teacher.NEEDS, (), teacher.train_teacher),
    "reconstructor": Stage(
        ReconstructorRecipe,
        reconstructor.NEEDS,
        reconstructor.PARENTS,
        reconstructor.train_reconstructor,
    ),
    "recogniser": Stage(train_cnn.CnnRecipe, train_cnn.NEEDS, (), train_cnn.train_cnn),
    "fusion": Stage(train_fusion.FusionRecipe, train_fusion.NEEDS, FUSION_PARENTS, _train_fusion),
    "recogniser_paper": Stage(
        RecogniserRecipe, recogniser_paper.NEEDS, recogniser_paper.PARENTS, _train_recogniser_paper
    ),
    "calibration_paper": Stage(
        RecogniserRecipe,
        recogniser_paper.NEEDS,
        calibration.PARENTS,
        _train_calibration,
        recipe_of="recogniser_paper",
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
        recogniser_paper.NEEDS,
        ablation.PARENTS,
        _train_ablation,
        recipe_of="recogniser_paper",
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


def dev_auroc(sources: Sources, runs: Path, networks: Networks) -> dict[str, dict[str, float]]:
    """AUROC of the detectors on dev faces, by name and kind of face.

    Of patches behind objects, in colour and grey; and of faces that something really covers,
    where a table says which they are.
    """
    start = start_manifest(runs)
    figures: dict[str, dict[str, float]] = dict(start["dev_auroc"]) if start else {}
    if is_trained(runs, detector.STAGE):
        figures |= load_weights(runs / detector.STAGE).about["dev_auroc"]
    if is_trained(runs, labelled.STAGE):
        figures[LABELLED] = load_weights(runs / labelled.STAGE).about["dev_auroc"]
    real = labelled.real_dev(sources)
    if real is None:
        return figures
    encode = Encode(networks.mae)
    return {
        name: {**figures[name], "real": round(real.auroc(_scorer(detect, encode)), 5)}
        for name, detect in networks.detectors.items()
    }


def _scorer(detect: Detect, encode: Encode) -> Callable[[Tensor], Tensor]:
    return (lambda faces: detect(encode(faces))) if detect.reads == "latents" else detect


def best_on_dev(figures: Mapping[str, Mapping[str, float]]) -> str:
    """The detector with the highest mean AUROC over the kinds of faces: it becomes the default.

    Only kinds that all of them were measured on count.
    """
    kinds = set.intersection(*(set(measured) for measured in figures.values()))
    return max(figures, key=lambda name: mean(figures[name][kind] for kind in kinds))


def trained_detectors(runs: Path, config: str, mae: MaskedAutoencoder) -> dict[str, Detect]:
    """All families by name; one of them looks through the first blocks of the encoder."""
    families = load_detector(runs, config)
    return {
        "synthetic": DetectSynthetic(families.synthetic),
        "one-class": DetectOneClass(mae, families.one_class),
        "paper": DetectPaper(families.paper),
    }


def trained_networks(runs: Path, config: str) -> Networks:
    """All stages from their runs, and those not trained there as the start weights have them.

    A recogniser that neither has is left out.

    Raises
    ------
    WeightsError
        When a stage has not been trained and there are no start weights.
    StaleError
        When a stage was trained on another version of a parent.
    """
    start = start_manifest(runs)
    parts = built_networks(runs / START / MODEL, start) if start else None
    recognisers: dict[str, Recognise] = {}
    if parts is None or is_trained(runs, encoder.STAGE):
        mae = load_mae(runs, config)
        detectors = trained_detectors(runs, config, mae)
        repair = load_reconstructor(runs, config)
    else:
        mae, detectors, repair = parts.mae, dict(parts.detectors), parts.reconstructor
        recognisers |= parts.recognisers
    if parts is not None:
        # These look at faces alone: they go with any encoder.
        if LABELLED in parts.detectors:
            detectors[LABELLED] = parts.detectors[LABELLED]
        if VIEWS in parts.recognisers:
            recognisers[VIEWS] = parts.recognisers[VIEWS]
    if is_trained(runs, labelled.STAGE):
        detectors[LABELLED] = DetectLabelled(labelled.load_labelled(runs, config))
    if is_trained(runs, train_cnn.STAGE):
        recognisers[VIEWS] = RecogniseViews(train_cnn.load_cnn(runs, config))
    if is_trained(runs, calibration.STAGE):
        reads = recogniser_paper.load_recogniser(runs, config, mae.dim)
        reads.temperature.copy_(calibration.load_temperature(runs))
        recognisers[PAPER] = RecognisePaper(reads)
    return Networks(mae, detectors, repair, recognisers)


def _fusion(runs: Path, start: Mapping[str, Any]) -> dict[str, Any]:
    """How the views are fused: fitted anew wherever what makes them was trained anew."""
    if any(is_trained(runs, stage) for stage in (*FUSION_PARENTS, train_fusion.STAGE)):
        return asdict(train_fusion.load_fusion(runs))
    entry: dict[str, Any] = start["recognisers"][VIEWS]
    return entry


def release(sources: Sources, runs: Path, config: str) -> Path:
    """Write the shippable folder `runs`/weights; returns its path.

    What was not trained in `runs` is taken from the weights that training started from.
    """
    networks = trained_networks(runs, config)
    here = [name for name in STAGES if is_trained(runs, name)]
    recipes = {name: stage_recipe(name, config) for name in here if not STAGES[name].recipe_of}
    figures = dev_auroc(sources, runs, networks)
    start = start_manifest(runs) or {}
    manifest: dict[str, Any] = {
        "format": FORMAT,
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
        "recognisers": {
            name: _fusion(runs, start) if name == VIEWS else None for name in networks.recognisers
        },
        "default_recogniser": VIEWS if VIEWS in networks.recognisers else PAPER,
        "licence": LICENCE,
        "data": dict(sorted(sources.digests("faces", "labels", "objects", "covers").items())),
        "recipes": start.get("recipes", {})
        | {name: recipe.model_dump(mode="json") for name, recipe in recipes.items()},
        "recipes_sha256": start.get("recipes_sha256", {})
        | {name: recipe.digest() for name, recipe in recipes.items()},
        "stages": start.get("stages", {}) | parents_of(runs, *here),
    }
    if start:
        manifest["started_from"] = {key: start.get(key) for key in STARTED_FROM}
        manifest["started_from"]["sha256"] = start["files"][MODEL]["sha256"]
        manifest["trained_here"] = here
    folder = runs / "weights"
    export_folder(networks, folder, manifest)
    return folder
