"""Light and shade on made-up occluders, and the shadows that they cast."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from latent_ofer.occlusion import shapes, textures
from latent_ofer.occlusion.exact import number_on_grid, on_grid, softened


def relief(rng: Generator, alpha: Image.Image, scale: float) -> NDArray[np.float32]:
    """Shade a shape as if it were rounded, with light from one side: factors (S, S, 1)."""
    width = scale * rng.uniform(0.1, 0.5)
    height = np.asarray(softened(alpha, width), dtype=np.float32) / 255
    down, across = np.gradient(height)
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.float32(width) * (np.cos(angle) * across + np.sin(angle) * down)
    ambient = 1 - rng.uniform(0, 0.8) * (1 - height)
    light = ambient + rng.uniform(0, 1.4) * slope
    gloss = rng.uniform(0, 1.5) * np.maximum(slope - 0.25, 0) if rng.random() < 0.3 else 0
    factors = (light + gloss)[..., None] + rng.uniform(0, 0.3) * textures.ramp(rng, alpha.width)
    inside = np.asarray(alpha, dtype=np.float64)[..., None]
    usual = max(number_on_grid(float((factors * inside).sum()) / max(inside.sum(), 1.0)), 0.1)
    bright = rng.uniform(0.7, 1.25) / usual
    return np.asarray(np.clip(factors * bright, 0.05, 2), dtype=np.float32)


def seams(rng: Generator, outlines: list[shapes.Points], side: int) -> NDArray[np.float32]:
    """Darken where the parts of a thing meet, as between fingers: factors (S, S, 1)."""
    picture = Image.new("L", (2 * side, 2 * side))
    draw = ImageDraw.Draw(picture)
    width = int(rng.integers(1, 4))
    for outline in outlines:
        # Filled with nothing, so that a part in front hides the borders of those behind it.
        draw.polygon((2 * outline).ravel().tolist(), fill=0, outline=255, width=width)
    lines = softened(picture.reduce(2), rng.uniform(0.3, 1.5))
    depth = np.float32(rng.uniform(0, 0.7))
    return np.float32(1) - depth * np.asarray(lines, np.float32)[..., None] / np.float32(255)


def shadow(rng: Generator, alpha: Image.Image, unit: float) -> NDArray[np.float32]:
    """Cast a soft shadow beside the thing on about half of the faces: (S, S, 1) in 0-1."""
    depth = max(0.0, rng.uniform(-0.5, 0.5))
    blurred = softened(alpha, rng.uniform(1, 5) * unit)
    dx, dy = on_grid(rng.uniform(-5, 5, 2) * unit)
    moved = blurred.transform(
        alpha.size, Image.Transform.AFFINE, (1, 0, dx, 0, 1, dy), Image.Resampling.BILINEAR
    )
    return np.asarray(moved, dtype=np.float32)[..., None] * np.float32(depth / 255)
