"""Training of the teacher: a plain CNN on clean faces with labels."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.encoder.train import to_tensor
from latent_ofer.recogniser.attention_cnn import PlainCNN
from latent_ofer.recogniser.augment import augment
from latent_ofer.training.batch import Drawn
from latent_ofer.training.checkpoint import check_fresh, describe, load_weights, save_weights
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.loop import fit, shuffled, steps_in
from latent_ofer.training.recipe import Recipe, load_recipe
from latent_ofer.training.start import start_from

STAGE = "teacher"
NEEDS: tuple[Need, ...] = ("labels",)
DEV_FACES = 1500


class TeacherRecipe(Recipe):
    """Recipe of the teacher."""

    sizes: list[int] = Field(min_length=1)
    """Side of the training faces in pixels, epoch by epoch; the last one stays."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    erase: float = Field(default=0.3, ge=0, le=1)


def train_teacher(sources: Sources, runs: Path, config: str, how: How) -> Path:
    """Train the teacher; returns the path of its weights."""
    recipe = load_recipe(TeacherRecipe, config, STAGE)
    torch.manual_seed(recipe.seed)
    model = PlainCNN(recipe.dropout)
    start_from(model.backbone, "recogniser.cnn.backbone.", runs)
    about = describe(recipe, sources.digests(*NEEDS), runs, ())
    job = clean_faces_job(
        runs / STAGE, model, sources, recipe, recipe.sizes, recipe.erase, str(about)
    )
    return save_weights(runs / STAGE, fit(job, recipe, how), about)


def clean_faces_job(
    run: Path,
    model: nn.Module,
    sources: Sources,
    recipe: Recipe,
    sizes: list[int],
    erase: float,
    identity: str,
) -> Job:
    """Training of a CNN, faces to logits, on clean faces with their soft labels.

    Parameters
    ----------
    sizes : list of int
        Side of the training faces in pixels, epoch by epoch; the last one stays.
    erase : float
        Share of the faces that get a box over a part of them.
    """
    pool, dev_pool = sources.labelled("train"), sources.labelled("dev")
    dev_rows = np.flatnonzero(dev_pool.labels >= 0)[:DEV_FACES]

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Drawn]:
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        size = sizes[min(epoch, len(sizes) - 1)]
        for rows in shuffled(len(pool), recipe, rng):
            faces = lean_batch(pool, rows)
            changed = augment(to_tensor(faces), size, erase, generator)
            targets = torch.from_numpy(pool.targets[rows])
            yield Drawn(rows, (changed.expand(-1, 3, -1, -1), targets))

    def loss(net: nn.Module, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
        faces, targets = inputs
        logits = net(faces).float()
        right = (logits.argmax(1) == targets.argmax(1)).float().mean()
        return F.cross_entropy(logits, targets), {"accuracy": float(right)}

    def dev(net: nn.Module) -> dict[str, float]:
        device = next(net.parameters()).device
        predicted = []
        for start in range(0, len(dev_rows), 64):
            faces = to_tensor(lean_batch(dev_pool, dev_rows[start : start + 64])).to(device)
            predicted.append(net(faces.expand(-1, 3, -1, -1)).argmax(1).cpu())
        right = torch.cat(predicted).numpy() == dev_pool.labels[dev_rows]
        return {"dev_accuracy": float(right.mean())}

    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = steps_in(len(pool), recipe)
    return Job(run, model, batches, steps, loss, dev, identity, lambda row: pool.keys[row])


def load_teacher(runs: Path, config: str) -> PlainCNN:
    """The trained teacher, in evaluation mode, frozen."""
    weights = load_weights(runs / STAGE)
    check_fresh(weights, runs)
    model = PlainCNN(load_recipe(TeacherRecipe, config, STAGE).dropout)
    model.load_state_dict(weights.tensors)
    return model.eval().requires_grad_(False)


def lean_batch(pool: FacePool, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Faces (B, 112, 112, C) uint8; C is 1 in a pool of grey faces alone, as a third of the work.

    Networks get it expanded to three channels.
    """
    return pool.batch(rows)[..., : pool.channels]
