"""Faces go to the template, wherever, however large and however turned they were."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from helpers import drawn_face
from latent_ofer.images.align import TEMPLATE_112, align_face, similarity, square_crop, warp

angles = st.floats(-math.pi, math.pi)
scales = st.floats(0.05, 20)
shifts = st.floats(-500, 500)


def moved(points: NDArray[np.float64], angle: float, scale: float, x: float, y: float):  # type: ignore[no-untyped-def]
    turn = scale * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    return points @ turn.T + (x, y)


def dotted(size: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Draw a soft white dot on each landmark of the template, on black, at any size."""
    points = (TEMPLATE_112 + 0.5) * size / 112 - 0.5
    ys, xs = np.mgrid[:size, :size]
    distance = np.min([np.hypot(xs - x, ys - y) for x, y in points], axis=0)
    dots = 255 * np.exp(-((distance / (2.5 * size / 112)) ** 2))
    return np.repeat(dots.astype(np.uint8)[..., None], 3, axis=2), points


def centre_near(image: NDArray[np.uint8], point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the middle of the light within 6 px of a point."""
    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]]
    light = image[..., 0] * (np.hypot(xs - point[0], ys - point[1]) < 6.0)
    return np.array([(xs * light).sum(), (ys * light).sum()]) / light.sum()


@given(angles, scales, shifts, shifts)
def test_a_similarity_is_recovered_exactly(angle: float, scale: float, x: float, y: float) -> None:
    landmarks = moved(TEMPLATE_112, angle, scale, x, y)
    matrix = similarity(landmarks, TEMPLATE_112)
    np.testing.assert_allclose(landmarks @ matrix[:, :2].T + matrix[:, 2], TEMPLATE_112, atol=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_no_other_similarity_fits_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    landmarks = TEMPLATE_112 + rng.normal(0, 8, (5, 2))
    # The obvious way: unknowns a, b, x, y of (ax - by + tx, bx + ay + ty), ten equations.
    rows = [r for x, y in landmarks for r in ([x, -y, 1, 0], [y, x, 0, 1])]
    a, b, x, y = np.linalg.lstsq(np.array(rows), TEMPLATE_112.ravel(), rcond=None)[0]
    expected = [[a, -b, x], [b, a, y]]
    np.testing.assert_allclose(similarity(landmarks, TEMPLATE_112), expected, atol=1e-8)


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    matrix = similarity(TEMPLATE_112 * (-1, 1), TEMPLATE_112)
    assert np.linalg.det(matrix[:, :2]) > 0


@pytest.mark.parametrize("landmarks", [np.full((5, 2), 7.0), np.full((5, 2), np.nan)])
def test_landmarks_that_place_nothing_are_refused(landmarks: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="landmarks"):
        similarity(landmarks, TEMPLATE_112)


@settings(max_examples=30, deadline=None)
@given(st.floats(-45, 45), st.floats(0.3, 6), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))
def test_aligning_puts_the_landmarks_onto_the_template(
    roll: float, scale: float, x: float, y: float
) -> None:
    face, points = dotted(round(112 * scale))
    photo = Image.new("RGB", (face.shape[1] * 2, face.shape[0] * 2))
    corner = [round(face.shape[1] * (0.5 + v / 4)) for v in (x, y)]
    photo.paste(Image.fromarray(face), (corner[0], corner[1]))
    photo = photo.rotate(roll, Image.Resampling.BICUBIC)
    middle = np.array(photo.size) / 2 - 0.5
    landmarks = moved(points + corner - middle, -math.radians(roll), 1, *middle)
    aligned = align_face(np.array(photo), landmarks)
    for point in TEMPLATE_112:
        # Dots of less than a pixel in the photo are known to a fraction of it only.
        assert np.linalg.norm(centre_near(aligned, point) - point) < 0.15 + 0.15 / scale


@pytest.mark.parametrize("size", [56, 112, 224])
def test_a_crop_of_another_size_shows_the_same_part_of_the_photo(size: int) -> None:
    # Seen at the size of the template, so that half a pixel of a small crop shows.
    face, points = dotted(448)
    photo = np.pad(face, ((40, 40), (60, 60), (0, 0)))
    aligned = align_face(photo, points + (60, 40), size)
    for point in (TEMPLATE_112 + 0.5) * size / 112 - 0.5:
        assert np.linalg.norm(centre_near(aligned, point) - point) < 0.15


def test_a_face_on_the_template_stays_as_it_is() -> None:
    face, landmarks = drawn_face()
    smooth = np.array(Image.fromarray(face).resize((28, 28), 4).resize((112, 112), 3))
    error = np.abs(align_face(smooth, landmarks).astype(int) - smooth)
    assert error.mean() < 0.6


def test_a_much_larger_source_is_averaged_and_not_picked_from() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1120, 1120, 3), dtype=np.uint8)
    small = align_face(noise, (TEMPLATE_112 + 0.5) * 10 - 0.5)
    assert abs(small.mean() - 127.5) < 1
    assert small.std() < 12  # single pixels would keep 74, means of 100 have 7


@settings(max_examples=20, deadline=None)
@given(st.floats(0.2, 9.5))
def test_a_warp_agrees_with_averaging_the_source_point_by_point(scale: float) -> None:
    ys, xs = np.mgrid[:400, :400]
    source = np.stack((xs, ys, (xs + ys) / 2), axis=2) * 255 / 400
    matrix = np.array([[1 / scale, 0, 3.0], [0, 1 / scale, 5.0]])
    result = warp(np.rint(source).astype(np.uint8), matrix, 30)
    rows, columns = np.mgrid[:30, :30]
    expected = np.clip((columns - 3.0) * scale, 0, 399) * 255 / 400
    assert np.abs(result[..., 0] - expected)[:, 6:].max() < 1.6
    expected = np.clip((rows - 5.0) * scale, 0, 399) * 255 / 400
    assert np.abs(result[..., 1] - expected)[8:].max() < 1.6


def test_the_border_is_repeated_beyond_the_edge_of_the_photo() -> None:
    photo = np.full((60, 60, 3), 200, np.uint8)
    np.testing.assert_array_equal(align_face(photo, TEMPLATE_112 - 70), 200)
    np.testing.assert_array_equal(align_face(photo, TEMPLATE_112 * 3 + 100), 200)


def test_a_tiny_face_in_the_corner_of_a_huge_photo_is_cut_out_alone() -> None:
    photo = np.zeros((4000, 6000, 3), np.uint8)
    photo[-20:, -20:] = 90
    face = align_face(photo, TEMPLATE_112 / 10 + (5985, 3985))
    np.testing.assert_array_equal(face[-30:, -30:], 90)


def test_a_crop_of_the_right_size_is_unchanged() -> None:
    face, _ = drawn_face()
    cropped = square_crop(face)
    np.testing.assert_array_equal(cropped, face)
    assert cropped is not face


def test_a_square_crop_is_resized_bicubically() -> None:
    face, _ = drawn_face(48)
    expected = Image.fromarray(face).resize((112, 112), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(square_crop(face), np.asarray(expected))


def test_a_tall_crop_is_centred_between_its_repeated_edges() -> None:
    crop = np.zeros((100, 50, 3), np.uint8)
    crop[:, :10], crop[:, -10:] = (255, 0, 0), (0, 0, 255)
    square = square_crop(crop, 100)
    np.testing.assert_array_equal(square[:, 25:75], crop)
    np.testing.assert_array_equal(square[:, :25], np.broadcast_to((255, 0, 0), (100, 25, 3)))
    np.testing.assert_array_equal(square[:, 75:], np.broadcast_to((0, 0, 255), (100, 25, 3)))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(8, 120))
def test_any_crop_becomes_the_square_asked_for(height: int, width: int, size: int) -> None:
    square = square_crop(np.full((height, width, 3), 77, np.uint8), size)
    assert square.shape == (size, size, 3)
    np.testing.assert_array_equal(square, 77)


def test_a_ribbon_does_not_need_a_square_of_its_length() -> None:
    assert square_crop(np.zeros((2, 20_000, 3), np.uint8)).shape == (112, 112, 3)
