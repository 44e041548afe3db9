"""Training of the teacher: a plain CNN on clean FERPlus faces."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.datasets.ferplus import (
    Split,
    enlarge,
    majority,
    read_ferplus,
    soft_targets,
)
from latent_ofer.recogniser.attention_cnn import PlainCNN
from latent_ofer.recogniser.augment import augment
from latent_ofer.training.checkpoint import check_fresh, describe, load_weights, save_weights
from latent_ofer.training.loop import Job, Resume, fit, shuffled, steps_in
from latent_ofer.training.recipe import Recipe, load_recipe

STAGE = "teacher"
ARCHIVES = ("ferplus.zip",)
DEV_FACES = 1500

Change = Callable[[NDArray[np.uint8], NDArray[np.int64], np.random.Generator], NDArray[np.uint8]]
"""Faces (B, 112, 112) uint8 and their rows among the training faces -> changed faces."""


class TeacherRecipe(Recipe):
    """Recipe of the teacher."""

    sizes: list[int] = Field(min_length=1)
    """Side of the training faces in pixels, epoch by epoch; the last one stays."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    erase: float = Field(default=0.3, ge=0, le=1)


def train_teacher(data: Path, runs: Path, config: str, resume: Resume) -> Path:
    """Train the teacher; returns the path of its weights."""
    recipe = load_recipe(TeacherRecipe, config, STAGE)
    torch.manual_seed(recipe.seed)
    model = PlainCNN(recipe.dropout)
    about = describe(recipe, data, ARCHIVES, runs, ())
    job = clean_faces_job(
        runs / STAGE, model, data, runs / "cache", recipe, recipe.sizes, recipe.erase, str(about)
    )
    return save_weights(runs / STAGE, fit(job, recipe, resume), about)


def clean_faces_job(
    run: Path,
    model: nn.Module,
    data: Path,
    cache: Path,
    recipe: Recipe,
    sizes: list[int],
    erase: float,
    identity: str,
    change: Change | None = None,
) -> Job:
    """Training of a CNN, faces to logits, on clean FERPlus faces with votes as soft targets.

    Parameters
    ----------
    sizes : list of int
        Side of the training faces in pixels, epoch by epoch; the last one stays.
    erase : float
        Share of the faces that get a box over a part of them.
    change : callable, optional
        Applied to each batch of faces before the augmentation.
    """
    faces, targets = training_faces(data, cache)
    dev_faces, dev_labels = scored_faces(data, "dev", cache)
    dev_faces, dev_labels = dev_faces[:DEV_FACES], dev_labels[:DEV_FACES]

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        size = sizes[min(epoch, len(sizes) - 1)]
        for rows in shuffled(len(faces), recipe, rng):
            chosen = faces[rows] if change is None else change(faces[rows], rows, rng)
            changed = augment(grey_tensor(chosen), size, erase, generator)
            yield changed.expand(-1, 3, -1, -1), torch.from_numpy(targets[rows])

    def loss(net: nn.Module, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
        logits = net(batch[0]).float()
        right = (logits.argmax(1) == batch[1].argmax(1)).float().mean()
        return F.cross_entropy(logits, batch[1]), {"accuracy": float(right)}

    def dev(net: nn.Module) -> dict[str, float]:
        predicted = [
            net(grey_tensor(dev_faces[i : i + 64]).expand(-1, 3, -1, -1)).argmax(1)
            for i in range(0, len(dev_faces), 64)
        ]
        right = torch.cat(predicted).numpy() == dev_labels
        return {"dev_accuracy": float(right.mean())}

    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Job(run, model, batches, steps_in(len(faces), recipe), loss, dev, identity)


def load_teacher(runs: Path, config: str) -> PlainCNN:
    """The trained teacher, in evaluation mode, frozen."""
    weights = load_weights(runs / STAGE)
    check_fresh(weights, runs)
    model = PlainCNN(load_recipe(TeacherRecipe, config, STAGE).dropout)
    model.load_state_dict(weights.tensors)
    return model.eval().requires_grad_(False)


def grey_tensor(faces: NDArray[np.uint8]) -> Tensor:
    """(B, S, S) uint8 -> (B, 1, S, S) float in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(faces)).float()[:, None] / 255


def training_faces(data: Path, cache: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Faces that have a vote left, as the networks see them, and their soft targets.

    Returns
    -------
    faces : (n, 112, 112) uint8
    targets : (n, 8) float32
    """
    split = read_ferplus(data, "train", cache)
    targets = soft_targets(split.votes)
    used = targets.sum(1) > 0
    return enlarge(split.images[used]), targets[used]


def scored_faces(
    data: Path, split: Split, cache: Path
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Faces that the *Majority* rule keeps, and their labels.

    Returns
    -------
    faces : (n, 112, 112) uint8
    labels : (n,) int, 0-7
    """
    faces = read_ferplus(data, split, cache)
    labels = majority(faces.votes)
    return enlarge(faces.images[labels >= 0]), labels[labels >= 0]
