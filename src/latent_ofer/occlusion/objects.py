"""Cut-outs of real things laid over faces: the *Objects* protocol."""

from math import sqrt
from typing import cast

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.occlusion.cutouts import DEV_CATEGORIES, Anchor, Cutout, load_cutouts
from latent_ofer.occlusion.exact import luma, mean_colour, number_on_grid, on_grid, softened
from latent_ofer.occlusion.placing import REFERENCE, Composition, placed, scale_for

__all__ = [
    "DEV_CATEGORIES",
    "Anchor",
    "Cutout",
    "compose_object",
    "load_cutouts",
    "paste_object",
]

LONGEST = 2.0
"""Longest side that scaling may give an object, in sides of the crop."""


def paste_object(
    face: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    cutout: Cutout,
    rng: Generator,
    *,
    size: int = REFERENCE,
    grey: bool = False,
    coverage: tuple[float, float] = (0.05, 0.40),
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Lay a cut-out over a face: face and covered pixels of `compose_object`."""
    made = compose_object(face, landmarks, cutout, rng, size=size, grey=grey, coverage=coverage)
    return made.face, made.covered


def compose_object(
    face: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    cutout: Cutout,
    rng: Generator,
    *,
    size: int = REFERENCE,
    grey: bool = False,
    coverage: tuple[float, float] = (0.05, 0.40),
) -> Composition:
    """Lay a cut-out over a face under the *Objects* protocol.

    The object is composed at the face's own resolution and resized (bicubic) with it.

    Parameters
    ----------
    face : (S, S, 3) uint8 RGB
        At its native resolution, for example 48 px for FERPlus.
    landmarks : (5, 2) float
        Left eye in the image, right eye, nose, mouth left, mouth right: (x, y) in pixels of
        ``face``, pixel centres at whole numbers.
    cutout : Cutout
    rng : numpy Generator
        See `latent_ofer.occlusion.seeds.image_rng`.
    size : int
        Side of the result in pixels.
    grey : bool
        Make the object grey, for grey faces.
    coverage : (low, high)
        Share of the result's pixels to cover, drawn uniformly from this range. Reached to within
        0.01 unless the object would need a side of more than two crops.

    Returns
    -------
    Composition of ``size`` x ``size`` pixels
    """
    side = face.shape[0]
    canvas = (side, side)
    unit = side / REFERENCE
    anchor = _anchor_point(cutout.anchor, landmarks, rng)
    centre = on_grid(anchor + on_grid(rng.normal(0, 4, 2)) * unit)
    target = number_on_grid(rng.uniform(*coverage))
    angle = number_on_grid(_angle(cutout.anchor, landmarks, rng))
    brightness = number_on_grid(rng.uniform(0.7, 1.3))
    sigma = rng.uniform(0.5, 1.2) * unit

    layer = Image.fromarray(cutout.rgba).convert("RGBa")
    alpha = layer.getchannel("a")

    def covered_at(scale: float) -> NDArray[np.bool_]:
        hidden = softened(placed(alpha, scale, angle, centre, canvas), sigma)
        return np.asarray(hidden.resize((size, size), Image.Resampling.BICUBIC)) > 127

    area = np.count_nonzero(cutout.rgba[..., 3] > 127)
    scale, covered = scale_for(
        covered_at, target, sqrt(target * side * side / area), LONGEST * side / max(layer.size)
    )
    sharp = placed(layer, scale, angle, centre, canvas)
    colour, opacity = _straight(sharp, softened(sharp, sigma))
    colour = _lit(colour, opacity, face, brightness, grey)
    blend = face + opacity * (colour - face)
    composed = Image.fromarray(np.clip(np.rint(blend), 0, 255).astype(np.uint8))
    result = np.array(composed.resize((size, size), Image.Resampling.BICUBIC))
    return Composition(result, covered, target)


def _anchor_point(
    anchor: Anchor, landmarks: NDArray[np.floating], rng: Generator
) -> NDArray[np.float64]:
    points = np.asarray(landmarks, dtype=np.float64)
    if anchor == "eyes":
        return np.asarray(points[:2].mean(axis=0))
    if anchor == "mouth":
        return np.asarray(points[3:].mean(axis=0))
    if anchor == "nose":
        return np.asarray(points[2])
    if anchor == "cheek":
        near = int(rng.integers(2))
        outward = 0.2 * (points[near] - points[1 - near])
        return np.asarray((points[near] + points[3 + near]) / 2 + outward)
    return np.asarray(points[int(rng.integers(5))])


def _angle(anchor: Anchor, landmarks: NDArray[np.floating], rng: Generator) -> float:
    """Draw an angle in radians, clockwise on the screen."""
    if anchor not in ("eyes", "mouth"):
        return float(np.deg2rad(rng.uniform(-30, 30)))
    across = landmarks[1] - landmarks[0]
    return float(np.arctan2(across[1], across[0]) + np.deg2rad(rng.uniform(-8, 8)))


def _straight(
    sharp: Image.Image, blurred: Image.Image
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colour (S, S, 3) in 0-255 and softened opacity (S, S, 1) in 0-1 of premultiplied layers.

    Inside the object the colour stays sharp; beyond its edge the blurred colour goes on.
    """
    inner = np.asarray(sharp, dtype=np.float32)
    outer = np.asarray(blurred, dtype=np.float32)
    solid = inner[..., 3:] > 127
    layers: NDArray[np.float32] = np.where(solid, inner, outer)
    colour = layers[..., :3] * (np.float32(255) / np.maximum(layers[..., 3:], np.float32(1)))
    return np.minimum(colour, np.float32(255)), outer[..., 3:] / np.float32(255)


def _lit(
    colour: NDArray[np.float32],
    opacity: NDArray[np.float32],
    face: NDArray[np.uint8],
    brightness: float,
    grey: bool,
) -> NDArray[np.float32]:
    """Take the object into the face's light."""
    lit = colour * np.float32(brightness)
    if grey:
        lit = luma(lit)
    # Whole numbers: 1/256 of a grey level times alpha in 0-255.
    alpha = np.rint(opacity * np.float32(255)).astype(np.int64)
    levels = np.rint(lit * np.float32(256)).astype(np.int64)
    own = (levels * alpha).sum(axis=(0, 1)) / (256 * max(int(alpha.sum()), 1))
    toward = (0.1 * (mean_colour(face) - own)).astype(np.float32)
    return cast(NDArray[np.float32], np.clip(lit + toward, 0, 255))
