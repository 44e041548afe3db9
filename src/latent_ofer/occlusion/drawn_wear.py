"""Sunglasses and face masks drawn by program: more of them than any set of cut-outs holds."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from latent_ofer.occlusion import lighting, shapes, textures
from latent_ofer.occlusion.cutouts import Anchor, Cutout
from latent_ofer.occlusion.exact import softened

SIDE = 128
"""Of what is drawn, in pixels: about as large as it is pasted."""
HALF = 0.46 * SIDE
"""Half the width of the thing, in pixels."""
CENTRE = np.array([SIDE, SIDE]) / 2
CLOSED = [*range(len(shapes.CIRCLE)), 0, 1]
"""Points of an outline to draw, so that its ends meet."""
SUNGLASSES = 0.5
"""Share of sunglasses; the others are masks."""
Values = NDArray[np.float32]


def draw_wearable(rng: Generator) -> Cutout:
    """Draw sunglasses or a face mask that nobody has seen."""
    return draw_sunglasses(rng) if rng.random() < SUNGLASSES else draw_mask(rng)


def draw_sunglasses(rng: Generator) -> Cutout:
    """Draw two dark lenses or one visor, with a frame or none, at times with reflections.

    Lenses let up to a quarter of what is behind them through, most often below.
    """
    lenses = _lenses(rng)
    alpha = shapes.drawn(lenses, HALF, 0, CENTRE, SIDE)
    down = np.linspace(-1, 1, SIDE, dtype=np.float32)[:, None, None]
    clear = np.float32(rng.uniform(0, 0.27)) if rng.random() < 0.5 else np.float32(0)
    opacity = 1 - clear * np.clip(0.5 + down * np.float32(rng.uniform(-0.5, 3)), 0, 1)
    dark = np.float32(255 * rng.beta(1, 5))
    colour = dark + rng.normal(0, 0.3, 3).astype(np.float32) * np.float32(dark + 10)
    surface = colour * (1 + np.float32(rng.uniform(0, 1.5)) * np.clip(down + 0.5, 0, 1))
    if rng.random() < 0.5:
        cells = (int(rng.integers(3, 9)), int(rng.integers(2, 6)))
        shine = np.clip(textures.noise(rng, SIDE, cells) - np.float32(rng.uniform(0, 1.5)), 0, 2)
        surface = surface + np.float32(rng.uniform(20, 110)) * shine
    if rng.random() < 0.4:
        surface = surface + np.float32(rng.uniform(60, 200)) * _glints(rng)
    surface = surface * lighting.relief(rng, alpha, HALF)
    frame, solid = _frame(rng, lenses)
    lens = _opacity(alpha) * opacity
    share = np.maximum(lens, solid)
    return _cutout(np.where(solid > lens, frame, surface), share, "sunglasses", "eyes")


def _lenses(rng: Generator) -> shapes.Shape:
    """Outlines of both lenses, in half widths of the glasses."""
    round_ = shapes.superellipse(2 / rng.uniform(2, 5))
    if rng.random() < 0.1:
        return (shapes.Part(round_ * [1, rng.uniform(0.2, 0.4)]),)
    wide = rng.uniform(0.38, 0.46)
    lens = round_ * [wide, wide * rng.uniform(0.55, 1.05)]
    # Aviators: narrower below, and turned outwards.
    lens[:, 0] *= 1 - rng.uniform(0, 0.3) * lens[:, 1] / wide
    lens[:, 0] += rng.uniform(-0.1, 0.3) * lens[:, 1]
    right = lens + [1 - wide, 0]
    return shapes.Part(right * [-1, 1]), shapes.Part(right)


def _glints(rng: Generator) -> Values:
    """Small bright spots on both lenses, of the same lamps: (S, S, 1) in 0-1."""
    picture = Image.new("L", (2 * SIDE, 2 * SIDE))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(1, 4))):
        at = np.array([rng.uniform(-0.3, 0.3), rng.uniform(-0.35, 0.3)])
        size = rng.uniform(0.02, 0.12, 2)
        for side in (-0.5, 0.5):
            centre = at + [side + rng.normal(0, 0.02), 0]
            corners = SIDE + 2 * HALF * np.stack([centre - size, centre + size])
            draw.ellipse(corners.ravel().tolist(), fill=255)
    return _opacity(softened(picture.reduce(2), rng.uniform(0.3, 1.5)))


def _frame(rng: Generator, lenses: shapes.Shape) -> tuple[Values, Values]:
    """Colour (S, S, 3) and opacity (S, S, 1) in 0-1 of rims, bridge and the start of the arms."""
    thick = int(rng.integers(2, 12))
    rimless = rng.random() < 0.3
    rims = [] if rimless else [part.outline[CLOSED] for part in lenses]
    high = -rng.uniform(0, 0.3)
    bridge = [[[-0.1, high], [0.1, high]]] if len(lenses) > 1 else []
    arms = [[[0.85 * side, high], [side * rng.uniform(0.95, 1.075), high]] for side in (-1, 1)]
    first, second = textures.palette(rng, np.full(3, 20, np.float32))
    dark = np.float32(rng.uniform(0.05, 1))
    colour = textures.grain(rng, SIDE, first * dark, second * dark)
    return colour, _lines([*rims, *bridge, *arms], thick)


def draw_mask(rng: Generator) -> Cutout:
    """Draw a face mask: cloth, surgical with pleats, or folded in the middle; loops at times."""
    outline = shapes.superellipse(2 / rng.uniform(2, 3.5))
    tall = rng.uniform(0.6, 0.95)
    x, y = outline.T
    nose = rng.uniform(-0.05, 0.35) * np.exp(-((x / rng.uniform(0.25, 0.6)) ** 2))
    chin = rng.uniform(0, 0.4) * np.maximum(y, 0)
    outline = np.stack([x * (1 - chin), tall * y - np.where(y < 0, nose, 0)], axis=1)
    shape = (shapes.Part(outline),)
    alpha = shapes.drawn(shape, HALF, 0, CENTRE, SIDE)
    surface = _cloth(rng) * lighting.relief(rng, alpha, HALF)
    solid = _opacity(alpha)
    surface = surface * (1 - np.float32(rng.uniform(0.1, 0.6)) * _folds(rng))
    if rng.random() < 0.6:
        loops = _loops(rng, tall)
        loop_colour = np.float32(rng.uniform(0, 255))
        surface = np.where(solid > 0.5, surface, loop_colour)
        solid = np.maximum(solid, loops)
    return _cutout(surface, solid, "mask", "mouth")


def _cloth(rng: Generator) -> Values:
    """Plain and pale, plain and dark, or any texture: (S, S, 3)."""
    first, second = textures.palette(rng, np.array([205, 155, 130], np.float32))
    kind = rng.random()
    if kind < 0.35:
        first = np.float32(rng.uniform(0.6, 1)) * np.array([225, 240, 250], np.float32)
        first = first * rng.uniform(0.8, 1.05, 3).astype(np.float32)
    elif kind < 0.5:
        first = np.full(3, rng.uniform(5, 60), np.float32)
    plain = kind < 0.5 or rng.random() < 0.3
    paint = textures.flat if plain else textures.TEXTURES[rng.integers(len(textures.TEXTURES))]
    return paint(rng, SIDE, first, second)


def _folds(rng: Generator) -> Values:
    """Pleats across, a seam down the middle, or neither: depth (S, S, 1) in 0-1."""
    kind = rng.random()
    along = np.linspace(-1, 1, 15)
    bend = rng.uniform(-0.15, 0.25) * (1 - along**2)
    width = int(rng.integers(1, 5))
    lines = []
    if kind < 0.5:
        for y in np.linspace(rng.uniform(-0.5, -0.2), rng.uniform(0.2, 0.6), rng.integers(2, 5)):
            lines.append(np.stack([along, y + bend * np.sign(y + 0.1)], axis=1))
    elif kind < 0.75:
        lines.append(np.stack([bend, along], axis=1))
    return _lines(lines, width)


def _loops(rng: Generator, tall: float) -> Values:
    """Loops from the corners to where the ears are: opacity (S, S, 1) in 0-1."""
    width = int(rng.integers(1, 5))
    lines = []
    for side in (-1, 1):
        for height in (-0.5 * tall, 0.4 * tall):
            ear = [1.08 * side, height - rng.uniform(0.1, 0.7)]
            lines.append([[0.85 * side, height], ear])
    return _lines(lines, width)


def _lines(lines: Sequence[ArrayLike], width: int) -> Values:
    """Opacity (S, S, 1) in 0-1 of lines, each (N, 2) in half widths from the middle.

    ``width`` is in half pixels.
    """
    picture = Image.new("L", (2 * SIDE, 2 * SIDE))
    draw = ImageDraw.Draw(picture)
    for line in lines:
        points = SIDE + 2 * HALF * np.asarray(line)
        draw.line(points.ravel().tolist(), fill=255, width=width, joint="curve")
    return _opacity(picture.reduce(2))


def _opacity(picture: Image.Image) -> Values:
    """A picture of mode L as (S, S, 1) in 0-1."""
    return np.asarray(picture, dtype=np.float32)[..., None] / np.float32(255)


def _cutout(surface: Values, share: Values, category: str, anchor: Anchor) -> Cutout:
    """Colour (S, S, 3) and opacity (S, S, 1) in 0-1 as a cut-out."""
    values = np.concatenate([np.broadcast_to(surface, (SIDE, SIDE, 3)), 255 * share], axis=2)
    rgba = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return Cutout(rgba, category, anchor, f"drawn/{category}")
