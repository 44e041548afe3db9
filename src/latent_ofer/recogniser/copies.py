"""Faces of the recogniser's training: clean ones, and occluded, detected, repaired copies."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from latent_ofer.datasets.pool import SIZE, FacePool, protocol_copy
from latent_ofer.datasets.sources import Sources
from latent_ofer.encoder.train import to_tensor
from latent_ofer.files import whole_file
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.progress import track
from latent_ofer.recogniser.augment import erase_boxes, move, relight
from latent_ofer.recogniser.fusion import GRID
from latent_ofer.training.batch import Drawn
from latent_ofer.training.loop import shuffled
from latent_ofer.training.recipe import Recipe

COPY_BATCH = 64
REPAIRERS = ("detector", "reconstructor")
"""What the names of the stages begin with that find and repair hidden patches."""

Seen = tuple[Tensor, Tensor, Tensor]
"""Faces (B, 3, 112, 112) float, their repaired patches (B, 14, 14) bool, targets (B, 8) float."""
Repair = Callable[[NDArray[np.uint8]], tuple[NDArray[np.uint8], NDArray[np.bool_]]]
"""Faces (B, 112, 112, 3) uint8 -> repaired faces of that shape, hidden patches (B, 14, 14)."""


@dataclass(frozen=True)
class Copies:
    """Faces as the recogniser gets them after repair.

    Attributes
    ----------
    faces : (n, 112, 112, 3) uint8
        In three channels where the faces are grey too: the repair may tint what it fills in.
    masks : (n, 14, 14) bool
        Patches that were repaired.
    """

    faces: NDArray[np.uint8]
    masks: NDArray[np.bool_]


def repaired_copies(
    pool: FacePool, cutouts: list[Cutout], repair: Repair, seed: int, target: Path
) -> Copies:
    """Occlude, detect and repair each face once; kept in `target` for the next run."""
    if target.exists():
        with np.load(target) as kept:
            return Copies(kept["faces"], kept["masks"])
    faces = np.empty((len(pool), SIZE, SIZE, 3), dtype=np.uint8)
    masks = np.empty((len(pool), GRID, GRID), dtype=np.bool_)
    starts = range(0, len(pool), COPY_BATCH)
    for start in track(starts, len(starts), "repaired copies"):
        rows = range(start, min(start + COPY_BATCH, len(pool)))
        occluded = [protocol_copy(pool.native(row), cutouts, seed)[0] for row in rows]
        here = slice(rows.start, rows.stop)
        faces[here], masks[here] = repair(np.stack(occluded))
    with whole_file(target) as partial:
        np.savez(partial, faces=faces, masks=masks)
    return Copies(faces, masks)


class Pool:
    """Clean faces followed by the repaired copies of the first of them.

    A row below ``len(clean)`` is a clean face, one above it a copy.
    """

    def __init__(self, clean: FacePool, copies: Copies) -> None:
        self.clean = clean
        self.copies = copies
        self.labels = clean.labels
        self.copied = len(copies.faces)

    def __len__(self) -> int:
        return len(self.clean) + self.copied

    def source(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The clean face behind each row."""
        return np.where(rows >= len(self.clean), rows - len(self.clean), rows)

    def key_of(self, row: int) -> tuple[str, str]:
        """Source and name of the clean face behind a row."""
        return self.clean.keys[row - len(self.clean) if row >= len(self.clean) else row]

    def labels_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Majority labels (n,), -1 where there is none."""
        return self.labels[self.source(rows)]

    def first(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of the first faces with a label, so many clean ones and so many copies."""
        clean = np.flatnonzero(self.labels >= 0)[:count]
        copies = np.flatnonzero(self.labels[: self.copied] >= 0)[:count] + len(self.clean)
        return clean, copies

    def batch(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Faces (B, 3, 112, 112) float, repaired patches (B, 14, 14) bool, targets (B, 8)."""
        copy, source = rows >= len(self.clean), self.source(rows)
        faces = self.clean.batch(source)
        faces[copy] = self.copies.faces[source[copy]]
        masks = np.zeros((len(rows), GRID, GRID), dtype=bool)
        masks[copy] = self.copies.masks[source[copy]]
        targets = torch.from_numpy(self.clean.targets[source])
        return to_tensor(faces), torch.from_numpy(masks), targets


def augmented(
    pool: Pool, recipe: Recipe, erase: float, rng: np.random.Generator
) -> Iterator[Drawn]:
    """Batches of an epoch: faces and their repaired patches moved together, faces relit.

    Parameters
    ----------
    erase : float
        Share of the faces that get a box over a part of them.

    Yields
    ------
    Drawn
        Its inputs are `Seen`.
    """
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    for rows in shuffled(len(pool), recipe, rng):
        faces, masks, targets = pool.batch(rows)
        pictures = torch.cat([faces, F.interpolate(masks[:, None].float(), scale_factor=8)], 1)
        moved = move(pictures, faces.shape[-1], generator)
        faces = erase_boxes(relight(moved[:, :-1], generator), erase, generator)
        masks = F.avg_pool2d(moved[:, -1:], 8)[:, 0] >= 0.25
        yield Drawn(rows, (faces, masks, targets))


def pool_with_copies(
    sources: Sources,
    split: Literal["train", "dev"],
    about: dict[str, Any],
    repair: Repair,
    copies: int,
    seed: int,
) -> Pool:
    """Faces with a label, and up to `copies` repaired ones.

    Parameters
    ----------
    about : dict
        What the stage is trained on: with its data, or a detector or reconstructor among its
        parents, the copies change.
    seed : int
        Of the objects.
    """
    clean = sources.labelled(split)
    chosen = clean.take(np.arange(min(copies, len(clean))))
    faces = [chosen.native(row) for row in range(len(chosen))]
    repairers = [
        f"{stage} {digest}"
        for stage, digest in about["parents"].items()
        if stage.startswith(REPAIRERS)
    ]
    said = [str(about["data"]), *repairers, *(f"{face.source}/{face.name}" for face in faces)]
    key = hashlib.sha256("\n".join(said).encode()).hexdigest()[:24]
    target = sources.cache / f"{split}-{key}-{len(chosen)}-{seed}.npz"
    return Pool(clean, repaired_copies(chosen, sources.cutouts(split), repair, seed, target))
