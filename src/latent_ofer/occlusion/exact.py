"""Arithmetic that ends in the same bits on every machine.

Additions, multiplications, divisions and square roots of single numbers are the same everywhere.
Sines, sums of many numbers, matrix products and fused multiply-adds are not in their last bits,
and a last bit can turn a grey level into the next one. So sums are made of whole numbers, and
whatever comes from the others is rounded to a coarse grid before it is used.
"""

from math import floor, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

STEP = 2.0**-20
"""Grid of coordinates and factors. An affine transform of Pillow with coefficients on it needs
at most 50 bits, so that its floating point is exact."""

RADIUS_STEP = 2.0**-16
"""Grid of blur radii: Pillow keeps them in 24 bits."""

PASSES = 3
"""Box blurs that together come close to a Gaussian."""


def on_grid(values: NDArray[np.floating] | float) -> NDArray[np.float64]:
    """Round to the grid of `STEP`; any shape."""
    return np.asarray(np.rint(np.asarray(values, dtype=np.float64) / STEP) * STEP)


def number_on_grid(value: float) -> float:
    """Round one number to the grid of `STEP`."""
    return round(value / STEP) * STEP


def sine(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sine of each value, (...) float32; in double precision first, whose last bits do not show."""
    return np.sin(values, dtype=np.float64).astype(np.float32)


def mean_colour(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean of each channel of a picture (H, W, 3) uint8 -> (3,) float in 0-255."""
    total = picture.sum(axis=(0, 1), dtype=np.int64)
    return np.asarray(total / (picture.shape[0] * picture.shape[1]))


def luma(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Brightness of (..., 3) RGB in all three channels: (..., 3) float32."""
    red, green, blue = (colour[..., channel : channel + 1] for channel in range(3))
    grey = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
    return np.repeat(grey, 3, axis=-1)


def softened(picture: Image.Image, sigma: float) -> Image.Image:
    """Blur by about a Gaussian, as `PIL.ImageFilter.GaussianBlur` does it.

    Pillow finds the width of its boxes in single precision. Here it is found in double precision
    and rounded, so that every step of the blur is arithmetic of whole numbers.

    Parameters
    ----------
    picture : PIL image of mode L, RGB or RGBa
    sigma : float
        Pixels.
    """
    radius = round(box_radius(sigma) / RADIUS_STEP) * RADIUS_STEP
    for axes in ((radius, 0.0), (0.0, radius)):
        for _ in range(PASSES):
            picture = picture.filter(ImageFilter.BoxBlur(axes))
    return picture


def box_radius(sigma: float) -> float:
    """Radius of the box, in pixels, whose `PASSES` passes have the variance of a Gaussian.

    The box has a whole middle and a share of one pixel at each end (Gwosdek, Grewenig, Bruhn,
    Weickert: Theoretical foundations of Gaussian convolution by extended box filtering, 2011).
    """
    variance = sigma * sigma / PASSES
    whole = floor((sqrt(12 * variance + 1) - 1) / 2)
    share = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance)
    return whole + share / (6 * (variance - (whole + 1) ** 2))
