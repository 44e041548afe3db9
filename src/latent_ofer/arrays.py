"""Small conversions between pictures as users hold them and arrays as networks take them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.backends.protocol import Floats, Mask
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.occlusion.patches import GRID, touched_patches
from latent_ofer.results import Expression

Pixels = NDArray[np.uint8]

GREY_SPREAD = 3.0
"""Levels of 255: a face whose channels differ by less on average counts as grey."""


def to_planes(faces: Pixels) -> Floats:
    """(B, S, S, 3) uint8 to (B, 3, S, S) float32 in [0, 1]."""
    planes = faces.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(planes)


def to_pixels(planes: Floats) -> Pixels:
    """(B, 3, S, S) float in [0, 1] to (B, S, S, 3) uint8, rounded; inverts `to_planes`."""
    levels = np.rint(np.clip(planes, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(0, 2, 3, 1))


def is_grey(faces: Pixels) -> NDArray[np.bool_]:
    """(B,) bool: the three channels of the face (B, S, S, 3) are nearly equal everywhere."""
    spread = faces.max(axis=3).astype(np.float64) - faces.min(axis=3)
    grey: NDArray[np.bool_] = spread.mean(axis=(1, 2)) < GREY_SPREAD
    return grey


def as_batch(faces: NDArray[Any], size: int) -> tuple[Pixels, bool]:
    """One face (S, S, 3) or a batch (B, S, S, 3) as a batch, and whether it was one.

    Raises
    ------
    ValueError
        If the array is not uint8 of one of the two shapes.
    """
    faces = np.asarray(faces)
    if faces.dtype != np.uint8 or faces.ndim not in (3, 4) or faces.shape[-3:] != (size, size, 3):
        raise ValueError(
            f"face must be a uint8 array ({size}, {size}, 3), or a batch of them; "
            f"got {faces.dtype} {faces.shape}"
        )
    single = faces.ndim == 3
    return (faces[None] if single else faces), single


def as_masks(mask: NDArray[Any], count: int, size: int) -> tuple[Mask, Mask | None]:
    """A user's mask as patch masks (count, 14, 14), with pixel masks if it was given in pixels.

    Parameters
    ----------
    mask : (14, 14) or (size, size) bool, or (count, ...) of them
        True where the face is hidden; one without a batch dimension holds for every face.

    Returns
    -------
    patches : (count, 14, 14) bool
        Every patch that a hidden pixel touches.
    pixels : (count, size, size) bool, or None
        None when the mask came as patches.

    Raises
    ------
    ValueError
        If the array is not bool of one of these shapes.
    """
    mask = np.asarray(mask)
    sides = {(GRID, GRID), (size, size)}
    batched = mask.ndim == 3 and len(mask) == count
    if mask.dtype != np.bool_ or mask.shape[-2:] not in sides or not (mask.ndim == 2 or batched):
        raise ValueError(
            f"mask must be a bool array ({GRID}, {GRID}) or ({size}, {size}), or one such for "
            f"each of the {count} faces; got {mask.dtype} {mask.shape}"
        )
    masks = np.ascontiguousarray(np.broadcast_to(mask, (count, *mask.shape[-2:])))
    if mask.shape[-1] == GRID:
        return masks, None
    return touched_patches(masks), masks


def to_expressions(logits: Floats, attention: Floats, labels: int) -> list[Expression]:
    """`to_expression` of each face: logits (B, 8), attention (B, 14, 14)."""
    pairs = zip(logits, attention, strict=True)
    return [to_expression(logit, heat, labels) for logit, heat in pairs]


def to_expression(logits: Floats, attention: Floats, labels: int) -> Expression:
    """Softmax over the first `labels` of eight logits; attention (14, 14).

    Leaving contempt, the last label, out of the softmax is the same as renormalising without it.
    """
    kept = logits[:labels].astype(np.float64)
    weights = np.exp(kept - kept.max())
    shares = weights / weights.sum()
    probabilities = {label: float(p) for label, p in zip(EXPRESSIONS[:labels], shares, strict=True)}
    best = max(probabilities, key=lambda label: probabilities[label])
    return Expression(best, probabilities[best], probabilities, attention)
