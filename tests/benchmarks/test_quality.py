"""How near a repair comes to the truth, on errors that are known beforehand."""

import numpy as np
import pytest
from quality import mean_fill, quality

from helpers import drawn_face
from latent_ofer.occlusion.patches import patch_pixels


def test_half_the_error_is_six_decibels() -> None:
    truth = np.stack([drawn_face(seed=seed)[0] for seed in range(3)])
    masks = np.zeros((3, 14, 14), dtype=bool)
    masks[:, 3:9, 4:10] = True
    far, hole = mean_fill(truth, masks), patch_pixels(masks, 112)[..., None]
    middle = np.where(hole, ((truth.astype(float) + far) / 2).round(), truth).astype(np.uint8)
    gain = quality(middle, truth, masks).psnr - quality(far, truth, masks).psnr
    # Half the error is a quarter of its square: 6.02 dB, but for rounding.
    assert gain == pytest.approx([6.02] * 3, abs=0.1)


def test_quality_of_a_known_error() -> None:
    truth = np.full((1, 112, 112, 3), 100, np.uint8)
    mask = np.zeros((1, 14, 14), bool)
    mask[0, :7] = True
    image = truth.copy()
    image[:, :56] += 51
    figures = quality(image, truth, mask)
    assert figures.psnr_hole[0] == pytest.approx(-20 * np.log10(0.2))
    assert figures.psnr[0] == pytest.approx(-20 * np.log10(0.2) + 10 * np.log10(2))
    same = quality(truth, truth, mask)
    assert same.ssim[0] == same.ssim_hole[0] == 1


def test_mean_fill_uses_visible_pixels_only() -> None:
    face = np.zeros((2, 112, 112, 3), np.uint8)
    face[:, :8] = 200
    mask = np.zeros((2, 14, 14), bool)
    mask[0, 0] = mask[1] = True
    filled = mean_fill(face, mask)
    assert (filled[0] == 0).all()
    assert (filled[1] == 128).all()
