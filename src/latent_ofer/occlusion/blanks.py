"""Parts of a face blanked out: patches, rectangles over eyes and mouth, free-form strokes."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from latent_ofer.occlusion.blocks import eye_patches, mouth_patches, patches_around, random_patches
from latent_ofer.occlusion.exact import mean_colour
from latent_ofer.occlusion.irregular import irregular_mask
from latent_ofer.occlusion.patches import patch_pixels


def paste_blank(
    face: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    rng: Generator,
    *,
    grey: bool = False,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Blank out a part of a face with one colour, most often black, or with noise.

    Parameters
    ----------
    face : (S, S, 3) uint8 RGB
        S a multiple of 14.
    landmarks : (5, 2) float
        (x, y) in pixels of the 112 px face.
    rng : numpy Generator
    grey : bool
        Blank out in grey, for grey faces.

    Returns
    -------
    face : (S, S, 3) uint8 RGB
    covered : (S, S) bool
    """
    side = len(face)
    covered = _hole(landmarks, side, rng)
    fill = _fill(face, rng)
    if grey:
        fill = fill[..., :1]
    return np.where(covered[..., None], fill, face), covered


def _hole(landmarks: NDArray[np.floating], side: int, rng: Generator) -> NDArray[np.bool_]:
    kind = rng.choice(5, p=[0.4, 0.1, 0.1, 0.2, 0.2])
    if kind == 0:
        return patch_pixels(random_patches(rng, int(rng.integers(2, 70))), side)
    if kind == 1:
        return patch_pixels(eye_patches(landmarks), side)
    if kind == 2:
        return patch_pixels(mouth_patches(landmarks), side)
    if kind == 3:
        return patch_pixels(patches_around(rng.uniform(8, 104, (2, 2))), side)
    return irregular_mask(rng, side, (0.02, 0.4))


def _fill(face: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    kind = rng.choice(5, p=[0.5, 0.2, 0.05, 0.15, 0.1])
    if kind == 4:
        return rng.integers(0, 256, face.shape, dtype=np.uint8)
    colours = ([0, 0, 0], mean_colour(face), [255, 255, 255], rng.integers(0, 256, 3))
    return np.broadcast_to(np.asarray(colours[kind], dtype=np.uint8), face.shape)
