"""Hands and arms with the skin of real faces: skin against skin is the hardest thing to see."""

from math import sqrt

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.occlusion import lighting, shapes, textures
from latent_ofer.occlusion.exact import softened
from latent_ofer.occlusion.placing import REFERENCE, scale_for

SKIN = np.array([[26, 54, 46, 74], [66, 54, 86, 74], [38, 14, 74, 30]])
"""Cheeks and forehead of an aligned face of 112 px: left, top, right, bottom in pixels."""


def paste_hand(
    face: NDArray[np.uint8], donor: NDArray[np.uint8], rng: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Hide 5-40 % of a face behind a hand or an arm whose skin is that of a face.

    Parameters
    ----------
    face : (S, S, 3) uint8 RGB
    donor : (S, S, 3) uint8 RGB
        Whose skin: another aligned face, or the same one.
    rng : numpy Generator

    Returns
    -------
    face : (S, S, 3) uint8 RGB
    covered : (S, S) bool
    """
    side = face.shape[0]
    unit = side / REFERENCE
    shape = (shapes.hand if rng.random() < 0.75 else shapes.limb)(rng)
    angle, centre = rng.uniform(-np.pi, np.pi), rng.uniform(0.1, 0.9, 2) * side
    sigma = rng.uniform(0.4, 1.4) * unit
    target = rng.uniform(0.05, 0.40)

    def alpha_at(scale: float) -> Image.Image:
        return softened(shapes.drawn(shape, scale, angle, centre, side), sigma)

    scale, covered = scale_for(
        lambda scale: np.asarray(alpha_at(scale)) > 127, target, side * sqrt(target / 2), 3 * side
    )
    alpha = alpha_at(scale)
    surface = skin_of(donor, rng) * lighting.relief(rng, alpha, scale)
    surface *= lighting.seams(rng, shapes.on_canvas(shape, scale, angle, centre), side)
    opacity = np.asarray(alpha, dtype=np.float32)[..., None] / np.float32(255)
    below = face * (1 - lighting.shadow(rng, alpha, unit))
    blend = below + opacity * (np.clip(surface, 0, 255) - below)
    return np.rint(np.clip(blend, 0, 255)).astype(np.uint8), covered


def skin_of(donor: NDArray[np.uint8], rng: Generator) -> NDArray[np.float32]:
    """Cover a whole picture with a piece of a face's skin: (S, S, 3) uint8 to float, 0-255.

    The piece is enlarged, mirrored at its edges, turned, and made somewhat lighter or darker.
    """
    side = donor.shape[0]
    left, top, right, bottom = SKIN[rng.integers(len(SKIN))] * side / REFERENCE
    piece = Image.fromarray(donor[int(top) : int(bottom), int(left) : int(right)])
    wide = max(8, int(piece.width * rng.uniform(1, 3)))
    values = np.asarray(piece.resize((wide, wide), Image.Resampling.BICUBIC), dtype=np.float32)
    reach = max(0, side + 8 - wide)
    tiled = np.pad(values, ((0, reach), (0, reach), (0, 0)), mode="symmetric")
    down, across = rng.integers(0, len(tiled) - side + 1, 2)
    tiled = np.rot90(tiled[down : down + side, across : across + side], int(rng.integers(4)))
    uneven = 1 + np.float32(rng.uniform(0, 0.08)) * textures.noise(rng, side, (5, 5))
    skin: NDArray[np.float32] = tiled * uneven * np.float32(rng.uniform(0.75, 1.25))
    return skin
