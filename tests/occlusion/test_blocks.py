"""Whole patches to hide."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import TEMPLATE
from latent_ofer.occlusion.blocks import (
    eye_patches,
    hottest_patches,
    mouth_patches,
    patch_count,
    patches_around,
    random_patches,
)


def test_shares_are_rounded_to_whole_patches() -> None:
    counts = [patch_count(percent) for percent in range(10, 80, 10)]
    assert counts == [20, 39, 59, 78, 98, 118, 137]
    assert patch_count(100) == 196


@pytest.mark.parametrize("percent", [10, 40, 70])
def test_random_patches_are_as_many_as_asked_for_and_nested(percent: int) -> None:
    mask = random_patches(np.random.default_rng(3), percent)
    more = random_patches(np.random.default_rng(3), percent + 10)
    assert mask.shape == (14, 14) and mask.sum() == patch_count(percent)
    assert (mask & more).sum() == mask.sum()
    assert (mask != random_patches(np.random.default_rng(4), percent)).any()


def test_every_patch_is_hidden_about_equally_often() -> None:
    often = sum(random_patches(np.random.default_rng(seed), 30).astype(int) for seed in range(1000))
    assert often.min() > 230 and often.max() < 370


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 100))
def test_the_hottest_patches_are_no_colder_than_the_others(seed: int, percent: int) -> None:
    heat = np.random.default_rng(seed).integers(-9, 10, (14, 14)).astype(float)
    mask = hottest_patches(heat, percent)
    assert mask.sum() == patch_count(percent)
    if not mask.all():
        assert heat[mask].min() >= heat[~mask].max()


def test_of_equal_heat_the_earlier_patches_are_taken() -> None:
    assert hottest_patches(np.zeros((14, 14)), 10).ravel().tolist() == [True] * 20 + [False] * 176


def test_the_rounding_of_a_network_does_not_reorder_heat() -> None:
    rng = np.random.default_rng(0)
    heat = rng.integers(0, 50, (14, 14)).astype(np.float32)
    shaken = heat + rng.uniform(-1e-4, 1e-4, (14, 14))
    np.testing.assert_array_equal(hottest_patches(heat, 30), hottest_patches(shaken, 30))


def test_eyes_and_mouth_of_the_template_are_the_rectangles_that_the_guide_states() -> None:
    for mask, rows, columns in (
        (eye_patches(TEMPLATE), (4, 6), (3, 10)),
        (mouth_patches(TEMPLATE), (9, 11), (4, 9)),
    ):
        places = np.argwhere(mask)
        assert places.min(axis=0).tolist() == [rows[0], columns[0]]
        assert places.max(axis=0).tolist() == [rows[1], columns[1]]
        assert mask.sum() == (rows[1] - rows[0] + 1) * (columns[1] - columns[0] + 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-30, 140), st.floats(-30, 140)), min_size=1, max_size=4))
def test_the_rectangle_is_the_smallest_with_a_margin_of_one_patch(
    points: list[tuple[float, float]],
) -> None:
    mask = patches_around(np.array(points))
    expected = np.zeros((14, 14), dtype=bool)
    cells = [
        (min(max(int((x + 0.5) // 8), 0), 13), min(max(int((y + 0.5) // 8), 0), 13))
        for x, y in points
    ]
    for row in range(14):
        for column in range(14):
            expected[row, column] = (
                min(x for x, _ in cells) - 1 <= column <= max(x for x, _ in cells) + 1
                and min(y for _, y in cells) - 1 <= row <= max(y for _, y in cells) + 1
            )
    np.testing.assert_array_equal(mask, expected)
