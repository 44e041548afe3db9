"""From hidden pixels to hidden patches and back; True means hidden everywhere."""

import numpy as np
from numpy.typing import NDArray

GRID = 14
"""Patches along each side of a face."""

OCCLUDED_SHARE = 0.25
"""A patch is occluded when at least this share of its pixels is covered."""


def patch_share(pixels: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Share of each patch's pixels that is covered.

    Parameters
    ----------
    pixels : (..., S, S) bool, S a multiple of 14

    Returns
    -------
    (..., 14, 14) float32 in [0, 1]

    Raises
    ------
    ValueError
        If the last two axes are not a square of a multiple of 14 pixels.
    """
    height, width = pixels.shape[-2:]
    if height != width or width % GRID or not width:
        raise ValueError(f"expected (..., S, S) with S a multiple of {GRID}, got {pixels.shape}")
    side = width // GRID
    blocks = pixels.reshape(*pixels.shape[:-2], GRID, side, GRID, side)
    share: NDArray[np.float32] = blocks.mean(axis=(-3, -1), dtype=np.float32)
    return share


def occluded_patches(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Patches of which at least a quarter is covered: (..., S, S) -> (..., 14, 14) bool."""
    return patch_share(pixels) >= OCCLUDED_SHARE


def border_patches(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Patches covered by more than nothing and less than a quarter: -> (..., 14, 14) bool.

    Detection scores leave them out.
    """
    share = patch_share(pixels)
    return (share > 0) & (share < OCCLUDED_SHARE)


def touched_patches(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Occluded and border patches together, what is handed to repair: -> (..., 14, 14) bool."""
    return patch_share(pixels) > 0


def patch_pixels(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Spread a patch mask over its pixels.

    Parameters
    ----------
    mask : (..., 14, 14) bool
    size : int
        Side of the face in pixels, a multiple of 14.

    Returns
    -------
    (..., size, size) bool

    Raises
    ------
    ValueError
        If the mask is not 14 x 14 or the size not a multiple of 14.
    """
    if mask.shape[-2:] != (GRID, GRID) or size % GRID or size <= 0:
        raise ValueError(
            f"expected a (..., {GRID}, {GRID}) mask and a multiple of {GRID} pixels, "
            f"got {mask.shape} and {size}"
        )
    side = size // GRID
    return mask.repeat(side, axis=-2).repeat(side, axis=-1)


def outline(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The edges between hidden patches and what is not hidden.

    Parameters
    ----------
    mask : (14, 14) bool

    Returns
    -------
    (E, 2, 2) int
        Both ends of each edge as (x, y) in patches, 0 to 14.
    """
    padded = np.pad(mask, 1)
    y, x = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])
    level = np.stack([np.stack([x, y], 1), np.stack([x + 1, y], 1)], 1)
    y, x = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    upright = np.stack([np.stack([x, y], 1), np.stack([x, y + 1], 1)], 1)
    return np.concatenate([level, upright])
