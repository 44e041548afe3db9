"""Glasses and masks at the size that people wear."""

import numpy as np
import pytest

from helpers import drawn_face
from latent_ofer.occlusion.cutouts import Anchor, Cutout
from latent_ofer.occlusion.wearables import FACE_WIDTH, WIDTHS, is_wearable, paste_wearable


def bar(category: str, anchor: Anchor) -> Cutout:
    rgba = np.zeros((60, 240, 4), dtype=np.uint8)
    rgba[10:50, 20:220] = (10, 20, 200, 255)
    return Cutout(rgba, category, anchor, f"{category}/1")


def test_only_what_belongs_before_eyes_or_mouth_is_worn() -> None:
    anchors: list[Anchor] = ["eyes", "mouth", "nose", "cheek", "any"]
    assert [is_wearable(bar("x", anchor)) for anchor in anchors] == [True, True, *[False] * 3]


@pytest.mark.parametrize(
    ("category", "anchor", "key"),
    [("glasses", "eyes", "eyes"), ("pizza", "mouth", "mouth"), ("mask", "mouth", "mask")],
)
def test_its_width_is_that_of_the_face_whatever_the_picture_is_like(
    category: str, anchor: Anchor, key: str
) -> None:
    face, landmarks = drawn_face(seed=1)
    across = float(np.hypot(*(landmarks[1] - landmarks[0]))) * FACE_WIDTH
    # Five times as long as high: an area gives the width.
    widths = []
    for seed in range(40):
        _, covered = paste_wearable(
            face, landmarks, bar(category, anchor), np.random.default_rng(seed)
        )
        widths.append(np.sqrt(5 * covered.sum()) / across)
    low, high = WIDTHS[key]
    assert low - 0.06 < min(widths) < low + 0.12
    assert high - 0.12 < max(widths) < high + 0.06


def test_it_lies_before_the_eyes_at_any_resolution() -> None:
    for side in (48, 112):
        face, landmarks = drawn_face(side, seed=2)
        _, covered = paste_wearable(
            face, landmarks, bar("glasses", "eyes"), np.random.default_rng(0), size=112
        )
        eyes = (landmarks[:2].mean(axis=0) + 0.5) * 112 / side - 0.5
        rows, columns = np.nonzero(covered)
        assert abs(rows.mean() - eyes[1]) < 10 and abs(columns.mean() - eyes[0]) < 10


def test_three_in_ten_let_some_of_the_face_through() -> None:
    face, landmarks = drawn_face(seed=3)
    through = 0
    for seed in range(60):
        pasted, covered = paste_wearable(
            face, landmarks, bar("glasses", "eyes"), np.random.default_rng(seed)
        )
        inside = covered.copy()
        for axis in (0, 1):
            for step in (-3, 3):
                inside &= np.roll(covered, step, axis)
        # The bar is of one colour; the face below is not.
        through += bool(pasted[inside].std(axis=0).max() > 2)
    assert 9 <= through <= 27
