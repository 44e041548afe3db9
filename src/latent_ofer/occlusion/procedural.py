"""Occluders of our own making: for training, for users without cut-outs, and for the demo."""

from math import sqrt

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from latent_ofer.occlusion import lighting, shapes, textures
from latent_ofer.occlusion.exact import luma, mean_colour, number_on_grid, softened
from latent_ofer.occlusion.placing import REFERENCE, Composition, placed, scale_for

LUMA = np.array([[0.299], [0.587], [0.114]], dtype=np.float32)


def paste_procedural(
    face: NDArray[np.uint8],
    rng: Generator,
    *,
    size: int | None = None,
    grey: bool = False,
    coverage: tuple[float, float] = (0.05, 0.40),
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Hide part of a face: face and covered pixels of `compose_procedural`."""
    made = compose_procedural(face, rng, size=size, grey=grey, coverage=coverage)
    return made.face, made.covered


def compose_procedural(
    face: NDArray[np.uint8],
    rng: Generator,
    *,
    size: int | None = None,
    grey: bool = False,
    coverage: tuple[float, float] = (0.05, 0.40),
) -> Composition:
    """Hide part of a face behind a made-up thing (*Procedural* protocol).

    Parameters
    ----------
    face : (S, S, 3) uint8 RGB
        At its native resolution; the thing is drawn at that resolution.
    rng : numpy Generator
    size : int, optional
        Side of the result in pixels, reached by a bicubic resize; S where it is None.
    grey : bool
        Make the thing grey, for grey faces.
    coverage : (low, high)
        Share of the pixels to cover, drawn uniformly; reached to within 0.01 by all but very
        thin shapes.

    Returns
    -------
    Composition of ``size`` x ``size`` pixels
        The thing's shadow does not count as covered.
    """
    side = face.shape[0]
    unit = side / REFERENCE
    final = (size or side, size or side)
    kind = shapes.SHAPES[rng.integers(len(shapes.SHAPES))]
    shape = kind(rng)
    angle = rng.uniform(-np.pi, np.pi)
    centre = rng.uniform(0.1, 0.9, 2) * side
    target = number_on_grid(rng.uniform(*coverage))
    widest = 4 if rng.random() < 0.12 else 1.4
    sigma = rng.uniform(0.4, widest) * unit

    def covered_at(scale: float) -> NDArray[np.bool_]:
        alpha = softened(shapes.drawn(shape, scale, angle, centre, side), sigma)
        return np.asarray(alpha.resize(final, Image.Resampling.BICUBIC)) > 127

    scale, covered = scale_for(covered_at, target, side * sqrt(target / 2), 3 * side)
    alpha = softened(shapes.drawn(shape, scale, angle, centre, side), sigma)
    bare = kind in (shapes.hand, shapes.limb) and rng.random() < 0.75
    surface = _surface(rng, face, bare) * lighting.relief(rng, alpha, scale)
    if len(shape) > 1:
        surface *= lighting.seams(rng, shapes.on_canvas(shape, scale, angle, centre), side)
    surface += max(0, rng.uniform(-4, 3)) * rng.standard_normal((side, side, 1), dtype=np.float32)
    if grey:
        surface = luma(surface)
    opacity = np.asarray(alpha, dtype=np.float32)[..., None] / 255
    below = face * (1 - lighting.shadow(rng, alpha, unit))
    composed = below + opacity * (np.clip(surface, 0, 255) - below)
    result = np.array(_picture(composed).resize(final, Image.Resampling.BICUBIC))
    return Composition(result, covered, target)


def _picture(values: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _surface(rng: Generator, face: NDArray[np.uint8], bare: bool) -> NDArray[np.float32]:
    """Paint a surface of one material, or of two that meet at a wavy border."""
    side = face.shape[0]
    near = mean_colour(face).astype(np.float32)

    def material() -> NDArray[np.float32]:
        paint = textures.TEXTURES[rng.integers(len(textures.TEXTURES))]
        return paint(rng, side, *textures.palette(rng, near))

    first = textures.skin(rng, side, *textures.palette(rng, near)) if bare else material()
    if rng.random() < (0.8 if bare else 0.5):
        return first
    border = textures.ramp(rng, side) + rng.uniform(0, 0.5) * textures.noise(rng, side, (5, 5))
    second = np.clip(0.5 + 20 * (border - rng.uniform(-0.4, 0.4)), 0, 1)
    return textures.mixed(first, material(), second)


def paste_patchwork(
    face: NDArray[np.uint8], other_face: NDArray[np.uint8], rng: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Hide 5-40 % of a face behind a soft-edged piece of another, out of its place.

    The other face is turned by a quarter, half or three quarters, mirrored top to bottom, or
    enlarged off its centre, so that what shows is not the part it hides. Its colour stays.

    Parameters
    ----------
    face, other_face : (S, S, 3) uint8 RGB
    rng : numpy Generator

    Returns
    -------
    face : (S, S, 3) uint8 RGB
    covered : (S, S) bool
    """
    side = face.shape[0]
    kind = (shapes.blob, shapes.ellipse, shapes.polygon, shapes.box)[rng.integers(4)]
    shape, angle = kind(rng), rng.uniform(-np.pi, np.pi)
    centre = rng.uniform(0.15, 0.85, 2) * side
    sigma = rng.uniform(0.6, 4) * side / REFERENCE
    target = rng.uniform(0.05, 0.40)

    def alpha_at(scale: float) -> NDArray[np.float32]:
        alpha = softened(shapes.drawn(shape, scale, angle, centre, side), sigma)
        return np.asarray(alpha, dtype=np.float32)[..., None]

    scale, covered = scale_for(
        lambda scale: alpha_at(scale)[..., 0] > 127, target, side * sqrt(target / 2), 3 * side
    )
    opacity = alpha_at(scale) / np.float32(255)
    other = _out_of_place(other_face, rng)
    blend = other * opacity + face * (1 - opacity)
    return np.array(_picture(blend)), covered


def _out_of_place(face: NDArray[np.uint8], rng: Generator) -> NDArray[np.float32]:
    """Turn, mirror or enlarge a face so that no part stays where it was."""
    turns = int(rng.integers(5))
    if turns == 4:
        return face[::-1].astype(np.float32)
    if turns:
        return np.rot90(face, turns).astype(np.float32)
    side = face.shape[0]
    piece = side / rng.uniform(1.6, 2.5)
    left, top = rng.choice([0, side - piece], 2)
    enlarged = Image.fromarray(face).resize(
        (side, side), Image.Resampling.BICUBIC, (left, top, left + piece, top + piece)
    )
    return np.asarray(enlarged, dtype=np.float32)


def draw_demo_occluder(
    photo: NDArray[np.uint8], landmarks: NDArray[np.floating]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Hold a paper cup in front of the mouth, always the same one.

    Parameters
    ----------
    photo : (H, W, 3) uint8 RGB
    landmarks : (5, 2) float
        Left eye in the image, right eye, nose, mouth left, mouth right: (x, y), pixels.

    Returns
    -------
    photo : (H, W, 3) uint8 RGB
        A copy with the cup; its width is 1.25 times the distance between the eyes.
    covered : (H, W) bool
    """
    points = np.asarray(landmarks, dtype=np.float64)
    across = points[1] - points[0]
    apart = float(np.hypot(*across))
    down = np.array([-across[1], across[0]])
    cup = _cup()
    # The lid ends between nose and upper lip; the cup reaches below the chin.
    top = points[2] + 0.35 * (points[3:].mean(axis=0) - points[2])
    scale = 1.25 * apart / cup.width
    centre = top + down / apart * scale * cup.height / 2
    canvas = (photo.shape[1], photo.shape[0])
    layer = placed(cup.convert("RGBa"), scale, float(np.arctan2(*across[::-1])), centre, canvas)
    values = np.asarray(layer, dtype=np.float32)
    opacity = values[..., 3:] / 255
    blend = photo * (1 - opacity) + values[..., :3]
    return np.array(_picture(blend)), values[..., 3] > 127


def _cup() -> Image.Image:
    """Draw the cup upright, as RGBA of 512 x 640."""
    picture = Image.new("RGBA", (512, 640))
    draw = ImageDraw.Draw(picture)
    body, band, dark, lid = (240, 232, 218), (0, 128, 128), (0, 92, 96), (250, 250, 248)
    draw.polygon([(36, 80), (476, 80), (420, 610), (92, 610)], fill=body)
    draw.ellipse([92, 580, 420, 640], fill=body)
    draw.polygon([(55, 230), (457, 230), (434, 470), (78, 470)], fill=band)
    draw.ellipse([55, 205, 457, 255], fill=body)
    draw.ellipse([78, 445, 434, 495], fill=band)
    for place in np.linspace(-1, 1, 7).tolist():
        middle, level = 256 + 168 * place, 381 - 16 * place**2
        diamond = [(0, -44), (24, 0), (0, 44), (-24, 0)]
        draw.polygon([(middle + dx, level + dy) for dx, dy in diamond], fill=dark)
        draw.ellipse([middle - 9, level - 9, middle + 9, level + 9], fill=lid)
    draw.rounded_rectangle([6, 50, 506, 104], 26, fill=lid)
    draw.rounded_rectangle([40, 4, 472, 70], 30, fill=lid)
    draw.line([(10, 98), (502, 98)], fill=(196, 194, 188), width=6)
    draw.line([(44, 56), (468, 56)], fill=(214, 212, 206), width=5)

    values = np.array(picture, dtype=np.float32)
    x = np.linspace(-1, 1, 512, dtype=np.float32)
    light = 1.02 - 0.45 * np.abs(x + 0.25) ** 2.2 + 0.08 * np.exp(-(((x + 0.45) / 0.12) ** 2))
    values[..., :3] *= light[:, None]
    return _picture(values)
