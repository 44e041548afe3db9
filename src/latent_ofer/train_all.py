"""The stages in training order: what each needs, whether it is stale, and the release."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from latent_ofer.backends.export import export_folder
from latent_ofer.backends.networks import Encode
from latent_ofer.backends.torch import TorchBackend
from latent_ofer.datasets.pool import SIZE, Covered, FacePool, Pixels
from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.detector import train as detector
from latent_ofer.detector import train_labelled as labelled
from latent_ofer.detector import train_svdd as paper
from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.detector.synthetic import Mix, Occluder
from latent_ofer.encoder import train as encoder
from latent_ofer.encoder.mae import MEAN, STD
from latent_ofer.encoder.train import MaeRecipe
from latent_ofer.errors import WeightsError
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.occlusion.cutouts import Cutout
from latent_ofer.occlusion.patches import GRID
from latent_ofer.recogniser import calibration, teacher, train_cnn, train_fusion
from latent_ofer.recogniser import train as recogniser_paper
from latent_ofer.recogniser.baselines import BaselineName
from latent_ofer.recogniser.copies import Repair
from latent_ofer.recogniser.train import RecogniserRecipe
from latent_ofer.reconstructor import train as reconstructor
from latent_ofer.reconstructor.train import ReconstructorRecipe, load_reconstructor
from latent_ofer.results import COVER_TYPES
from latent_ofer.stages import Stages
from latent_ofer.trained import (
    PAPER,
    VIEWS,
    best_on_dev,
    dev_auroc,
    trained_detectors,
    trained_networks,
)
from latent_ofer.training import processes
from latent_ofer.training.checkpoint import (
    MODEL,
    describe,
    is_trained,
    load_weights,
    parents_of,
)
from latent_ofer.training.how import How
from latent_ofer.training.recipe import Settings, load_recipe
from latent_ofer.training.start import start_manifest
from latent_ofer.weights_folder import COVERS, FORMAT

FUSION_PARENTS = ("detector_labelled", "reconstructor", "recogniser")
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
        ``train(sources, runs, config, how)``.
    recipe_of : str or None
        Another stage, when it shares that one's recipe.
    """

    recipe: type[Settings]
    needs: tuple[Need, ...]
    parents: tuple[str, ...]
    train: Callable[[Sources, Path, str, How], Path]
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


def _cover_of(
    pool: FacePool, cutouts: list[Cutout], kinds: Mapping[str, float]
) -> Callable[[int, np.random.Generator], tuple[Pixels, Covered]]:
    """What the detector's training puts over faces, for the recogniser's."""
    nothing = np.zeros((len(pool), GRID**2), dtype=np.bool_)
    mix = Mix(**{"clean": 0, "objects": 0, "procedural": 0, "patchwork": 0} | dict(kinds))
    occluder = Occluder(pool, nothing, cutouts, mix)

    def cover(row: int, rng: np.random.Generator) -> tuple[Pixels, Covered]:
        sample = occluder.sample(row, rng)
        return sample.face, sample.covered

    return cover


def _cnn(name: Literal["recogniser"] | BaselineName) -> Stage:
    def train(sources: Sources, runs: Path, config: str, how: How) -> Path:
        return train_cnn.train_cnn(sources, runs, config, how, _cover_of, name)

    return Stage(train_cnn.CnnRecipe, train_cnn.NEEDS, (), train)


def _train_recogniser_paper(sources: Sources, runs: Path, config: str, how: How) -> Path:
    repair = repair_with(runs, config)
    return recogniser_paper.train_recogniser(sources, runs, config, how, repair)


def pipeline_of(sources: Sources, runs: Path, config: str) -> Stages:
    """The stages with what is trained in these runs, and the rest of their start weights.

    Views are not fused: each is read alone.
    """
    networks = trained_networks(runs, config)
    name = best_on_dev(dev_auroc(sources, runs, networks))
    engine = TorchBackend(networks.graphs(), name, VIEWS)
    return Stages(engine, networks.detectors[name].thresholds)


def _train_fusion(sources: Sources, runs: Path, config: str, how: How) -> Path:
    del how  # it takes minutes, on the processor
    stages = pipeline_of(sources, runs, config)
    recipe = load_recipe(train_fusion.FusionRecipe, config, train_fusion.STAGE)
    parents = [stage for stage in FUSION_PARENTS if is_trained(runs, stage)]
    return train_fusion.train_fusion(sources, runs, recipe, parents, stages.views)


def _train_calibration(sources: Sources, runs: Path, config: str, how: How) -> Path:
    del how  # it takes seconds, on the processor
    return calibration.train_calibration(sources, runs, config, repair_with(runs, config))


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
    "detector_paper": Stage(paper.PaperRecipe, paper.NEEDS, paper.PARENTS, paper.train_paper),
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
    "recogniser": _cnn("recogniser"),
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
    "plain": _cnn("plain"),
    "plain_occluded": _cnn("plain_occluded"),
    "judge": _cnn("judge"),
    "reconstructor_csa": _repair_variant("reconstructor_csa"),
    "reconstructor_conv": _repair_variant("reconstructor_conv"),
}
"""What the pipeline is measured against: trained by name, never by `train_all`."""


def stage_recipe(name: str, config: str) -> Settings:
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


def train_all(
    sources: Sources, runs: Path, config: str, how: How, say: Callable[[str], None]
) -> Path:
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
            weights = stage.train(sources, runs, config, replace(how, resume="if same"))
            say(f"{name}: done, {weights}")
    return release(sources, runs, config)


def _fusion(runs: Path, start: Mapping[str, Any]) -> dict[str, Any]:
    """How the views are fused: fitted anew wherever what makes them was trained anew."""
    if any(is_trained(runs, stage) for stage in (*FUSION_PARENTS, train_fusion.STAGE)):
        return asdict(train_fusion.load_fusion(runs))
    entry: dict[str, Any] = start["recognisers"][VIEWS]
    return entry


def release(sources: Sources, runs: Path, config: str, without: Collection[str] = ()) -> Path:
    """Write the shippable folder `runs`/weights; returns its path.

    What was not trained in `runs` is taken from the weights that training started from; the
    detectors and recognisers `without` are left out, by the names of their graphs.
    """
    networks = trained_networks(runs, config).without(without)
    here = [name for name in STAGES if is_trained(runs, name)]
    recipes = {name: stage_recipe(name, config) for name in here if not STAGES[name].recipe_of}
    figures = dev_auroc(sources, runs, networks)
    start = start_manifest(runs) or {}
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "configuration": Path(config).name,
        "image_size": SIZE,
        "patch_size": SIZE // networks.mae.grid,
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
    if any("types" in detect.gives for detect in networks.detectors.values()):
        manifest[COVERS] = list(COVER_TYPES)
    if start:
        manifest["started_from"] = {key: start.get(key) for key in STARTED_FROM}
        manifest["started_from"]["sha256"] = start["files"][MODEL]["sha256"]
        manifest["trained_here"] = here
    folder = runs / "weights"
    if processes.place() == 0:
        export_folder(networks, folder, manifest)
    return folder
