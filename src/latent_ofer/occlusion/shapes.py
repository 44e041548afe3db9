"""Outlines of made-up occluders: things about one unit in radius, drawn as polygons."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from latent_ofer.occlusion.exact import on_grid

Points = NDArray[np.float64]

TURN = np.linspace(0, 2 * np.pi, 48, endpoint=False)
CIRCLE: Points = np.stack([np.cos(TURN), np.sin(TURN)], axis=1)


@dataclass(frozen=True)
class Part:
    """One closed outline of a shape.

    Attributes
    ----------
    outline : (N, 2) float
        (x, y) in units of the shape.
    solid : bool
        False cuts a hole into the parts before it.
    """

    outline: Points
    solid: bool = True


Shape = tuple[Part, ...]


def drawn(
    shape: Shape, scale: float, angle: float, centre: NDArray[np.float64], side: int
) -> Image.Image:
    """Draw a shape, antialiased, as an (side, side) picture of mode L.

    Parameters
    ----------
    shape : tuple of Part
    scale : float
        Pixels per unit of the shape.
    angle : float
        Radians, clockwise on the screen.
    centre : (2,) float
        Pixels, where the shape's origin goes.
    side : int
    """
    picture = Image.new("L", (2 * side, 2 * side))
    draw = ImageDraw.Draw(picture)
    for part, points in zip(shape, on_canvas(shape, scale, angle, centre), strict=True):
        draw.polygon((2 * points).ravel().tolist(), fill=255 if part.solid else 0)
    return picture.reduce(2)


def on_canvas(
    shape: Shape, scale: float, angle: float, centre: NDArray[np.float64]
) -> list[Points]:
    """Outlines of a shape in pixels of the canvas; see `drawn`."""
    along, down = scale * np.cos(angle), scale * np.sin(angle)
    outlines = []
    for part in shape:
        x, y = part.outline.T
        turned = np.stack([x * along - y * down, x * down + y * along], axis=1)
        outlines.append(on_grid(turned + centre))
    return outlines


def superellipse(power: float) -> Points:
    """Outline between a circle (power 1) and a square (0), of half width and height 1."""
    outline: Points = np.sign(CIRCLE) * np.abs(CIRCLE) ** power
    return outline


def ellipse(rng: Generator) -> Shape:
    """Draw an ellipse: balls, fruit, plates."""
    return (Part(CIRCLE * [1, rng.uniform(0.35, 1)]),)


def box(rng: Generator) -> Shape:
    """Draw a rounded rectangle: phones, books, cartons."""
    power = 2 / rng.uniform(3, 12)
    corners = superellipse(power)
    return (Part(corners * [1, rng.uniform(0.25, 1)]),)


def polygon(rng: Generator) -> Shape:
    """Draw three to eight corners."""
    count = int(rng.integers(3, 9))
    angles = (np.arange(count) + rng.uniform(-0.35, 0.35, count)) * 2 * np.pi / count
    radii = rng.uniform(0.6, 1.1, (count, 1))
    return (Part(radii * np.stack([np.cos(angles), np.sin(angles)], axis=1)),)


def blob(rng: Generator) -> Shape:
    """Draw a smooth irregular outline."""
    order = np.arange(2, 8)[:, None]
    waves = np.cos(order * TURN + rng.uniform(0, 2 * np.pi, (6, 1)))
    radius = 1 + (rng.normal(0, 0.28, (6, 1)) / order**0.7 * waves).sum(axis=0)
    return (Part(np.maximum(radius, 0.15)[:, None] * CIRCLE * [1, rng.uniform(0.5, 1)]),)


def petals(rng: Generator) -> Shape:
    """Draw a flower or a leaf rosette, with a stalk at times."""
    count = int(rng.integers(5, 17))
    long, wide = rng.uniform(0.75, 1.1), rng.uniform(0.5, 1.1) * np.pi / count
    parts = []
    for turn in np.arange(count) * 2 * np.pi / count + rng.uniform(-0.1, 0.1, count):
        tip = long * rng.uniform(0.85, 1.1) * np.array([np.cos(turn), np.sin(turn)])
        parts.append(capsule(0.2 * tip, 0.8 * tip, 0.3 * wide, 0.7 * wide))
    if rng.random() < 0.5:
        parts.insert(0, capsule(np.zeros(2), np.array([rng.uniform(-0.5, 0.5), 2]), 0.06, 0.06))
    return (*parts, Part(CIRCLE * rng.uniform(0.2, 0.45)))


def capsule(start: Points, end: Points, first: float, last: float) -> Part:
    """Join two discs of radius ``first`` and ``last``: a finger, a limb, a handle."""
    along = end - start
    heading = np.arctan2(along[1], along[0])
    half = np.linspace(np.pi / 2, 3 * np.pi / 2, 10) + heading
    back = np.stack([np.cos(half), np.sin(half)], axis=1)
    return Part(np.concatenate([start + first * back, end - last * back]))


def hand(rng: Generator) -> Shape:
    """Draw a hand with fingers spread, closed or curled, and the arm it belongs to."""
    spread, curl = rng.uniform(0, 0.5), rng.uniform(0.25, 1)
    parts = [capsule(np.array([0, 0.4]), np.array([rng.uniform(-0.4, 0.4), 2.5]), 0.36, 0.45)]
    parts.append(Part(CIRCLE * [0.5, 0.55]))
    for place, long in zip(np.linspace(-1, 1, 4), (0.75, 0.95, 1.0, 0.85), strict=True):
        heading = -np.pi / 2 + place * spread + rng.normal(0, 0.05)
        root = np.array([0.37 * place, -0.3])
        length = long * max(0.15, curl * rng.uniform(0.8, 1.2))
        tip = root + length * np.array([np.cos(heading), np.sin(heading)])
        parts.append(capsule(root, tip, 0.15, 0.11))
    thumb = rng.uniform(-2.9, -1.8)
    tip = np.array([-0.35, 0.1]) + 0.65 * np.array([np.cos(thumb), np.sin(thumb)])
    parts.append(capsule(np.array([-0.35, 0.1]), tip, 0.17, 0.12))
    mirror = np.array([rng.choice([-1, 1]), 1])
    return tuple(Part(part.outline * mirror) for part in parts)


def limb(rng: Generator) -> Shape:
    """Draw an arm, a tail, a stick."""
    thin = rng.uniform(0.08, 0.5)
    end = np.array([rng.uniform(2, 4), 0])
    return (capsule(np.array([-0.6, 0]), end, thin, thin * rng.uniform(0.7, 1.6)),)


def strands(rng: Generator) -> Shape:
    """Draw hair: curved strips that hang side by side."""
    count = int(rng.integers(6, 22))
    down = np.linspace(-1, 1, 10)
    wave = rng.uniform(0, 0.25) * np.sin(rng.uniform(1, 5) * down + rng.uniform(0, 6))
    spread, wide = rng.uniform(0.3, 1), rng.uniform(0.5, 1.6) / count
    parts = []
    for place in rng.uniform(-1, 1, count):
        x = place * spread * (1 + 0.3 * down) + wave + rng.normal(0, 0.05)
        thick = wide * rng.uniform(0.3, 1) * np.sqrt(1.05 - np.abs(down) ** 6)
        y = down * rng.uniform(0.7, 1.2)
        sides = np.stack([x - thick, y], axis=1), np.stack([x + thick, y], axis=1)[::-1]
        parts.append(Part(np.concatenate(sides)))
    return tuple(parts)


def bottle(rng: Generator) -> Shape:
    """Draw a vessel: a profile mirrored about its axis, a handle at times."""
    height = np.array([-1.2, -0.75, -0.45, -0.2, 0.6, 1.0])
    width = np.array([0.12, 0.14, rng.uniform(0.15, 0.5), 0.42, 0.42, 0.38])
    width = width * rng.uniform(0.7, 1.5) * rng.uniform(0.8, 1.2, 6)
    y = np.linspace(-1.2, 1, 30)
    x = np.interp(y, height, width)
    outline = np.concatenate([np.stack([x, y], axis=1), np.stack([-x, y], axis=1)[::-1]])
    if rng.random() < 0.6:
        return (Part(outline),)
    ring = CIRCLE * [0.35, 0.4] + [0.5, 0.2]
    return (Part(ring), Part((ring - [0.5, 0.2]) * 0.65 + [0.5, 0.2], False), Part(outline))


def eyewear(rng: Generator) -> Shape:
    """Draw glasses or goggles, with lenses or without."""
    power = 2 / rng.uniform(2, 6)
    lens = superellipse(power) * [rng.uniform(0.35, 0.48), 0.35]
    parts = [capsule(np.array([-1.4, -0.05]), np.array([1.4, -0.05]), 0.07, 0.07)]
    for x in (-0.5, 0.5):
        parts.append(Part(lens + [x, 0]))
    if rng.random() < 0.25:
        parts += [Part(0.75 * lens + [x, 0], False) for x in (-0.5, 0.5)]
    return tuple(parts)


def creature(rng: Generator) -> Shape:
    """Draw a body with a head, ears, legs and a tail."""
    body = blob(rng)[0].outline * [0.8, 0.6]
    head = np.array([rng.uniform(0.6, 0.9), rng.uniform(-0.7, -0.2)])
    parts = [Part(body), Part(CIRCLE * rng.uniform(0.25, 0.45) + head)]
    for x in (*rng.uniform(-0.7, 0.7, int(rng.integers(2, 5))), -0.9):
        foot = np.array([x + rng.normal(0, 0.25), rng.uniform(0.6, 1.2)])
        parts.append(capsule(np.array([0.8 * x, 0.1]), foot, 0.16, 0.08))
    for x in (-0.2, 0.2):
        tip = head + [1.3 * x, -rng.uniform(0.3, 0.7)]
        parts.append(capsule(head + [x, -0.2], tip, 0.12, 0.04))
    return tuple(parts)


def instrument(rng: Generator) -> Shape:
    """Draw a body with a neck, pegs and holes, or a tube with keys."""
    long = rng.uniform(1.2, 2)
    neck = capsule(np.array([0, 0]), np.array([long, 0]), 0.12, rng.uniform(0.07, 0.3))
    body = Part(blob(rng)[0].outline * [0.7, rng.uniform(0.2, 0.6)] - [0.4, 0])
    keys = [
        capsule(np.array([x, 0]), np.array([x + 0.05, y]), 0.03, 0.05)
        for x, y in zip(rng.uniform(0, long, 6), rng.uniform(-0.3, 0.3, 6), strict=True)
    ]
    hole = Part(CIRCLE * 0.14 - [0.4, 0], rng.random() < 0.5)
    return (neck, *keys, body, hole)


def hat(rng: Generator) -> Shape:
    """Draw a crown on a brim."""
    power = 2 / rng.uniform(2, 5)
    crown = superellipse(power) * [rng.uniform(0.45, 0.7), 0.55]
    brim = CIRCLE * [1.1, rng.uniform(0.1, 0.35)] + [rng.uniform(-0.3, 0.3), 0.35]
    return (Part(crown - [0, 0.1]), Part(brim))


SHAPES: tuple[Callable[[Generator], Shape], ...] = (
    ellipse, box, polygon, blob, blob, petals, hand, hand, hand, limb, strands, strands,
    bottle, eyewear, creature, creature, instrument, hat,
)  # fmt: skip
"""Listed as often as they should come up."""
