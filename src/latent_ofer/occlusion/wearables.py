"""Glasses, masks and the like, as large as people wear them: not stretched to a drawn coverage."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from latent_ofer.occlusion.cutouts import Cutout
from latent_ofer.occlusion.objects import paste_object
from latent_ofer.occlusion.placing import REFERENCE

FACE_WIDTH = 2.15
"""Of a frontal face, in distances between its eyes."""
WIDTHS = {"eyes": (0.8, 1.2), "mouth": (0.4, 0.8), "mask": (0.8, 1.1)}
"""Of what belongs before the eyes or the mouth, and of masks: in face widths."""
COVERAGE = (0.01, 0.6)
"""Least and most of the crop that is covered, whatever the width."""


def is_wearable(cutout: Cutout) -> bool:
    """Whether it belongs before eyes or mouth."""
    return cutout.anchor in WIDTHS


def paste_wearable(
    face: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    cutout: Cutout,
    rng: Generator,
    *,
    size: int = REFERENCE,
    grey: bool = False,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Put a cut-out on a face as it would be worn or held there, now and then see-through.

    Parameters
    ----------
    face, landmarks, rng, size, grey
        As for `latent_ofer.occlusion.objects.compose_object`.
    cutout : Cutout
        One that `is_wearable`.

    Returns
    -------
    face : (size, size, 3) uint8 RGB
    covered : (size, size) bool
    """
    low, high = WIDTHS["mask" if cutout.category == "mask" else cutout.anchor]
    wanted = rng.uniform(low, high) * FACE_WIDTH * float(np.hypot(*(landmarks[1] - landmarks[0])))
    solid = cutout.rgba[..., 3] > 127
    columns = np.flatnonzero(solid.any(axis=0))
    scale = wanted / (columns[-1] - columns[0] + 1)
    share = float(np.clip(scale**2 * solid.sum() / face.shape[0] ** 2, *COVERAGE))
    if rng.random() < 0.3:
        rgba = cutout.rgba.copy()
        rgba[..., 3] = np.rint(rgba[..., 3] * rng.uniform(0.7, 1))
        cutout = replace(cutout, rgba=rgba)
    return paste_object(face, landmarks, cutout, rng, size=size, grey=grey, coverage=(share, share))
