"""Cloth and hair over a face, and the coordinates that they are drawn in."""

from collections.abc import Callable

import numpy as np
import pytest

from helpers import drawn_face
from latent_ofer.occlusion import cloth, hair
from latent_ofer.occlusion.cloth import paste_cloth
from latent_ofer.occlusion.face_frame import NARROWEST, FaceFrame
from latent_ofer.occlusion.hair import paste_hair

Paste = Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]
BOTH = pytest.mark.parametrize("paste", [paste_cloth, paste_hair])


@BOTH
@pytest.mark.parametrize("side", [48, 112])
def test_they_cover_what_they_say_and_leave_the_rest(paste: Paste, side: int) -> None:
    face, points = drawn_face(side)
    before = face.copy()
    inside, outside, shares = [], [], []
    for seed in range(24):
        pasted, covered, beside = paste(face, points, np.random.default_rng(seed))
        assert pasted.shape == face.shape and pasted.dtype == np.uint8
        assert not (covered & beside).any()
        change = np.abs(pasted.astype(float) - face).mean(axis=2)
        inside.append(change[covered].mean())
        outside.append(np.median(change[~(covered | beside)]))
        shares.append(covered.mean())
    assert np.mean(inside) > 15 and np.median(outside) < 1
    assert min(shares) > 0.01 and max(shares) < 0.72 and np.ptp(shares) > 0.1
    assert np.array_equal(face, before)


@BOTH
def test_only_the_face_itself_counts_as_covered(paste: Paste) -> None:
    face, points = drawn_face(seed=2)
    skin = FaceFrame.of(points).skin(112, -0.5)
    around = 0
    for seed in range(12):
        _, covered, beside = paste(face, points, np.random.default_rng(seed))
        assert not (covered & ~skin).any()
        around += int((beside & ~skin).sum())
    assert around > 0


@BOTH
def test_the_same_generator_makes_the_same_and_another_something_else(paste: Paste) -> None:
    face, points = drawn_face()
    made = [paste(face, points, np.random.default_rng(seed))[0] for seed in (1, 1, 2)]
    assert np.array_equal(made[0], made[1]) and not np.array_equal(made[0], made[2])


@BOTH
def test_on_grey_faces_they_are_grey(paste: Paste) -> None:
    face, points = drawn_face(48)
    grey = np.repeat(face[..., :1], 3, axis=2)
    for seed in range(12):
        pasted, _, _ = paste(grey, points, np.random.default_rng(seed), grey=True)
        assert np.ptp(pasted.astype(int), axis=2).max() == 0


def test_each_kind_of_cloth_lies_where_it_is_worn(monkeypatch: pytest.MonkeyPatch) -> None:
    face, points = drawn_face(seed=1)
    frame = FaceFrame.of(points)
    x, y = frame.grid(112)
    brow, chin = np.abs(y + 0.3) < 0.08, np.abs(y - 1.4) < 0.08
    middle, cheeks = np.abs(x) < 0.25, np.abs(np.abs(x) - 0.85) < 0.08

    def share(kind: int, pixels: np.ndarray) -> float:
        monkeypatch.setattr(cloth, "_ODDS", np.eye(6)[kind])
        found = [paste_cloth(face, points, np.random.default_rng(seed))[1:] for seed in range(12)]
        return float(np.mean([(covered | beside)[pixels].mean() for covered, beside in found]))

    scarf, _, brim, hood, band, veil = range(6)
    assert share(scarf, chin & middle) > 0.95 and share(scarf, brow & middle) < 0.05
    assert share(brim, brow & middle) > 0.5 and share(brim, chin & middle) == 0
    assert share(hood, cheeks) > share(hood, middle & (np.abs(y - 0.4) < 0.2)) + 0.4
    eyes_or_mouth = middle & ((np.abs(y) < 0.08) | (np.abs(y - 1) < 0.08))
    assert share(band, eyes_or_mouth) > 0.4 and share(band, middle & (np.abs(y - 0.5) < 0.05)) < 0.3
    assert share(veil, brow & middle) > 0.95


def test_hair_has_the_tone_of_the_head_that_it_grows_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hair, "TONES", hair.TONES * 0 + 60)
    _, points = drawn_face()
    tones = {}
    for level in (20, 150):
        face = np.full((112, 112, 3), 200, np.uint8)
        face[FaceFrame.of(points).grid(112)[1] < -0.5] = level
        found = []
        for seed in range(12):
            pasted, covered, _ = paste_hair(face, points, np.random.default_rng(seed))
            found.append(np.median(pasted[covered]))
        tones[level] = np.median(found)
    assert tones[20] < 70 < 100 < tones[150]


def test_a_frame_has_the_eyes_and_the_mouth_at_its_marks() -> None:
    points = np.array([[30.0, 40], [70, 50], [50, 60], [38, 80], [58, 84]])
    frame = FaceFrame.of(points)
    marks = np.array([[-0.5, 0], [0.5, 0], [0, 1]])
    wanted = np.array([[30, 40], [70, 50], [48, 82]])
    assert np.allclose(frame.on_canvas(marks), wanted)
    x, y = frame.grid(112)
    for (column, row), mark in zip(wanted, marks, strict=True):
        assert (x[row, column], y[row, column]) == pytest.approx(tuple(mark))


def test_the_frame_of_a_head_from_the_side_is_not_a_line() -> None:
    points = np.array([[50.0, 40], [51, 40], [60, 60], [50, 80], [51, 80]])
    frame = FaceFrame.of(points)
    assert np.hypot(*frame.across) == pytest.approx(NARROWEST * 40)
