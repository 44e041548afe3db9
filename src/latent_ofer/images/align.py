"""From a face in a photo to the crop that the networks know: the template, warps, square crops."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TEMPLATE_SIZE: Final = 112
TEMPLATE_112: Final[NDArray[np.float64]] = np.array(
    [[35.88, 42.28], [75.12, 42.28], [55.50, 66.25], [39.61, 84.59], [71.39, 84.59]]
)
"""(5, 2) px, pixel centres: left eye in the image, right eye, nose, mouth left, mouth right."""
TEMPLATE_112.setflags(write=False)

_MARGIN: Final = 4
"""Reduced pixels around what a crop needs, for the reach of the bicubic kernel."""


@np.errstate(all="ignore")
def align_face(
    image: NDArray[np.uint8], landmarks: NDArray[np.floating], size: int = TEMPLATE_SIZE
) -> NDArray[np.uint8]:
    """Turn, scale and shift a face onto the template.

    Parameters
    ----------
    image : (H, W, 3) uint8
    landmarks : (5, 2) float
        Pixels of ``image``, in the order of ``TEMPLATE_112``.
    size : int
        Side of the crop in pixels.

    Returns
    -------
    (size, size, 3) uint8
        What lies outside the image repeats its border.

    Raises
    ------
    ValueError
        If the landmarks are not finite or all in one place.
    """
    template = (TEMPLATE_112 + 0.5) * size / TEMPLATE_SIZE - 0.5
    return warp(image, similarity(landmarks, template), size)


@np.errstate(all="ignore")
def similarity(
    landmarks: NDArray[np.floating], template: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the least-squares rotation, scale and shift (Umeyama, no reflection).

    Parameters
    ----------
    landmarks, template : (N, 2) float

    Returns
    -------
    (2, 3) float
        ``matrix[:, :2] @ landmark + matrix[:, 2]`` lies near the template's point.

    Raises
    ------
    ValueError
        If the landmarks are not finite or all in one place.
    """
    source = np.asarray(landmarks, dtype=np.float64)
    target = np.asarray(template, dtype=np.float64)
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    # In the plane a similarity is one complex factor, so least squares needs no SVD.
    z = (source - source_mean) @ (1, 1j)
    w = (target - target_mean) @ (1, 1j)
    spread = float(np.sum(np.abs(z) ** 2))
    if not np.isfinite(spread) or spread < 1e-6:
        raise ValueError("landmarks must be finite and not all in one place")
    factor = complex(np.vdot(z, w)) / spread
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.column_stack((turn, target_mean - turn @ source_mean))


@np.errstate(all="ignore")
def warp(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], size: int, quick: bool = False
) -> NDArray[np.uint8]:
    """Resample the square that a similarity maps to ``size`` x ``size`` pixels.

    The source is shrunk by a whole factor first where it is much larger than the crop, sampled
    bicubically, as a rule twice as densely as the crop, then averaged: no aliasing either way.
    Only the part that the crop shows is touched.

    Parameters
    ----------
    image : (H, W, 3) uint8
    matrix : (2, 3) float
        Image pixels to crop pixels, pixel centres at whole numbers.
    size : int
    quick : bool
        One bilinear sample a crop pixel where the image is not shrunk: ten times as quick, and
        enough to look for a face.

    Returns
    -------
    (size, size, 3) uint8
    """
    back: NDArray[np.float64] = np.linalg.inv(matrix[:, :2]).astype(np.float64)
    # Corners at whole numbers from here on, as Pillow counts.
    shift = back @ (-0.5 - matrix[:, 2]) + 0.5
    step = math.hypot(back[0, 0], back[1, 0])
    factor = max(1, math.floor(step / 2))
    patch, origin = _reduced_patch(image, back, shift, size, factor)
    dense = max(1 if quick else 2, math.ceil(step / factor))
    linear = back / (dense * factor)
    offset = (shift - origin) / factor
    coefficients = (*linear[0], offset[0], *linear[1], offset[1])
    warped = patch.transform(
        (size * dense, size * dense),
        Image.Transform.AFFINE,
        tuple(float(v) for v in coefficients),
        Image.Resampling.BILINEAR if quick else Image.Resampling.BICUBIC,
    )
    return np.array(warped.reduce(dense))


def _reduced_patch(
    image: NDArray[np.uint8],
    back: NDArray[np.float64],
    shift: NDArray[np.float64],
    size: int,
    factor: int,
) -> tuple[Image.Image, NDArray[np.float64]]:
    """Cut out what the crop needs, shrink it, then repeat the image's border where it ends.

    Shrinking before padding keeps the padding small however large the photo is.
    """
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [0, size], [size, 0], [size, size]]) @ back.T + shift
    low = np.floor(corners.min(axis=0)).astype(int) - _MARGIN * factor
    high = np.ceil(corners.max(axis=0)).astype(int) + _MARGIN * factor
    limit = np.array([width, height])
    start = np.clip(low, 0, limit - 1)
    stop = np.clip(high, start + 1, limit)
    part = Image.fromarray(np.ascontiguousarray(image[start[1] : stop[1], start[0] : stop[0]]))
    pixels = np.asarray(part.reduce(factor))
    before = np.maximum(0, -((low - start) // factor))
    after = np.maximum(0, -(-(high - start) // factor) - [pixels.shape[1], pixels.shape[0]])
    pads = ((before[1], after[1]), (before[0], after[0]), (0, 0))
    origin = (start - before * factor).astype(np.float64)
    return Image.fromarray(np.pad(pixels, pads, mode="edge")), origin


@np.errstate(all="ignore")
def square_crop(image: NDArray[np.uint8], size: int = TEMPLATE_SIZE) -> NDArray[np.uint8]:
    """Bring a ready face crop of any size and shape into the networks' frame.

    Parameters
    ----------
    image : (H, W, 3) uint8

    Returns
    -------
    (size, size, 3) uint8
        Centred, the edges of the short side repeated; unchanged if it has this size already.
    """
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image.copy()
    scale = size / max(height, width)
    # Resized before it is padded: a ribbon of 20,000 px would need a gigabyte as a square.
    new_width, new_height = (max(1, round(side * scale)) for side in (width, height))
    small = np.asarray(
        Image.fromarray(image).resize((new_width, new_height), Image.Resampling.BICUBIC)
    )
    top, left = (size - new_height) // 2, (size - new_width) // 2
    pads = ((top, size - new_height - top), (left, size - new_width - left), (0, 0))
    return np.pad(small, pads, mode="edge")
