"""Really hidden faces: are masks and sunglasses found, and nothing else marked?"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from latent_ofer.arrays import Pixels, is_grey
from latent_ofer.datasets.archives import read_faces
from latent_ofer.datasets.pool import FacePool
from latent_ofer.detector.scores import threshold_at
from latent_ofer.evaluation.bootstrap import measured, resample_counts, resampled_ratio
from latent_ofer.occlusion.patches import GRID
from latent_ofer.weights_folder import Thresholds

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
    scores: Callable[[Pixels], NDArray[Any]],
    thresholds: Thresholds,
    rng: Generator,
    limit: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Measure a detector on the faces of `masked_faces.zip`.

    Parameters
    ----------
    data, cache : Path
        Folder of the archives, and of their decoded copies.
    scores : callable
        Faces (n, 112, 112, 3) uint8 RGB to scores (n, 14, 14), higher for more likely hidden.
    thresholds : Thresholds
        Scores above which the detector calls a patch hidden.
    rng : Generator
        Of the resamples.
    limit : int, optional
        Use only so many faces of each kind, and so many clean ones for the threshold.

    Returns
    -------
    dict
        For ``"mask"`` and ``"sunglasses"``: ``"n"``; ``"threshold"``, above which 2 % of the
        patches of clean dev faces in colour lie (without replicated border), ``"clean_faces"``
        of them; and the shares of the patches above it, ``"found"`` among those that are hidden
        and ``"marked_elsewhere"`` among those that cannot be, each ``{"value", "low", "high"}``
        with its 95 % interval over images; ``"at_thresholds"``: both shares at the detector's
        own thresholds.
    """
    dev = read_faces(data, "dev", cache)
    dev = dev.take(dev.colour)
    clean = np.asarray(scores(dev.images[:limit])).reshape(-1, GRID**2)
    streaks = FacePool([dev]).borders[: len(clean)]
    threshold = threshold_at(clean[~streaks], FALSE_POSITIVES)
    faces = read_faces(data, "val", cache, file="masked_faces.zip")
    report = {}
    for kind, worn in WORN.items():
        here = np.array([tags.get("kind") == kind for tags in faces.tags], dtype=np.bool_)
        images = faces.images[here][:limit]
        seen = scores(images)
        own = thresholds.of(is_grey(images)).astype(np.float32)
        counts = resample_counts(len(seen), rng)
        report[kind] = {
            "n": len(seen),
            "threshold": threshold,
            "clean_faces": len(clean),
            "found": _mean(marked_share(seen, threshold, worn.hidden), counts),
            "marked_elsewhere": _mean(marked_share(seen, threshold, worn.visible), counts),
            "at_thresholds": {
                "found": _mean(marked_share(seen, own, worn.hidden), counts),
                "marked_elsewhere": _mean(marked_share(seen, own, worn.visible), counts),
            },
        }
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


def _mean(shares: NDArray[np.float64], counts: NDArray[np.float32]) -> dict[str, float]:
    resampled = resampled_ratio(counts, shares, np.ones_like(shares))
    return measured(float(shares.mean()), resampled)
