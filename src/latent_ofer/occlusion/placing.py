"""Putting a layer on a face, at the scale that hides as much as wanted."""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, sin, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.occlusion.exact import number_on_grid

REFERENCE = 112
"""Side in pixels at which lengths of the protocols (jitter, softening) are stated."""


@dataclass(frozen=True)
class Composition:
    """A face with something in front of it.

    Attributes
    ----------
    face : (S, S, 3) uint8 RGB
    covered : (S, S) bool
        Where the thing's opacity is above one half.
    wanted : float
        Share of the pixels that was to be covered, in 0-1; thin or hollow things may fail to.
    """

    face: NDArray[np.uint8]
    covered: NDArray[np.bool_]
    wanted: float


def placed(
    layer: Image.Image,
    scale: float,
    angle: float,
    centre: NDArray[np.float64],
    canvas: tuple[int, int],
) -> Image.Image:
    """Scale and turn a layer and lay its middle on a point of an empty canvas.

    Parameters
    ----------
    layer : PIL image of mode L or RGBa (premultiplied)
    scale : float
    angle : float
        Radians, clockwise on the screen.
    centre : (2,) float
        (x, y) in pixels of the canvas, pixel centres at whole numbers.
    canvas : (width, height)
    """
    width, height = layer.size
    if scale < 1:
        # An affine transform reads single pixels: shrinking is left to a filter that averages.
        small = max(1, round(width * scale)), max(1, round(height * scale))
        layer = layer.resize(small, Image.Resampling.BOX)
    across, down = layer.width / (width * scale), layer.height / (height * scale)
    x, y = (centre + 0.5).tolist()
    a, b = number_on_grid(cos(angle) * across), number_on_grid(sin(angle) * across)
    d, e = number_on_grid(-sin(angle) * down), number_on_grid(cos(angle) * down)
    left = number_on_grid(layer.width / 2 - a * x - b * y)
    top = number_on_grid(layer.height / 2 - d * x - e * y)
    inverse = (a, b, left, d, e, top)
    return layer.transform(canvas, Image.Transform.AFFINE, inverse, Image.Resampling.BILINEAR)


def scale_for(
    covered_at: Callable[[float], NDArray[np.bool_]], target: float, first: float, limit: float
) -> tuple[float, NDArray[np.bool_]]:
    """Find the scale at which a shape covers the wanted share of the crop.

    Area grows with the square of the scale, more slowly where the shape leaves the crop, and can
    shrink again for hollow things: so the square-root step is repeated and the best try kept.

    Parameters
    ----------
    covered_at : scale -> (S, S) bool
    target : float
        Share of the crop in (0, 1), reached to within 0.005 where the shape can.
    first, limit : float
        Scale to begin with, and the largest allowed.

    Returns
    -------
    scale : float
    covered : (S, S) bool
    """
    scale = min(first, limit)
    best = scale, covered_at(scale)
    share = best_share = float(best[1].mean())
    for _ in range(10):
        following = min(scale * sqrt(target / max(share, target / 4)), limit)
        if abs(best_share - target) < 0.005 or following == scale:
            break
        scale = following
        covered = covered_at(scale)
        share = float(covered.mean())
        if abs(share - target) < abs(best_share - target):
            best, best_share = (scale, covered), share
    return best
