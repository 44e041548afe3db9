"""Patches: hidden pixels to hidden patches and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from latent_ofer.occlusion.patches import (
    GRID,
    border_patches,
    occluded_patches,
    outline,
    patch_pixels,
    patch_share,
    touched_patches,
)

pixel_masks = st.integers(1, 4).flatmap(lambda side: arrays(bool, (2, GRID * side, GRID * side)))


@given(pixel_masks)
def test_patch_share_is_the_mean_of_each_patch(pixels):
    side = pixels.shape[-1] // GRID
    share = patch_share(pixels)
    assert share.shape == (2, GRID, GRID) and share.dtype == np.float32
    for face in range(2):
        for row in range(GRID):
            for column in range(GRID):
                patch = pixels[face, row * side : (row + 1) * side][
                    :, column * side : (column + 1) * side
                ]
                assert share[face, row, column] == pytest.approx(patch.mean())


@given(pixel_masks)
def test_occluded_and_border_patches_make_up_the_touched_ones(pixels):
    occluded, border = occluded_patches(pixels), border_patches(pixels)
    assert not (occluded & border).any()
    np.testing.assert_array_equal(occluded | border, touched_patches(pixels))


def test_a_patch_is_occluded_from_a_quarter_of_its_pixels_on():
    pixels = np.zeros((112, 112), dtype=bool)
    pixels[:4, :4] = True  # 16 of 64 pixels of patch (0, 0)
    pixels[:4, 16:20] = True
    pixels[0, 16] = False  # 15 of 64 pixels of patch (0, 2)
    assert np.argwhere(occluded_patches(pixels)).tolist() == [[0, 0]]
    assert np.argwhere(border_patches(pixels)).tolist() == [[0, 2]]


@given(arrays(bool, (3, GRID, GRID)), st.integers(1, 8))
def test_patch_pixels_is_undone_by_patch_share(mask, side):
    pixels = patch_pixels(mask, GRID * side)
    assert pixels.shape == (3, GRID * side, GRID * side)
    np.testing.assert_array_equal(patch_share(pixels), mask)


@pytest.mark.parametrize("shape", [(112, 98), (111, 111), (0, 0)])
def test_other_than_a_square_of_whole_patches_is_refused(shape):
    with pytest.raises(ValueError, match="multiple of 14"):
        patch_share(np.zeros(shape, dtype=bool))


def test_a_mask_or_size_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="multiple of 14"):
        patch_pixels(np.zeros((GRID, GRID), dtype=bool), 100)
    with pytest.raises(ValueError, match="14"):
        patch_pixels(np.zeros((7, 7), dtype=bool), 112)


@given(arrays(bool, (GRID, GRID)))
def test_the_outline_has_each_edge_between_hidden_and_not_once(mask):
    expected = set()
    for row, column in np.argwhere(mask):
        corners = {
            (-1, 0): ((column, row), (column + 1, row)),
            (1, 0): ((column, row + 1), (column + 1, row + 1)),
            (0, -1): ((column, row), (column, row + 1)),
            (0, 1): ((column + 1, row), (column + 1, row + 1)),
        }
        for (down, right), edge in corners.items():
            y, x = row + down, column + right
            if not (0 <= y < GRID and 0 <= x < GRID and mask[y, x]):
                expected.add(edge)
    found = [tuple(map(tuple, edge)) for edge in outline(mask)]
    assert len(found) == len(expected) and set(found) == expected
