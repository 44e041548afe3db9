"""Whole patches to hide: at random, where a network looked, over the eyes, over the mouth."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from latent_ofer.occlusion.patches import GRID
from latent_ofer.occlusion.placing import REFERENCE

PATCHES = GRID * GRID
PATCH_SIDE = REFERENCE // GRID
"""Pixels of an aligned face of 112 px."""

MARGIN = 1
"""Patches around those that hold the points of eyes or mouth."""

HEAT_STEPS = 1024
"""Heat is compared in this many steps of its range: below them is a network's rounding."""


def patch_count(percent: int) -> int:
    """How many of the 196 patches a share is, rounded half up."""
    return (PATCHES * percent + 50) // 100


def random_patches(rng: Generator, percent: int) -> NDArray[np.bool_]:
    """Draw patches (*Random* protocol).

    From one generator, those of a smaller share are among those of a larger one.

    Returns
    -------
    (14, 14) bool, True = hidden
    """
    return _grid_of(rng.permutation(PATCHES)[: patch_count(percent)])


def hottest_patches(heat: NDArray[np.floating], percent: int) -> NDArray[np.bool_]:
    """Patches with the most heat (*Grad-CAM* protocol); of equal ones the earlier, row by row.

    Parameters
    ----------
    heat : (14, 14) float
        Of any sign.
    percent : int

    Returns
    -------
    (14, 14) bool, True = hidden
    """
    values = np.asarray(heat, dtype=np.float64).ravel()
    largest = float(np.abs(values).max()) or 1.0
    steps = np.rint(values / largest * HEAT_STEPS)
    return _grid_of(np.argsort(-steps, kind="stable")[: patch_count(percent)])


def eye_patches(landmarks: NDArray[np.floating]) -> NDArray[np.bool_]:
    """The patch rectangle around both eyes (*Eyes* protocol).

    Parameters
    ----------
    landmarks : (5, 2) float
        Eyes, nose, corners of the mouth: (x, y) in pixels of the 112 px face.

    Returns
    -------
    (14, 14) bool, True = hidden
    """
    return patches_around(landmarks[:2])


def mouth_patches(landmarks: NDArray[np.floating]) -> NDArray[np.bool_]:
    """The patch rectangle around the corners of the mouth (*Mouth* protocol); see `eye_patches`."""
    return patches_around(landmarks[3:])


def patches_around(points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Smallest rectangle of patches that holds all points, and one patch more on each side.

    Parameters
    ----------
    points : (N, 2) float
        (x, y) in pixels of the 112 px face, pixel centres at whole numbers; points outside count
        as on the border.

    Returns
    -------
    (14, 14) bool, True = hidden
    """
    cells = np.floor((np.asarray(points, dtype=np.float64) + 0.5) / PATCH_SIDE)
    cells = np.clip(cells, 0, GRID - 1).astype(int)
    left, top = np.maximum(cells.min(axis=0) - MARGIN, 0)
    right, bottom = cells.max(axis=0) + MARGIN + 1
    mask = np.zeros((GRID, GRID), dtype=np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def _grid_of(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    mask = np.zeros(PATCHES, dtype=np.bool_)
    mask[numbers] = True
    return mask.reshape(GRID, GRID)
