"""How near repaired faces come to the true ones, and the simplest repair of all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from latent_ofer.arrays import Pixels
from latent_ofer.evaluation.conditions import Mask
from latent_ofer.occlusion.patches import patch_pixels

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """How near images are to the truth; every attribute (n,) float.

    Attributes
    ----------
    psnr, psnr_hole : decibels
        Over the whole image, and over the hole alone.
    ssim, ssim_hole : -1 to 1
        Gaussian window of 11 px, sigma 1.5.
    """

    psnr: Values
    psnr_hole: Values
    ssim: Values
    ssim_hole: Values


def mean_fill(faces: Pixels, masks: Mask) -> Pixels:
    """Hidden patches in the mean colour of the visible pixels; mid-grey where none is.

    Parameters
    ----------
    faces : (n, S, S, 3) uint8
    masks : (n, 14, 14) bool, True = hidden
    """
    hole = patch_pixels(masks, faces.shape[1])
    filled = faces.copy()
    for image, hidden in zip(filled, hole, strict=True):
        visible = image[~hidden]
        image[hidden] = np.rint(visible.mean(axis=0)) if len(visible) else 128
    return filled


def quality(images: Pixels, truth: Pixels, masks: Mask) -> Quality:
    """PSNR and SSIM of every image against the truth; each mask hides at least one patch.

    Parameters
    ----------
    images, truth : (n, S, S, 3) uint8
    masks : (n, 14, 14) bool, True = hidden
    """
    hole = patch_pixels(masks, truth.shape[1])
    rows = []
    for image, true, hidden in zip(images / 255, truth / 255, hole, strict=True):
        ssim, at = structural_similarity(  # type: ignore[no-untyped-call]
            image,
            true,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1,
            full=True,
        )
        error = (image - true) ** 2
        rows.append([_decibels(error), _decibels(error[hidden]), ssim, at[hidden].mean()])
    return Quality(*np.array(rows).T)


def _decibels(squared_error: Values) -> float:
    return float(-10 * np.log10(max(squared_error.mean(), 1e-10)))
