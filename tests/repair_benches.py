"""Benches and stand-ins whose figures are known beforehand, on drawn archives."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quality import mean_fill
from repairers import (
    CSA,
    JUDGE,
    MAE,
    MEAN_FILL,
    NONE,
    RECOGNISER,
    SHIPPED,
    Repairs,
    Way,
)

from archives import write_faces, write_ferplus, write_occluders
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Sources
from latent_ofer.evaluation.answers import Method
from latent_ofer.evaluation.bench import Bench, open_bench
from latent_ofer.evaluation.faces import choose_faces, choose_kinds

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
NOTE = "not trained: latent-ofer train reconstructor_csa --data DIR"


class Known:
    """Knows the clean faces: repairs perfectly, and reads a face right only if it is clean."""

    def __init__(self, pool: FacePool) -> None:
        self.clean = pool.batch(np.arange(len(pool)))
        self.labels = np.where(pool.labels >= 0, pool.labels, 0)
        self.repairs: list[int] = []
        self.reads: list[int] = []
        self.repaired_patches: list[Mask] = []
        self.seen: list[tuple[Pixels, Mask]] = []

    def repair(self, faces: Pixels, mask: Mask) -> Pixels:
        self.repairs.append(len(faces))
        self.seen.append((faces, mask))
        return np.stack([self.clean[self.row_of(face)] for face in faces])

    def read(self, faces: Pixels, patches: Mask) -> NDArray[np.float64]:
        self.reads.append(len(faces))
        self.repaired_patches.append(patches)
        rows = [self.row_of(face) for face in faces]
        right = [(face == self.clean[row]).all() for face, row in zip(faces, rows, strict=True)]
        # Nobody's label among the drawn faces is 7.
        return np.eye(8)[np.where(right, self.labels[rows], 7)]

    def row_of(self, face: Pixels) -> int:
        """The clean face that shares the most pixels with this one."""
        return int((self.clean == face).all(-1).sum((1, 2)).argmax())


def write_measured(folder: Path) -> Path:
    """Archives with six validation faces each."""
    write_faces(folder, (10, 3, 6))
    write_ferplus(folder, (12, 4, 6))
    write_occluders(folder)
    return folder


def labelled(data: Path, folder: Path) -> dict[str, Bench]:
    """The four validation faces that have a label."""
    sources = Sources(data, data / "cache")
    faces = choose_faces(sources, "val", None, 7)
    return {"": open_bench(faces, [], sources, ["clean", "objects"], runs=folder)}


def kinds(data: Path, folder: Path) -> dict[str, Bench]:
    """All validation faces, colour and grey apart."""
    sources = Sources(data, data / "cache")
    return {
        name: open_bench(faces, [], sources, ["clean", "objects"], runs=folder)
        for name, faces in choose_kinds(sources, "val", None, 7).items()
    }


def known_repairs(data: Path, *, judge: bool = True) -> tuple[Repairs, Known]:
    """Nothing, mean fill, a perfect "MAE only", an untrained CSA, and mean fill as the shipped."""
    known = Known(Sources(data, data / "cache").pool("val"))
    repairers = [
        Way(NONE, "none"),
        Way(MEAN_FILL, "mean", mean_fill),
        Way(MAE, "perfect", known.repair),
        Way(CSA, note=NOTE),
        Way(SHIPPED, "shipped", mean_fill),
    ]
    readers = {
        RECOGNISER: Way(RECOGNISER, "r", known.read),
        JUDGE: Way(JUDGE, "j", known.read) if judge else Way(JUDGE, note="train judge"),
    }
    finder = Method("centre", "c", lambda batch: {"mask": np.stack([CENTRE] * len(batch.ids))})
    return Repairs(repairers, readers, "centre", finder), known


CENTRE = np.zeros((14, 14), dtype=np.bool_)
CENTRE[4:10, 4:10] = True
