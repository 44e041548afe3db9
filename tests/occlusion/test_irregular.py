"""Free-form holes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_ofer.occlusion.irregular import BINS, irregular_mask


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(BINS), st.sampled_from([14, 48, 112]))
def test_the_hole_share_always_lies_in_its_bin(seed, share, size):
    mask = irregular_mask(np.random.default_rng(seed), size, share)
    assert mask.shape == (size, size) and mask.dtype == bool
    assert share[0] < mask.mean() <= share[1]


def test_a_range_of_a_single_pixel_count_is_met():
    mask = irregular_mask(np.random.default_rng(0), 10, (0.305, 0.31))
    assert mask.sum() == 31


def test_shares_spread_over_the_whole_bin():
    shares = [irregular_mask(np.random.default_rng(i), 56, (0.2, 0.3)).mean() for i in range(80)]
    counts = np.histogram(shares, bins=4, range=(0.2, 0.3))[0]
    assert counts.min() >= 8


def test_the_same_generator_gives_the_same_mask_and_another_gives_another():
    first, again, other = (
        irregular_mask(np.random.default_rng(seed), 112, BINS[2]) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("share", [(0.3, 0.2), (0.301, 0.305), (-0.1, 0.2), (0.9, 1.1)])
def test_a_range_without_a_whole_number_of_pixels_is_refused(share):
    with pytest.raises(ValueError, match="hole share"):
        irregular_mask(np.random.default_rng(0), 10, share)
