"""The stages in training order: what each needs, whether it is stale, and the release."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from latent_ofer.backends.export import export_folder
from latent_ofer.backends.networks import Networks
from latent_ofer.datasets.archives import archive, file_sha256
from latent_ofer.detector.train import DetectorRecipe, load_detector, train_detector
from latent_ofer.encoder.mae import MEAN, STD
from latent_ofer.encoder.train import MaeRecipe, load_mae, to_tensor, train_mae
from latent_ofer.errors import WeightsError
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.recogniser import calibration, teacher
from latent_ofer.recogniser import train as recogniser
from latent_ofer.recogniser.baselines import BaselineRecipe, train_baseline
from latent_ofer.recogniser.train import RecogniserRecipe, Repair
from latent_ofer.reconstructor.train import (
    ReconstructorRecipe,
    load_reconstructor,
    train_reconstructor,
)
from latent_ofer.training.checkpoint import describe, load_weights
from latent_ofer.training.loop import Resume
from latent_ofer.training.recipe import Recipe, load_recipe

LICENCE = {
    "code": "Apache-2.0",
    "weights": "research only: trained on face data licensed for research; see docs/model-card.md",
}


@dataclass(frozen=True)
class Stage:
    """One step of the training order.

    Attributes
    ----------
    recipe : type
        Class of its recipe.
    archives, parents : tuple of str
        The data and the stages that it is trained on.
    train : callable
        ``train(data, runs, config, resume)``.
    recipe_of : str or None
        Another stage, when it shares that one's recipe.
    """

    recipe: type[Recipe]
    archives: tuple[str, ...]
    parents: tuple[str, ...]
    train: Callable[[Path, Path, str, Resume], Path]
    recipe_of: str | None = None


def repair_with(runs: Path, config: str) -> Repair:
    """The trained detector and reconstructor in a row, as the recogniser's training needs them."""
    regions, _ = load_detector(runs, config)
    repairer = load_reconstructor(runs, config)

    def repair(faces: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        batch = to_tensor(faces)
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            scores = regions.probability(batch).unflatten(1, (repairer.mae.grid, -1))
            mask = scores > regions.threshold_grey
            repaired = repairer(batch, mask).float()
        pixels = (repaired * 255).round().clamp(0, 255).to(torch.uint8)
        return pixels.permute(0, 2, 3, 1).numpy(), mask.numpy()

    return repair


def _train_recogniser(data: Path, runs: Path, config: str, resume: Resume) -> Path:
    return recogniser.train_recogniser(data, runs, config, resume, repair_with(runs, config))


def _train_calibration(data: Path, runs: Path, config: str, resume: Resume) -> Path:
    del resume  # it takes seconds
    return calibration.train_calibration(data, runs, config, repair_with(runs, config))


FACES = ("faces.zip", "ferplus.zip")
STAGES: dict[str, Stage] = {
    "mae": Stage(MaeRecipe, FACES, (), train_mae),
    "detector": Stage(DetectorRecipe, (*FACES, "occluders.zip"), ("mae",), train_detector),
    "teacher": Stage(teacher.TeacherRecipe, ("ferplus.zip",), (), teacher.train_teacher),
    "reconstructor": Stage(ReconstructorRecipe, FACES, ("mae", "teacher"), train_reconstructor),
    "recogniser": Stage(
        RecogniserRecipe, recogniser.ARCHIVES, recogniser.PARENTS, _train_recogniser
    ),
    "calibration": Stage(
        RecogniserRecipe,
        recogniser.ARCHIVES,
        calibration.PARENTS,
        _train_calibration,
        recipe_of="recogniser",
    ),
}
BASELINES: dict[str, Stage] = {
    "plain": Stage(
        BaselineRecipe, ("ferplus.zip",), ("teacher",), partial(train_baseline, "plain")
    ),
    "plain_occluded": Stage(
        BaselineRecipe,
        ("ferplus.zip", "occluders.zip"),
        ("teacher",),
        partial(train_baseline, "plain_occluded"),
    ),
    "judge": Stage(BaselineRecipe, ("ferplus.zip",), (), partial(train_baseline, "judge")),
}
"""Recognisers to measure against: trained by name, never by `train_all`."""


def stage_recipe(name: str, config: str) -> Recipe:
    """The recipe of a stage."""
    stage = STAGES[name]
    return load_recipe(stage.recipe, config, stage.recipe_of or name)


def is_current(name: str, data: Path, runs: Path, config: str) -> bool:
    """Whether a stage's weights were trained on the recipe, data and parents at hand."""
    stage = STAGES[name]
    try:
        about = load_weights(runs / name).about
        wanted = describe(stage_recipe(name, config), data, stage.archives, runs, stage.parents)
    except WeightsError:
        return False
    return {key: about.get(key) for key in wanted} == wanted


def train_all(data: Path, runs: Path, config: str, say: Callable[[str], None]) -> Path:
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
        if is_current(name, data, runs, config):
            say(f"{name}: up to date")
        else:
            say(f"{name}: training")
            weights = stage.train(data, runs, config, "if same")
            say(f"{name}: done, {weights}")
    return release(data, runs, config)


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
    regions, svdd = load_detector(runs, config)
    reads = recogniser.load_recogniser(runs, config, mae.dim)
    reads.temperature.copy_(calibration.load_temperature(runs))
    return Networks(
        mae=mae,
        regions=regions,
        svdd=svdd,
        reconstructor=load_reconstructor(runs, config),
        recogniser=reads,
    )


def release(data: Path, runs: Path, config: str) -> Path:
    """Write the shippable folder `runs`/weights; returns its path."""
    networks = trained_networks(runs, config)
    shipped = [name for name, stage in STAGES.items() if stage.recipe_of is None]
    recipes = {name: stage_recipe(name, config) for name in shipped}
    archives = sorted({name for stage in STAGES.values() for name in stage.archives})
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
            name: {
                "colour": float(detector.threshold_colour),
                "grey": float(detector.threshold_grey),
            }
            for name, detector in (("default", networks.regions), ("paper", networks.svdd))
        },
        "licence": LICENCE,
        "data": {name: file_sha256(archive(data, name)) for name in archives},
        "recipes": {name: recipe.model_dump(mode="json") for name, recipe in recipes.items()},
        "recipes_sha256": {name: recipe.digest() for name, recipe in recipes.items()},
        "stages": {name: file_sha256(load_weights(runs / name).path) for name in STAGES},
    }
    folder = runs / "weights"
    export_folder(networks, folder, manifest)
    return folder
