"""Scarves, collars, hoods, brims, bands and veils over a face."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.occlusion import textures
from latent_ofer.occlusion.exact import luma, mean_colour, softened
from latent_ofer.occlusion.face_frame import FaceFrame
from latent_ofer.occlusion.placing import REFERENCE

BROW = -0.45
"""Height above which cloth hides hair or forehead alone; see `FaceFrame`."""
Field = NDArray[np.float64]
Picture = NDArray[np.float32]
Edge = Callable[[Generator, Field, Field], tuple[Field, Field]]
"""Makes of the two coordinates of each pixel: how deep it lies within the cloth, and how far along
its edge; see `FaceFrame`."""


def paste_cloth(
    face: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    rng: Generator,
    *,
    grey: bool = False,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Hide a part of a face behind something woven, in the light of that face.

    Parameters
    ----------
    face : (S, S, 3) uint8 RGB
    landmarks : (5, 2) float
        Eyes, nose, corners of the mouth: (x, y) in pixels.
    rng : numpy Generator
    grey : bool
        Make the cloth grey, for grey faces.

    Returns
    -------
    face : (S, S, 3) uint8 RGB
    covered : (S, S) bool
        Of the face itself.
    beside : (S, S) bool
        Cloth around the face, which hides nothing of it; no sign of a clean face either.
    """
    side = face.shape[0]
    frame = FaceFrame.of(landmarks)
    edge, share, shade = _KINDS[rng.choice(len(_KINDS), p=_ODDS)]
    depth, along = edge(rng, *frame.grid(side))
    depth = depth + _waves(rng, along, 0.5 * rng.uniform(0, 0.06))
    surface = _surface(rng, face, depth, along)
    blurred = [softened(_picture(surface), rng.uniform(0.2, 0.7) * max(1, side / 60))]
    surface = np.asarray(blurred[0], dtype=np.float32)
    surface = surface * _light(rng, face)
    surface += max(0, rng.uniform(-3, 5)) * rng.standard_normal((side, side, 1), dtype=np.float32)
    if grey:
        surface = luma(surface)
    soft = rng.uniform(0.8, 2.2) * max(1, side / REFERENCE)
    solid = np.clip(0.5 + depth * frame.unit / soft, 0, 1)
    alpha = solid * share(rng, depth, along)
    dark = rng.uniform(0, shade) * np.exp(np.minimum(depth, 0) / rng.uniform(0.04, shade / 2))
    below = face * (1 - dark[..., None] * (1 - solid[..., None]))
    blend = below + alpha[..., None] * (np.clip(surface, 0, 255) - below)
    pasted = np.rint(np.clip(blend, 0, 255)).astype(np.uint8)
    hidden = solid > 0.5
    covered = hidden & frame.skin(side, BROW)
    return pasted, covered, (solid > 0.05) & ~covered


def _scarf(rng: Generator, x: Field, y: Field) -> tuple[Field, Field]:
    """From below up to nose, mouth or chin; at its sides higher or lower."""
    tilt = rng.normal(0, 0.18)
    edge = rng.uniform(0.35, 1.2) + tilt * x + rng.uniform(-0.5, 0.25) * np.abs(x) ** 1.5
    return y - edge, x


def _aslant(rng: Generator, x: Field, y: Field) -> tuple[Field, Field]:
    """From one side or corner: a sleeve, a shawl, a blanket, a cushion."""
    angle = rng.choice([-1, 1]) * rng.uniform(0.35, 1.7)
    across, down = np.sin(angle), np.cos(angle)
    place = np.array([rng.uniform(0.05, 0.6) * np.sign(across), rng.uniform(0.3, 0.9)])
    depth = (x - place[0]) * across + (y - place[1]) * down
    along = (x - place[0]) * down - (y - place[1]) * across
    return depth + rng.uniform(-0.35, 0.35) * along**2, along


def _brim(rng: Generator, x: Field, y: Field) -> tuple[Field, Field]:
    """A hat, cap, helmet or woollen hat drawn low, down to brow or eyes."""
    edge = rng.uniform(-0.3, 0.12) + rng.normal(0, 0.13) * x + rng.uniform(-0.25, 0.2) * x**2
    return edge - y, x


def _hood(rng: Generator, x: Field, y: Field) -> tuple[Field, Field]:
    """A hood or headscarf around the face, nearer on one side."""
    wide, high = rng.uniform(0.5, 0.8), rng.uniform(0.9, 1.35)
    right, low = (x - rng.normal(0, 0.2)) / wide, (y - rng.uniform(0.3, 0.5)) / high
    return (np.hypot(right, low) - 1) * wide, np.arctan2(low, right) * wide


def _band(rng: Generator, x: Field, y: Field) -> tuple[Field, Field]:
    """A bandage, gag or blindfold straight across mouth or eyes."""
    middle = 0.0 if rng.random() < 0.4 else 1.0
    tilted = y - middle - rng.normal(0, 0.06) - rng.normal(0, 0.1) * x + rng.normal(0, 0.1) * x**2
    return rng.uniform(0.17, 0.36) - np.abs(tilted), x


def _veil(rng: Generator, x: Field, y: Field) -> tuple[Field, Field]:
    """Over most of the face, down to the nose or farther."""
    edge = rng.uniform(0.4, 2.2) + rng.normal(0, 0.15) * x - rng.uniform(0, 0.3) * x**2
    return edge - y, x + 0.3 * y


_PRINTS = (textures.flat, textures.gradient, textures.checks, textures.grain, textures.clouds)

Share = Callable[[Generator, Field, Field], Field]
"""Opacity of each pixel of the cloth by its depth and its place along the edge."""


def _solid(rng: Generator, depth: Field, along: Field) -> Field:
    del rng, along
    return np.ones_like(depth)


def _thin(rng: Generator, depth: Field, along: Field) -> Field:
    """Gauze, or a net of crossing threads."""
    if rng.random() < 0.3:
        return np.full_like(depth, rng.uniform(0.45, 0.8))
    rate, wide = np.pi * rng.uniform(1.3, 2.6), rng.uniform(0.3, 0.5)
    turn, slack = rng.uniform(0.6, 1.6), 0.04 * np.sin(rng.uniform(2, 5) * (depth - along))
    threads = [np.abs(np.sin(rate * (depth + slack + sign * turn * along))) for sign in (-1, 1)]
    net = np.clip(1.4 - np.minimum(*threads) / wide, 0, 1)
    woven: Field = np.maximum(rng.uniform(0.05, 0.3), rng.uniform(0.6, 1) * net)
    return woven


_KINDS: tuple[tuple[Edge, Share, float], ...] = (
    (_scarf, _solid, 0.4),
    (_aslant, _solid, 0.4),
    (_brim, _solid, 0.8),
    (_hood, _solid, 0.5),
    (_band, _solid, 0.3),
    (_veil, _thin, 0.1),
)
"""Edge and opacity of each kind, and how dark a shadow it may cast."""
_ODDS = (0.28, 0.23, 0.22, 0.13, 0.08, 0.06)


def _waves(rng: Generator, along: Field, height: float) -> Field:
    """An edge that is not quite smooth."""
    rates, phases = rng.uniform(2, 14, 3), rng.uniform(0, 2 * np.pi, 3)
    waves: Field = sum(
        (height * np.sin(rate * along + phase) for rate, phase in zip(rates, phases, strict=True)),
        np.zeros_like(along),
    )
    return waves


def _surface(rng: Generator, face: NDArray[np.uint8], depth: Field, along: Field) -> Picture:
    """Cloth of one or two colours, woven, folded and rolled at its edge: (S, S, 3)."""
    side = face.shape[0]
    first, second = textures.palette(rng, mean_colour(face).astype(np.float32))
    tone = rng.random()
    if tone < 0.4:
        first = np.float32(rng.uniform(0.1, 0.5)) * first
    elif tone < 0.65:
        first = np.float32(rng.uniform(0.75, 1)) * (155 + first * np.float32(0.4))
    weave = rng.random()
    if weave < 0.45:
        cloth = textures.mixed(first, second, 0.05 * textures.noise(rng, side, (6, 6)))
    elif weave < 0.8:
        contrast = rng.uniform(0.05, 0.6) * _pattern(rng, depth, along)
        cloth = textures.mixed(first, second, contrast[..., None])
    else:
        cloth = _PRINTS[rng.integers(len(_PRINTS))](rng, side, first, second)
        plain = np.float32(rng.uniform(0, 0.8))
        cloth = cloth * (1 - plain) + first * plain
    return np.asarray(cloth * (_folds(rng, side, depth, along) * _rolled(rng, depth))[..., None])


def _pattern(rng: Generator, depth: Field, along: Field) -> Field:
    """Knitting, ribs, stripes or a check that follow the edge: (S, S) in 0-1."""
    fine = 2 * np.pi * rng.uniform(2, 9)
    rows, columns = np.sin(fine * depth), np.sin(fine * rng.uniform(0.6, 1.4) * along)
    kind = rng.integers(4)
    if kind == 0:
        made = 0.5 + 0.5 * rows * columns
    elif kind == 1:
        made = 0.5 + 0.5 * (columns if rng.random() < 0.5 else rows)
    elif kind == 2:
        made = 0.5 * (rows > 0.2) + 0.5 * (columns > 0.2)
    else:
        made = np.clip(0.5 + 3 * (rows + 0.7), 0, 1)
    return np.asarray(made, dtype=np.float64)


def _folds(rng: Generator, side: int, depth: Field, along: Field) -> Field:
    """Light on soft folds, most often along the edge: factors (S, S)."""
    turn = rng.normal(0, 0.5) if rng.random() < 0.7 else rng.uniform(-np.pi, np.pi)
    line = depth * np.cos(turn) + along * np.sin(turn)
    bent = rng.uniform(0.05, 0.3) * textures.noise(rng, side, (3, 3))[..., 0]
    waves = np.sin(2 * np.pi * (rng.uniform(0.4, 1.8) * line + bent) + rng.uniform(0, 6))
    uneven = 0.1 * textures.noise(rng, side, (6, 6))[..., 0]
    slope = rng.uniform(0, 0.3) * textures.ramp(rng, side)[..., 0]
    folds = rng.uniform(0, 0.3) * waves + rng.uniform(-0.25, 0.1) * waves**6
    return np.asarray(np.clip(1 + folds + uneven + slope, 0.05, 2))


def _rolled(rng: Generator, depth: Field) -> Field:
    """Light and shade of the edge, which is thick: factors (S, S)."""
    wide = rng.uniform(0.03, 0.2)
    inner = np.maximum(depth, 0) / wide
    fading = np.exp(-inner)
    return np.asarray(1 - rng.uniform(-0.3, 0.6) * fading + rng.uniform(0, 0.4) * inner * fading)


def _light(rng: Generator, face: NDArray[np.uint8]) -> Picture:
    """Where the face is lit, the cloth is: factors (S, S, 1)."""
    side = face.shape[0]
    level = np.asarray(softened(_picture(face), side / 6).convert("L"), dtype=np.float32)
    lit = level / max(float(np.median(level)), 8)
    share = np.float32(rng.uniform(0, 0.7))
    return np.asarray(1 + share * (np.clip(lit, 0.4, 1.6) - 1))[..., None]


def _picture(values: NDArray[np.generic]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
