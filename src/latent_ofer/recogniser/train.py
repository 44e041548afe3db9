"""Training of the recogniser on clean faces and on occluded, detected, repaired copies."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.datasets.archives import archive
from latent_ofer.datasets.ferplus import (
    SIZE,
    Ferplus,
    Split,
    enlarge,
    majority,
    read_ferplus,
    soft_targets,
)
from latent_ofer.datasets.pool import native_ferplus, protocol_copy
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import load_mae
from latent_ofer.occlusion.objects import DEV_CATEGORIES, Cutout, load_cutouts
from latent_ofer.progress import track
from latent_ofer.recogniser.attention_cnn import AttentionClassifier, AttentionCNN
from latent_ofer.recogniser.augment import erase_boxes, move, relight
from latent_ofer.recogniser.fusion import GRID, Recogniser
from latent_ofer.recogniser.teacher import ARCHIVES as CNN_ARCHIVES
from latent_ofer.recogniser.teacher import STAGE as TEACHER
from latent_ofer.recogniser.teacher import clean_faces_job, grey_tensor, load_teacher
from latent_ofer.training.checkpoint import (
    WEIGHTS,
    check_fresh,
    describe,
    load_weights,
    save_weights,
)
from latent_ofer.training.loop import Job, Resume, fit, shuffled, steps_in
from latent_ofer.training.recipe import Recipe, load_recipe

STAGE = "recogniser"
CNN_RUN = "recogniser_cnn"
CNN_KEYS = ("heads", "head_width", "dropout", "erase")
ARCHIVES = ("ferplus.zip", "occluders.zip")
PARENTS = ("mae", "detector", "teacher", "reconstructor")
DEV_FACES = 1500
WATCHED_FACES = 700
COPY_BATCH = 64

Repair = Callable[[NDArray[np.uint8]], tuple[NDArray[np.uint8], NDArray[np.bool_]]]
"""Faces (B, 112, 112, 3) uint8 -> repaired faces of that shape, hidden patches (B, 14, 14)."""


class RecogniserRecipe(Recipe):
    """Recipe of the recogniser."""

    heads: int = 4
    head_width: int
    latent_width: int
    latent_outputs: int
    hidden: int
    share: float = Field(default=0.5, ge=0.01, le=0.99)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    erase: float = Field(default=0.2, ge=0, le=1)
    copies: int = Field(ge=0)
    """How many training faces have an occluded, repaired copy."""
    cnn_epochs: int = Field(ge=1)
    cnn_learning_rate: float = Field(gt=0)
    cnn_average: float = Field(default=0.998, ge=0, lt=1)
    """Of the attention CNN alone on clean faces, before the fusion."""

    @property
    def cnn(self) -> Recipe:
        """What the loop needs for the attention CNN alone."""
        return Recipe(
            seed=self.seed,
            epochs=self.cnn_epochs,
            batch_size=self.batch_size,
            learning_rate=self.cnn_learning_rate,
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            average=self.cnn_average,
            bf16=self.bf16,
        )

    def build(self, latent_dim: int) -> Recogniser:
        """Network with random weights."""
        return Recogniser(
            latent_dim,
            self.heads,
            self.head_width,
            self.latent_width,
            self.latent_outputs,
            self.hidden,
            self.share,
            self.dropout,
        )


@dataclass(frozen=True)
class Copies:
    """Faces as the recogniser gets them after repair.

    Attributes
    ----------
    faces : (n, 112, 112) uint8, grey
    masks : (n, 14, 14) bool
        Patches that were repaired.
    """

    faces: NDArray[np.uint8]
    masks: NDArray[np.bool_]


def repaired_copies(
    split: Ferplus, cutouts: list[Cutout], repair: Repair, seed: int, target: Path
) -> Copies:
    """Occlude, detect and repair each face once; kept in `target` for the next run."""
    if target.exists():
        with np.load(target) as kept:
            return Copies(kept["faces"], kept["masks"])
    faces, masks = [], []
    starts = range(0, len(split), COPY_BATCH)
    for start in track(starts, len(starts), "repaired copies"):
        rows = range(start, min(start + COPY_BATCH, len(split)))
        occluded = [protocol_copy(native_ferplus(split, row), cutouts, seed)[0] for row in rows]
        repaired, mask = repair(np.stack(occluded))
        faces.append(repaired.mean(-1).round().astype(np.uint8))
        masks.append(mask)
    copies = Copies(np.concatenate(faces), np.concatenate(masks))
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial.npz")
    np.savez(partial, faces=copies.faces, masks=copies.masks)
    partial.replace(target)
    return copies


def train_cnn(data: Path, runs: Path, config: str, resume: Resume) -> AttentionCNN:
    """Train the attention CNN alone on clean faces, from the teacher's backbone.

    Kept in its own run: it needs no repaired faces, and is trained again only when its own
    recipe, the data or the teacher change.
    """
    recipe = load_recipe(RecogniserRecipe, config, STAGE)
    torch.manual_seed(recipe.seed)
    cnn = AttentionCNN(recipe.heads, recipe.head_width)
    shape = {key: getattr(recipe, key) for key in CNN_KEYS}
    about = {**describe(recipe.cnn, data, CNN_ARCHIVES, runs, (TEACHER,)), "cnn": shape}
    run = runs / CNN_RUN
    if (run / WEIGHTS).exists() and load_weights(run).about == about:
        cnn.load_state_dict(load_weights(run).tensors)
        return cnn
    cnn.backbone.load_state_dict(load_teacher(runs, config).backbone.state_dict())
    job = clean_faces_job(
        run,
        AttentionClassifier(cnn, recipe.dropout),
        data,
        runs / "cache",
        recipe.cnn,
        [SIZE],
        recipe.erase,
        str(about),
    )
    trained = fit(job, recipe.cnn, "if same" if resume else False)
    prefix = "cnn."
    tensors = {
        name.removeprefix(prefix): value
        for name, value in trained.items()
        if name.startswith(prefix)
    }
    save_weights(run, tensors, about)
    cnn.load_state_dict(tensors)
    return cnn


def train_recogniser(data: Path, runs: Path, config: str, resume: Resume, repair: Repair) -> Path:
    """Train the recogniser, the attention CNN first; returns the path of its weights."""
    recipe = load_recipe(RecogniserRecipe, config, STAGE)
    torch.manual_seed(recipe.seed)
    mae = load_mae(runs, config)
    cnn = train_cnn(data, runs, config, resume)
    model = recipe.build(mae.dim)
    model.cnn.load_state_dict(cnn.state_dict())
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    about = describe(recipe, data, ARCHIVES, runs, PARENTS)
    parents = about["parents"]
    train = Pool(data, "train", runs, parents, repair, recipe.copies, recipe.seed)
    dev = Pool(data, "dev", runs, parents, repair, DEV_FACES, recipe.seed)

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[tuple[Tensor, ...]]:
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        for rows in shuffled(len(train), recipe, rng):
            faces, masks, targets = train.batch(rows)
            pictures = torch.cat([faces, F.interpolate(masks[:, None].float(), scale_factor=8)], 1)
            moved = move(pictures, faces.shape[-1], generator)
            faces = erase_boxes(relight(moved[:, :1], generator), recipe.erase, generator)
            masks = F.avg_pool2d(moved[:, 1:], 8)[:, 0] >= 0.25
            yield faces.expand(-1, 3, -1, -1), masks, targets

    def loss(net: nn.Module, batch: tuple[Tensor, ...]) -> tuple[Tensor, dict[str, float]]:
        faces, masks, targets = batch
        with torch.no_grad():
            latents = mae.encode(faces)[:, 1:]
        logits, _ = net(faces, latents, masks)
        right = (logits.argmax(1) == targets.argmax(1)).float().mean()
        return F.cross_entropy(logits, targets), {"accuracy": float(right)}

    def figures(net: nn.Module) -> dict[str, float]:
        assert isinstance(net, Recogniser)
        clean = np.flatnonzero(dev.labels >= 0)[:WATCHED_FACES]
        repaired = np.flatnonzero(dev.labels[: dev.copied] >= 0)[:WATCHED_FACES] + len(dev.split)
        return {
            "dev_accuracy": accuracy(dev, clean, net, mae),
            "dev_accuracy_repaired": accuracy(dev, repaired, net, mae),
        }

    job = Job(
        runs / STAGE,
        model,
        batches,
        steps_in(len(train), recipe),
        loss,
        figures,
        identity=str(about),
    )
    return save_weights(runs / STAGE, fit(job, recipe, resume), about)


class Pool:
    """Clean faces of a split followed by the repaired copies of the first of them.

    A row below ``len(split)`` is a clean face, one above it a copy.
    """

    def __init__(
        self,
        data: Path,
        split: Split,
        runs: Path,
        parents: dict[str, str],
        repair: Repair,
        copies: int,
        seed: int,
    ) -> None:
        everything = read_ferplus(data, split, runs / "cache")
        self.split = everything.take(soft_targets(everything.votes).sum(1) > 0)
        self.faces = enlarge(self.split.images)
        self.targets = soft_targets(self.split.votes)
        self.labels = majority(self.split.votes)
        self.copied = min(copies, len(self.split))
        cutouts = load_cutouts(
            archive(data, "occluders.zip"),
            "train",
            categories=DEV_CATEGORIES if split == "dev" else None,
            exclude=frozenset() if split == "dev" else DEV_CATEGORIES,
        )
        chosen = np.arange(len(self.split)) < self.copied
        key = f"{parents['detector'][:8]}-{parents['reconstructor'][:8]}-{self.copied}-{seed}"
        self.copies = repaired_copies(
            self.split.take(chosen), cutouts, repair, seed, runs / "cache" / f"{split}-{key}.npz"
        )

    def __len__(self) -> int:
        return len(self.split) + self.copied

    def source(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The face of the split behind each row."""
        return np.where(rows >= len(self.split), rows - len(self.split), rows)

    def labels_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Majority labels (n,), -1 where there is none."""
        return self.labels[self.source(rows)]

    def batch(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Faces (B, 1, 112, 112) float, repaired patches (B, 14, 14) bool, targets (B, 8)."""
        faces = np.empty((len(rows), *self.faces.shape[1:]), np.uint8)
        masks = np.zeros((len(rows), GRID, GRID), dtype=bool)
        copy = rows >= len(self.split)
        source = self.source(rows)
        faces[~copy] = self.faces[source[~copy]]
        faces[copy] = self.copies.faces[source[copy]]
        masks[copy] = self.copies.masks[source[copy]]
        targets = torch.from_numpy(self.targets[source])
        return grey_tensor(faces), torch.from_numpy(masks), targets


def logits_of(
    pool: Pool, rows: NDArray[np.int64], net: Recogniser, mae: MaskedAutoencoder
) -> Tensor:
    """Logits (n, 8) of some rows of a pool."""
    out = []
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        for start in range(0, len(rows), 64):
            faces, masks, _ = pool.batch(rows[start : start + 64])
            faces = faces.expand(-1, 3, -1, -1)
            out.append(net(faces, mae.encode(faces)[:, 1:], masks)[0].float())
    return torch.cat(out)


def accuracy(pool: Pool, rows: NDArray[np.int64], net: Recogniser, mae: MaskedAutoencoder) -> float:
    """Share of faces whose majority label comes first."""
    predicted = logits_of(pool, rows, net, mae).argmax(1).numpy()
    return float((predicted == pool.labels_of(rows)).mean())


def load_recogniser(runs: Path, config: str, latent_dim: int) -> Recogniser:
    """The trained recogniser, not yet calibrated, in evaluation mode, frozen."""
    weights = load_weights(runs / STAGE)
    check_fresh(weights, runs)
    model = load_recipe(RecogniserRecipe, config, STAGE).build(latent_dim)
    model.load_state_dict(weights.tensors)
    return model.eval().requires_grad_(False)
