"""Hands with the skin of faces, and blanked-out parts."""

import numpy as np
import pytest

from helpers import drawn_face
from latent_ofer.occlusion.blanks import paste_blank
from latent_ofer.occlusion.hands import paste_hand, skin_of
from latent_ofer.occlusion.patches import occluded_patches, patch_pixels


@pytest.mark.parametrize("side", [48, 112])
def test_hands_cover_what_they_say_and_leave_the_rest(side: int) -> None:
    face, _ = drawn_face(side)
    donor, _ = drawn_face(side, seed=3)
    before = face.copy()
    shares, inside, outside = [], [], []
    for seed in range(12):
        pasted, covered = paste_hand(face, donor, np.random.default_rng(seed))
        assert pasted.shape == face.shape and pasted.dtype == np.uint8
        change = np.abs(pasted.astype(float) - face).mean(axis=2)
        shares.append(covered.mean())
        inside.append(change[covered].mean())
        outside.append(np.median(change[~covered]))
    assert min(shares) > 0.03 and max(shares) < 0.42 and np.ptp(shares) > 0.1
    assert np.mean(inside) > 8 and max(outside) <= 2
    assert np.array_equal(face, before)


def test_skin_has_the_tone_of_the_donor() -> None:
    donor = np.zeros((112, 112, 3), dtype=np.uint8)
    donor[:] = (180, 120, 60)
    for seed in range(8):
        skin = skin_of(donor, np.random.default_rng(seed))
        assert skin.shape == donor.shape
        red, green, blue = skin.mean(axis=(0, 1))
        assert red / green == pytest.approx(1.5, rel=0.02)
        assert green / blue == pytest.approx(2, rel=0.02)


def test_the_same_generator_gives_the_same_hand() -> None:
    face, _ = drawn_face()
    pictures = [paste_hand(face, face, np.random.default_rng(seed))[0] for seed in (1, 1, 2)]
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_blanks_change_covered_pixels_alone() -> None:
    face, points = drawn_face()
    whole, fills = 0, set()
    for seed in range(40):
        blank, covered = paste_blank(face, points, np.random.default_rng(seed))
        assert covered.any()
        assert np.array_equal(blank[~covered], face[~covered])
        whole += np.array_equal(patch_pixels(occluded_patches(covered), 112), covered)
        fills.add(tuple(blank[covered].mean(axis=0).round()))
    assert 20 < whole < 40
    assert (0, 0, 0) in fills and len(fills) > 5


def test_blanks_on_grey_faces_are_grey() -> None:
    face, points = drawn_face()
    grey = np.repeat(face[..., :1], 3, axis=2)
    for seed in range(20):
        blank, _ = paste_blank(grey, points, np.random.default_rng(seed), grey=True)
        assert (np.ptp(blank.astype(int), axis=2) == 0).all()
