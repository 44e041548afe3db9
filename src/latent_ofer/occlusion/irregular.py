"""Free-form holes: strokes and blobs, in six bins of hole share (*Irregular* protocol)."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from latent_ofer.occlusion.exact import on_grid

BINS = ((0.01, 0.10), (0.10, 0.20), (0.20, 0.30), (0.30, 0.40), (0.40, 0.50), (0.50, 0.60))
"""Hole shares, each without its lower and with its upper end."""

NEAR = 0.01
"""How far above the share drawn a finished mask may lie."""


def irregular_mask(rng: Generator, size: int, share: tuple[float, float]) -> NDArray[np.bool_]:
    """Draw a free-form hole.

    Parameters
    ----------
    rng : numpy Generator
    size : int
        Side in pixels.
    share : (low, high)
        The hole's share of the pixels lies in (low, high], always, about uniformly.

    Returns
    -------
    (size, size) bool, True = hidden

    Raises
    ------
    ValueError
        If no whole number of pixels lies in the range.
    """
    low, high = share
    pixels = size * size
    if not 0 <= low < high <= 1 or np.floor(high * pixels) <= low * pixels:
        raise ValueError(f"no mask of {size} x {size} px has a hole share in ({low}, {high}]")
    most = int(np.floor(high * pixels))
    least = min(max(int(rng.uniform(low, high) * pixels), int(np.floor(low * pixels)) + 1), most)
    enough = min(most, least + int(NEAR * pixels))

    mask = Image.new("L", (size, size))
    thick = rng.uniform(0.04, 0.16) * size
    hidden = 0
    while hidden < least:
        trial = mask.copy()
        _stroke_or_blob(ImageDraw.Draw(trial), rng, size, thick)
        count = trial.histogram()[255]
        if count <= enough:
            mask, hidden = trial, count
        else:
            # Too much: go on with thinner pieces, at last single pixels, so that it always ends.
            thick *= 0.7
    return np.asarray(mask) > 0


def _stroke_or_blob(draw: ImageDraw.ImageDraw, rng: Generator, size: int, thick: float) -> None:
    """Add one piece; below one pixel of thickness it is a single pixel."""
    point = rng.uniform(0, size, 2)
    if thick < 1:
        draw.point([(int(point[0]), int(point[1]))], fill=255)
    elif rng.random() < 0.3:
        angles = np.sort(rng.uniform(0, 2 * np.pi, 12))
        radii = thick * rng.uniform(0.6, 1.6, 12)
        outline = point + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        draw.polygon([(x, y) for x, y in on_grid(outline).tolist()], fill=255)
    else:
        heading = rng.uniform(0, 2 * np.pi)
        width = thick * rng.uniform(0.4, 1)
        for _ in range(int(rng.integers(2, 8))):
            heading += rng.normal(0, 0.7)
            step = rng.uniform(1, 3) * thick * np.array([np.cos(heading), np.sin(heading)])
            onward = on_grid(point + step)
            draw.line([*point.tolist(), *onward.tolist()], fill=255, width=max(1, round(width)))
            _disc(draw, onward, width / 2)
            point = onward


def _disc(draw: ImageDraw.ImageDraw, centre: NDArray[np.float64], radius: float) -> None:
    """Round a stroke's joint."""
    draw.ellipse([*(centre - radius).tolist(), *(centre + radius).tolist()], fill=255)
