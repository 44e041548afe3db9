"""The repair test on drawn faces and repairs whose figures are known beforehand."""

import json

import numpy as np
import pytest

from helpers import drawn_face
from latent_ofer.evaluation.repair import mean_fill, measure, quality, with_interval
from latent_ofer.occlusion.patches import patch_pixels

FACES = np.stack([drawn_face(seed=seed)[0] for seed in range(6)])
NAMES = [f"drawn/{row}.png" for row in range(6)]
SHARE = (0.2, 0.3)


def test_mean_fill_gains_nothing_over_itself() -> None:
    table = measure(mean_fill, FACES, NAMES, "drawn", SHARE)
    for figure in ("psnr", "psnr_hole", "ssim", "ssim_hole"):
        assert table[figure]["gain"] == {"mean": 0, "low": 0, "high": 0}
    assert table["n"] == 6 and table["hidden_patches"] > SHARE[0]
    json.dumps(table)


def test_a_better_repair_gains_by_what_its_error_says() -> None:
    def halfway(faces: np.ndarray, masks: np.ndarray) -> np.ndarray:
        hole = patch_pixels(masks, 112)[..., None]
        truth = FACES[[next(i for i in range(6) if (FACES[i] == face).all()) for face in faces]]
        middle = (truth.astype(float) + mean_fill(faces, masks)) / 2
        return np.where(hole, middle.round(), faces).astype(np.uint8)

    table = measure(halfway, FACES, NAMES, "drawn", SHARE)
    # Half the error is a quarter of its square: 6.02 dB, but for rounding.
    assert table["psnr"]["gain"]["mean"] == pytest.approx(6.02, abs=0.1)
    assert table["psnr_hole"]["gain"]["mean"] == pytest.approx(6.02, abs=0.1)
    assert table["psnr"]["gain"]["low"] <= table["psnr"]["gain"]["mean"]
    assert table["ssim_hole"]["gain"]["low"] > 0


def test_the_mask_is_the_faces_own_whatever_stands_beside_it() -> None:
    seen: list[np.ndarray] = []

    def spy(faces: np.ndarray, masks: np.ndarray) -> np.ndarray:
        seen.extend(masks)
        return faces

    measure(spy, FACES, NAMES, "drawn", SHARE)
    measure(spy, FACES[::-1], NAMES[::-1], "drawn", SHARE)
    assert all(np.array_equal(a, b) for a, b in zip(seen[:6], seen[:5:-1], strict=True))
    assert not np.array_equal(seen[0], seen[1])


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


def test_the_interval_holds_the_mean_and_narrows_with_n() -> None:
    rng = np.random.default_rng(0)
    few, many = with_interval(rng.normal(size=20)), with_interval(rng.normal(size=2000))
    for result in (few, many):
        assert result["low"] < result["mean"] < result["high"]
    assert many["high"] - many["low"] == pytest.approx(2 * 1.96 / 2000**0.5, rel=0.15)
    assert few["high"] - few["low"] > many["high"] - many["low"]
