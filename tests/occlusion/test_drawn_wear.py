"""Sunglasses and masks drawn by program."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator

from helpers import drawn_face
from latent_ofer.occlusion.cutouts import Cutout
from latent_ofer.occlusion.drawn_wear import draw_mask, draw_sunglasses, draw_wearable
from latent_ofer.occlusion.patches import occluded_patches
from latent_ofer.occlusion.wearables import is_wearable, paste_wearable

Draw = Callable[[Generator], Cutout]


def many(count: int = 40) -> list[Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


def hidden_share(draw: Draw, rows: list[int], columns: list[int]) -> float:
    """Mean share of some patches that are hidden when the things are worn."""
    face, landmarks = drawn_face(seed=1)
    shares = []
    for rng in many():
        _, covered = paste_wearable(face, landmarks, draw(rng), rng)
        shares.append(occluded_patches(covered[None])[0][np.ix_(rows, columns)].mean())
    return float(np.mean(shares))


@pytest.mark.parametrize(
    ("draw", "category", "anchor"),
    [(draw_sunglasses, "sunglasses", "eyes"), (draw_mask, "mask", "mouth")],
)
def test_they_are_cutouts_that_can_be_worn(draw: Draw, category: str, anchor: str) -> None:
    for rng in many():
        cutout = draw(rng)
        assert (cutout.category, cutout.anchor) == (category, anchor)
        assert cutout.rgba.dtype == np.uint8 and cutout.rgba.shape[2] == 4
        assert is_wearable(cutout)
        assert 0.03 < (cutout.rgba[..., 3] > 127).mean() < 0.9


def test_the_same_seed_draws_the_same_and_another_something_else() -> None:
    first, again, other = (draw_wearable(np.random.default_rng(seed)).rgba for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_half_are_sunglasses() -> None:
    kinds = [draw_wearable(rng).category for rng in many(200)]
    assert 70 < kinds.count("sunglasses") < 130


def test_sunglasses_hide_the_eyes_and_not_the_mouth() -> None:
    assert hidden_share(draw_sunglasses, [4, 5], [3, 4, 9, 10]) > 0.85
    assert hidden_share(draw_sunglasses, [10, 11], [5, 6, 7, 8]) < 0.02


def test_masks_hide_the_mouth_and_not_the_brow() -> None:
    assert hidden_share(draw_mask, [9, 10, 11], [5, 6, 7, 8]) > 0.95
    assert hidden_share(draw_mask, [2, 3], list(range(3, 11))) < 0.05


def test_lenses_stay_solid_enough_to_count_as_hidden() -> None:
    # Worn things get up to three tenths more transparent: half of the light must still be kept.
    for rng in many():
        middle = draw_sunglasses(rng).rgba[60:68, 28:36, 3]
        assert middle.min() >= 0.72 * 255
