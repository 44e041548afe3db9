"""Surfaces of made-up occluders: (S, S, 3) float32 pictures in 0-255."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from latent_ofer.occlusion.exact import sine

Picture = NDArray[np.float32]
Colour = NDArray[np.float32]

SKIN = np.array(
    [[245, 210, 185], [230, 185, 155], [205, 155, 120], [165, 115, 85], [120, 80, 58], [75, 50, 38]]
)


def palette(rng: Generator, near: Colour) -> tuple[Colour, Colour]:
    """Draw two colours that go together: skin, neutral, wood, vivid, or near the given one."""
    kind = rng.choice(5, p=[0.2, 0.25, 0.15, 0.28, 0.12])
    if kind == 0:
        first = SKIN[rng.integers(len(SKIN))] * rng.uniform(0.75, 1.1) + rng.normal(0, 6, 3)
    elif kind == 1:
        first = np.full(3, 255 * rng.beta(0.7, 0.7)) + rng.normal(0, 8, 3)
    elif kind == 2:
        first = np.array([150, 100, 55]) * rng.uniform(0.3, 1.5) + rng.normal(0, 12, 3)
    elif kind == 3:
        first = rng.uniform(0, 255, 3)
    else:
        first = near * rng.uniform(0.6, 1.3) + rng.normal(0, 8, 3)
    other = rng.uniform(0, 255, 3) if rng.random() < 0.4 else first * rng.uniform(0.3, 1.6)
    return _colour(first), _colour(other)


def _colour(values: NDArray[np.floating]) -> Colour:
    return np.asarray(np.clip(values, 4, 251), dtype=np.float32)


def noise(rng: Generator, side: int, cells: tuple[int, int]) -> Picture:
    """Draw smooth noise (S, S, 1) of mean 0 and deviation about 1, cells across and down."""
    across, down = min(cells[0], side), min(cells[1], side)
    coarse = Image.fromarray(rng.standard_normal((down, across), dtype=np.float32))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))[..., None]


def ramp(rng: Generator, side: int) -> Picture:
    """Draw a slope (S, S, 1) in a random direction, from -1 to 1 across the picture."""
    angle = rng.uniform(0, 2 * np.pi)
    line = np.linspace(-1, 1, side, dtype=np.float32)
    slope = np.float32(np.cos(angle)) * line + np.float32(np.sin(angle)) * line[:, None]
    return np.asarray(slope[..., None])


def mixed(first: Picture, second: Picture, weight: NDArray[np.floating]) -> Picture:
    """Go from one colour or picture (weight 0 and less) to another (1 and more)."""
    share: Picture = np.clip(weight, 0, 1).astype(np.float32)
    return np.asarray(first * (np.float32(1) - share) + second * share)


def flat(rng: Generator, side: int, first: Colour, second: Colour) -> Picture:
    """One colour with a breath of the other."""
    return mixed(first, second, 0.06 * noise(rng, side, (4, 4)))


def gradient(rng: Generator, side: int, first: Colour, second: Colour) -> Picture:
    """From one colour to the other."""
    return mixed(first, second, 0.5 + 0.5 * ramp(rng, side))


def stripes(rng: Generator, side: int, first: Colour, second: Colour) -> Picture:
    """Stripes, sharp or soft, a little wavy."""
    bent = ramp(rng, side) + np.float32(rng.uniform(0, 0.1)) * noise(rng, side, (4, 4))
    wave = sine(np.float32(rng.uniform(6, 50)) * bent + np.float32(rng.uniform(-1, 1)))
    return mixed(first, second, 0.5 + np.float32(rng.uniform(0.5, 6)) * wave)


def checks(rng: Generator, side: int, first: Colour, second: Colour) -> Picture:
    """Checks or dots."""
    slope = ramp(rng, side)
    rate = np.float32(rng.uniform(8, 40))
    wave = sine(rate * slope) * sine(rate * slope.transpose(1, 0, 2)[::-1])
    return mixed(first, second, np.float32(rng.uniform(2, 8)) * (wave - np.float32(0.1)))


def grain(rng: Generator, side: int, first: Colour, second: Colour) -> Picture:
    """Fur, wood, brushed metal: noise drawn out in one direction."""
    long, short = int(rng.integers(2, 12)), int(rng.integers(20, 90))
    fibres = noise(rng, side, (long, short)) + noise(rng, side, (3, short // 3))
    if rng.random() < 0.5:
        fibres = fibres.transpose(1, 0, 2)
    return mixed(first, second, 0.35 + np.float32(rng.uniform(0.1, 0.4)) * fibres)


def clouds(rng: Generator, side: int, first: Colour, second: Colour) -> Picture:
    """Noise at several sizes: marble, leaves, cloth, patches of an animal's coat."""
    start = int(rng.integers(2, 8))
    sizes = (start, 2 * start, 4 * start, 8 * start)
    sums = sum(
        (np.float32(0.6**step) * noise(rng, side, (n, n)) for step, n in enumerate(sizes)),
        np.zeros((1, 1, 1), np.float32),
    )
    return mixed(first, second, 0.5 + np.float32(10 ** rng.uniform(-0.7, 0.8)) * sums)


def skin(rng: Generator, side: int, first: Colour, second: Colour) -> Picture:
    """A skin tone with blotches, fine grain and a few creases; ``first`` only tints it."""
    tone = _colour(SKIN[rng.integers(len(SKIN))] * 0.8 * rng.uniform(0.8, 1.3) + 0.2 * first)
    tint = np.array([6, 9, 8], dtype=np.float32)
    base = tone + tint * noise(rng, side, (5, 5)) + 1.5 * noise(rng, side, (side, side))
    creases = _strokes(rng, side, int(rng.integers(0, 6)))
    return np.asarray(base * (1 - np.float32(0.25) * creases))


def writing(rng: Generator, side: int, first: Colour, second: Colour) -> Picture:
    """Rows of strokes that look like print."""
    picture = Image.new("L", (side, side))
    draw = ImageDraw.Draw(picture)
    height = side * rng.uniform(0.05, 0.16)
    for row in np.arange(rng.uniform(0, height), side, 1.5 * height):
        x = rng.uniform(0, height)
        while x < side:
            wide = height * rng.uniform(0.3, 0.8)
            glyph = rng.uniform((x, row), (x + wide, row + height), (4, 2))
            draw.line(glyph.ravel().tolist(), fill=255, width=max(1, round(height / 6)))
            x += wide * (1.3 if rng.random() < 0.85 else 3)
    turned = picture.rotate(rng.uniform(-180, 180), Image.Resampling.BILINEAR)
    return mixed(first, second, np.asarray(turned, dtype=np.float32)[..., None] / 255)


def clutter(rng: Generator, side: int, first: Colour, second: Colour) -> Picture:
    """Buttons, strings, keys, seams: many small shapes in several colours."""
    picture = Image.new("RGB", (side, side), tuple(int(v) for v in first))
    draw = ImageDraw.Draw(picture)
    colours = [
        first * 0.5,
        second,
        second * 0.5 + 100,
        first * 1.3,
        np.full(3, rng.uniform(0, 255)),
    ]
    for _ in range(int(rng.integers(8, 30))):
        fill = tuple(int(v) for v in _colour(colours[rng.integers(len(colours))]))
        x, y = rng.uniform(-0.1, 1, 2) * side
        w, h = rng.uniform(0.02, 0.3, 2) * side
        kind = rng.integers(3)
        if kind == 0:
            draw.ellipse([x, y, x + w, y + h], fill=fill)
        elif kind == 1:
            draw.rectangle([x, y, x + w, y + h], fill=fill)
        else:
            draw.line([x, y, x + 2 * w, y + 2 * h - 0.3 * side], fill=fill, width=2)
    return np.asarray(picture, dtype=np.float32)


def _strokes(rng: Generator, side: int, count: int) -> Picture:
    """Draw thin lines (S, S, 1) in 0-1 across the picture."""
    picture = Image.new("L", (side * 2, side * 2))
    draw = ImageDraw.Draw(picture)
    for _ in range(count):
        ends = rng.uniform(0, 2 * side, 4).tolist()
        draw.line(ends, fill=255, width=1)
    return np.asarray(picture.reduce(2), np.float32)[..., None] / np.float32(255)


TEXTURES: tuple[Callable[[Generator, int, Colour, Colour], Picture], ...] = (
    flat, flat, gradient, stripes, checks, grain, grain, clouds, clouds, writing, clutter, clutter,
)  # fmt: skip
"""Listed as often as they should come up; skin is chosen by shape."""
