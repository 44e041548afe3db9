"""Really hidden faces: are masks and sunglasses found, and nothing else marked?"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.arrays import is_grey
from latent_ofer.datasets.archives import archive, file_sha256, read_faces
from latent_ofer.datasets.pool import FacePool
from latent_ofer.detector.scores import threshold_at
from latent_ofer.evaluation.bench import Bench
from latent_ofer.evaluation.conditions import condition
from latent_ofer.evaluation.detectors import Detector
from latent_ofer.evaluation.faces import ChosenFaces, subset
from latent_ofer.occlusion.patches import GRID

FALSE_POSITIVES = 0.02
"""Share of the patches of clean faces that the threshold lets through."""

Places = tuple[tuple[int, int], ...]
"""Patches as (row, column) from the top left, from 0."""


@dataclass(frozen=True)
class Worn:
    """One thing that people wear.

    Attributes
    ----------
    hidden : Places
        Lie under nearly every real one.
    visible : Places
        Lie under none.
    """

    hidden: Places
    visible: Places


def _block(rows: range, columns: range) -> Places:
    return tuple((row, column) for row in rows for column in columns)


LOWER_FACE = _block(range(9, 13), range(4, 10))
BROW_AND_EYES = _block(range(2, 5), range(3, 11))
BOTH_EYES = tuple((4, column) for column in (3, 4, 5, 8, 9, 10))
WORN = {"mask": Worn(LOWER_FACE, BROW_AND_EYES), "sunglasses": Worn(BOTH_EYES, LOWER_FACE)}


def evaluate_masked_faces(
    data: Path,
    cache: Path,
    detector: Detector,
    bench: Callable[[ChosenFaces], Bench],
    seed: int,
    limit: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Measure a detector on the faces of `masked_faces.zip`.

    Parameters
    ----------
    data, cache : Path
        Folder of the archives, and of their decoded copies.
    detector : Detector
    bench : callable
        A bench of some faces.
    seed : int
        Of the faces that `limit` picks.
    limit : int, optional
        Use only so many faces of each kind, and so many clean ones for the threshold.

    Returns
    -------
    dict
        For ``"mask"`` and ``"sunglasses"``: ``"n"``; ``"threshold"``, above which 2 % of the
        patches of clean dev faces in colour lie (without replicated border), ``"clean_faces"``
        of them; and the shares of the patches above it, ``"found"`` among those that are hidden
        and ``"marked_elsewhere"`` among those that cannot be, each ``{"value", "low", "high"}``
        with its 95 % interval, faces of one person drawn together; ``"at_thresholds"``: both
        shares at the detector's own thresholds.
    """
    assert detector.thresholds is not None

    def chosen(faces: FacePool, file: str) -> ChosenFaces:
        pool = subset(faces, limit, seed)
        return ChosenFaces(pool, {file: file_sha256(archive(data, file))}, {"split": file})

    def scores(faces: ChosenFaces) -> NDArray[Any]:
        return bench(faces).read(detector.method, condition("clean", seed))[detector.name]

    dev = FacePool([read_faces(data, "dev", cache)])
    clean = chosen(dev.take(np.flatnonzero(dev.colour)), "faces.zip")
    visible = ~clean.pool.borders
    threshold = threshold_at(scores(clean)[visible], FALSE_POSITIVES)
    worn_by = FacePool([read_faces(data, "val", cache, file="masked_faces.zip")])
    report = {}
    for kind, worn in WORN.items():
        here = [row for row, tags in enumerate(worn_by.tags) if tags.get("kind") == kind]
        faces = chosen(worn_by.take(np.array(here, dtype=np.int64)), "masked_faces.zip")
        seen, among = scores(faces), bench(faces).intervals()
        images = faces.pool.batch(np.arange(len(faces)))
        own = detector.thresholds.of(is_grey(images)).astype(np.float32)
        shares = [
            {
                "found": among.mean(marked_share(seen, limits, worn.hidden)),
                "marked_elsewhere": among.mean(marked_share(seen, limits, worn.visible)),
            }
            for limits in (threshold, own)
        ]
        about = {"n": len(faces), "threshold": threshold, "clean_faces": len(clean)}
        report[kind] = {**about, **shares[0], "at_thresholds": shares[1]}
    return report


def marked_share(
    scores: NDArray[Any], threshold: float | NDArray[Any], places: Places
) -> NDArray[np.float64]:
    """Share (n,) of the patches in `places` whose score (n, 14, 14) is above the threshold.

    One threshold for all faces, or one for each (n,).
    """
    grids = np.asarray(scores).reshape(-1, GRID, GRID)
    rows, columns = zip(*places, strict=True)
    limits = np.asarray(threshold).reshape(-1, 1)
    share: NDArray[np.float64] = (grids[:, rows, columns] > limits).mean(axis=1)
    return share
