"""A bench of stand-ins whose figures are known beforehand, on drawn archives."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archives import write_faces, write_ferplus, write_occluders
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Sources
from latent_ofer.evaluation.repair import mean_fill
from latent_ofer.evaluation.repair_bench import Bench
from latent_ofer.evaluation.repaired_faces import Detector, Reader
from latent_ofer.evaluation.repairers import (
    CSA,
    MAE,
    MEAN_FILL,
    NONE,
    SHIPPED,
    NotTrained,
    Repairer,
)

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
NOTE = "not trained: latent-ofer train reconstructor_csa"


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


def known_bench(data: Path, folder: Path, *, judge: bool = True) -> tuple[Bench, Known]:
    """Nothing, mean fill, a perfect "MAE only", an untrained CSA, and mean fill as the shipped."""
    sources = Sources(data, data / "cache")
    known = Known(sources.pool("val"))
    bench = Bench(
        sources,
        "val",
        [
            Repairer(NONE, "none", None),
            Repairer(MEAN_FILL, "mean", mean_fill),
            Repairer(MAE, "perfect", known.repair),
            NotTrained(CSA, NOTE),
            Repairer(SHIPPED, "shipped", mean_fill),
        ],
        Reader("recogniser", "r", known.read),
        Reader("judge", "j", known.read) if judge else NotTrained("judge", "train judge"),
        Detector("centre", "c", lambda faces: np.repeat(CENTRE[None], len(faces), axis=0)),
        {"shipped weights": "w"},
        folder / "measured",
        7,
        None,
    )
    return bench, known


CENTRE = np.zeros((14, 14), dtype=np.bool_)
CENTRE[4:10, 4:10] = True
