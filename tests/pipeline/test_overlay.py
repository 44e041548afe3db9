"""What is drawn on a photo: where it belongs, inside the picture, and on a copy."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from fakes import FakeFinder, fake_model, hide
from helpers import drawn_face
from latent_ofer.images.align import align_face
from latent_ofer.labels import COLOURS, EXPRESSIONS
from latent_ofer.overlay import annotate
from latent_ofer.results import UNCERTAIN, FaceResult

FACE, LANDMARKS = drawn_face()
HIDDEN = hide(FACE, slice(8, 12), slice(3, 9))
DARK = (16, 18, 24)


def result(hidden: bool = True) -> FaceResult:
    model, _ = fake_model(FakeFinder([LANDMARKS]))
    (face,) = model.predict(HIDDEN if hidden else FACE)
    return face


HIDDEN_FACE, CLEAN_FACE = result(), result(hidden=False)


def at(face: FaceResult, x: float, y: float, scale: float, turn: float = 0.0) -> FaceResult:
    """The face elsewhere in a photo, larger and turned by an angle in radians."""
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    landmarks = LANDMARKS @ np.array([[cos, sin], [-sin, cos]]) + (x, y)
    box = (x, y, x + 100 * scale, y + 110 * scale)
    return dataclasses.replace(face, landmarks=landmarks, box=box)


def same(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return (pixels == colour).all(axis=2)


@pytest.mark.parametrize(("scale", "turn"), [(2.0, 0.0), (3.0, 0.5), (1.0, -0.9)])
def test_hidden_patches_are_shaded_where_they_lie_in_the_photo(scale: float, turn: float) -> None:
    photo = np.full((600, 700, 3), 128, np.uint8)
    face = dataclasses.replace(at(HIDDEN_FACE, 250, 120, scale, turn), box=None)
    drawn = align_face(annotate(photo, face), face.landmarks)
    blue = drawn.reshape(14, 8, 14, 8, 3)[:, 2:6, :, 2:6].astype(int)
    tinted = (blue[..., 2] - blue[..., 0]).mean(axis=(1, 3)) > 20
    np.testing.assert_array_equal(tinted, face.occlusion.mask)


def test_the_patches_of_a_crop_lie_on_a_square_around_its_middle() -> None:
    model, _ = fake_model()
    (face,) = model.predict(HIDDEN, crops=True)
    drawn = annotate(np.full((280, 140, 3), 128, np.uint8), face).astype(int)
    # The square is 280 px wide and 140 of them are in the picture: columns 3.5 to 10.5 of 14.
    tinted = (drawn[..., 2] - drawn[..., 0] > 20)[5:245:20, 10::20]
    expected = face.occlusion.mask[:12, 4:11]
    np.testing.assert_array_equal(tinted, expected)


def test_an_array_gives_an_array_and_anything_else_a_picture_and_none_is_changed(
    tmp_path: Path,
) -> None:
    photo = np.ascontiguousarray(HIDDEN)
    before = photo.copy()
    drawn = annotate(photo, [HIDDEN_FACE])
    np.testing.assert_array_equal(photo, before)
    assert drawn.shape == photo.shape and not np.array_equal(drawn, photo)
    Image.fromarray(photo).save(tmp_path / "a.png")
    picture = annotate(tmp_path / "a.png", HIDDEN_FACE)
    assert isinstance(picture, Image.Image)
    np.testing.assert_array_equal(np.asarray(picture), drawn)
    np.testing.assert_array_equal(annotate(photo, []), photo)


@given(
    shape=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    places=st.lists(
        st.tuples(st.floats(-200, 400), st.floats(-200, 400), st.floats(0.05, 4), st.floats(-3, 3)),
        max_size=3,
    ),
)
@settings(max_examples=30)
def test_any_face_in_any_picture_stays_inside(
    shape: tuple[int, int], places: list[tuple[float, float, float, float]]
) -> None:
    photo = np.zeros((*shape, 3), np.uint8)
    faces = [at(HIDDEN_FACE, *place) for place in places]
    # A label that does not fit its part of the picture would be an error of numpy.
    assert annotate(photo, faces).shape == photo.shape


@pytest.mark.parametrize("brightness", [0, 255])
@pytest.mark.parametrize("corner", [(2, 2), (2, 290), (500, 2), (500, 290)])
def test_labels_are_whole_and_legible_in_every_corner(
    brightness: int, corner: tuple[int, int]
) -> None:
    photo = np.full((400, 600, 3), brightness, np.uint8)
    face = at(CLEAN_FACE, *corner, scale=1.0)
    drawn = annotate(photo, face)
    rows, columns = np.nonzero(same(drawn, DARK) & ~same(photo, DARK))
    assert rows.size > 1000
    within = drawn[rows.min() : rows.max(), columns.min() : columns.max()]
    assert brightness or (within > 180).all(axis=2).sum() > 50
    assert same(drawn, COLOURS[face.expression]).sum() > 200


def test_every_answer_has_a_colour_of_its_own() -> None:
    assert set(COLOURS) == {*EXPRESSIONS, UNCERTAIN}
    assert len(set(COLOURS.values())) == len(COLOURS)
    unsure = dataclasses.replace(at(CLEAN_FACE, 20, 20, 1.0), expression=UNCERTAIN)
    drawn = annotate(np.zeros((200, 200, 3), np.uint8), unsure)
    assert same(drawn, COLOURS[UNCERTAIN]).sum() > 200


def test_lines_and_letters_grow_with_the_picture() -> None:
    def white(size: int) -> int:
        photo = np.zeros((size, size, 3), np.uint8)
        drawn = annotate(photo, at(CLEAN_FACE, size / 4, size / 4, size / 250))
        return int((drawn > 200).all(axis=2).sum())

    assert 10 < white(2000) / white(500) < 22


def test_labels_of_faces_in_one_place_do_not_cover_each_other() -> None:
    photo = np.full((400, 400, 3), 255, np.uint8)
    face = at(CLEAN_FACE, 100, 150, 1.0)
    one, two = (same(annotate(photo, [face] * count), DARK).sum() for count in (1, 2))
    assert two > 1.5 * one


def test_a_name_makes_the_label_longer_and_each_face_has_its_own() -> None:
    photo = np.full((400, 900, 3), 128, np.uint8)
    faces = [at(CLEAN_FACE, 100, 150, 1.5), at(CLEAN_FACE, 500, 150, 1.5)]

    def dark(names: list[str]) -> list[int]:
        drawn = same(annotate(photo, faces, names), DARK)[:140]
        return [int(drawn[:, :450].sum()), int(drawn[:, 450:].sum())]

    plain, named = dark([]), dark(["0:", "track 17:"])
    assert plain[0] < named[0] < named[1]
    with pytest.raises(ValueError):
        annotate(photo, faces, ["one"])
