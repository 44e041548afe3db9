"""A type for each hidden region, and which types count as hidden."""

import numpy as np
import pytest

from latent_ofer.covering import LEAST, covers_of
from latent_ofer.results import COVER_TYPES, HIDING


def types_at(**patches: np.ndarray) -> np.ndarray:
    """Probability 0.9 of a type at its patches, 0.02 elsewhere: (8, 14, 14)."""
    types = np.full((len(COVER_TYPES), 14, 14), 0.02, np.float32)
    for name, where in patches.items():
        types[COVER_TYPES.index(name)][where] = 0.9
    return types


def block(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((14, 14), dtype=np.bool_)
    mask[rows, columns] = True
    return mask


HAND, SCARF = block(slice(2, 5), slice(0, 3)), block(slice(10, 14), slice(2, 12))
GLASSES = block(slice(4, 6), slice(4, 10))
EVERYTHING = types_at(hand=HAND, cloth=SCARF, glasses=GLASSES)


def test_each_region_has_its_type_the_largest_first_and_what_hides_little_comes_last() -> None:
    covers, mask = covers_of(HAND | SCARF, EVERYTHING, HIDING)
    assert [(cover.type, cover.hidden) for cover in covers] == [
        ("cloth", True),
        ("hand", True),
        ("glasses", False),
    ]
    assert [cover.share * 196 for cover in covers] == pytest.approx([40, 9, 12])
    assert covers[0].probability == pytest.approx(0.9 / 0.98, abs=1e-6)
    assert covers[2].probability == pytest.approx(0.9)
    assert np.array_equal(mask, HAND | SCARF)


def test_types_that_do_not_count_leave_the_mask_and_those_that_do_join_it() -> None:
    covers, mask = covers_of(HAND | SCARF, EVERYTHING, ("hand", "glasses"))
    assert [cover.hidden for cover in covers] == [False, True, True]
    assert np.array_equal(mask, HAND | GLASSES)


def test_a_region_of_no_sure_type_stays_hidden() -> None:
    types = np.full((len(COVER_TYPES), 14, 14), 0.3, np.float32)
    (cover,), mask = covers_of(HAND, types, ())
    assert cover.hidden and cover.probability == pytest.approx(1 / len(HIDING))
    assert np.array_equal(mask, HAND)


def test_regions_hang_together_at_corners_and_along_bends() -> None:
    bent = block(slice(0, 1), slice(0, 8)) | block(slice(1, 7), slice(8, 9))
    covers, _ = covers_of(bent, types_at(hair=bent), HIDING)
    assert [(cover.type, round(cover.share * 196)) for cover in covers] == [("hair", 14)]


def test_few_patches_of_what_hides_little_are_not_named() -> None:
    nothing = np.zeros((14, 14), dtype=np.bool_)
    letters = block(slice(8, 9), slice(3, 3 + LEAST))
    assert covers_of(nothing, types_at(text=letters), HIDING)[0][0].type == "text"
    letters[8, 3] = False
    assert covers_of(nothing, types_at(text=letters), HIDING)[0] == ()


def test_where_no_types_are_told_nothing_is_named_and_the_mask_stays() -> None:
    covers, mask = covers_of(HAND, np.empty((0, 14, 14), np.float32), ())
    assert covers == () and np.array_equal(mask, HAND)
