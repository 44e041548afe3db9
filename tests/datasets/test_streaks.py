"""Replicated border is found where a known rectangle of photo ends, and nowhere else."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from helpers import drawn_face
from latent_ofer.datasets import streaks
from latent_ofer.datasets.streaks import streak_patches

Cuts = tuple[float, float, float, float]


def face_on_texture(seed: int) -> NDArray[np.float64]:
    """A drawn face before clutter of several sizes, (112, 112, 3)."""
    rng = np.random.default_rng(seed)
    face = drawn_face(seed=seed)[0].astype(np.float64)
    clutter = np.zeros((112, 112, 3))
    for cells in (7, 28, 56):
        noise = rng.integers(0, 256, (cells, cells, 3)).astype(np.uint8)
        clutter += np.asarray(Image.fromarray(noise).resize((112, 112), Image.Resampling.BICUBIC))
    y, x = np.mgrid[:112, :112]
    oval = ((x - 55.5) / 38) ** 2 + ((y - 62) / 48) ** 2 < 1
    textured = np.where(oval[..., None], face + 0.15 * (clutter - 384), clutter / 3)
    return np.clip(textured, 0, 255)


def end_photo_at(
    picture: NDArray[np.float64], degrees: float, cuts: Cuts
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Replicate the border of a turned rectangle, as alignment does, and save it as WebP.

    `cuts` are pixels of the frame beyond the left, right, top and bottom side; below 0 a side lies
    outside the frame. Returns the picture and the share of each patch that is border, (14, 14).
    """
    y, x = (np.mgrid[:224, :224] + 0.5) / 2 - 56
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    across, down = x * cos + y * sin, y * cos - x * sin
    left, right, top, bottom = cuts
    across_in = np.clip(across, left - 56, 56 - right)
    down_in = np.clip(down, top - 56, 56 - bottom)
    column = np.clip(across_in * cos - down_in * sin + 55.5, 0, 110.999)
    row = np.clip(across_in * sin + down_in * cos + 55.5, 0, 110.999)
    i, j = row.astype(int), column.astype(int)
    fy, fx = (row - i)[..., None], (column - j)[..., None]
    upper = picture[i, j] * (1 - fx) + picture[i, j + 1] * fx
    lower = picture[i + 1, j] * (1 - fx) + picture[i + 1, j + 1] * fx
    turned = (upper * (1 - fy) + lower * fy).reshape(112, 2, 112, 2, 3).mean((1, 3))
    file = io.BytesIO()
    Image.fromarray(turned.round().astype(np.uint8)).save(file, "WEBP", quality=80)
    outside = (across != across_in) | (down != down_in)
    share = outside.reshape(14, 16, 14, 16).mean((1, 3))
    return np.asarray(Image.open(file).convert("RGB")), share


def overlap(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    return float((found & true).sum() / (found | true).sum())


@pytest.mark.parametrize(
    ("degrees", "cuts"),
    [
        (0, (-40, -40, 18, -40)),
        (0, (12, -40, -40, -40)),
        (0, (11, 11, 16, -40)),
        (5, (-40, 20, -40, -40)),
        (-7, (9, 9, 17, -40)),
        (13, (-40, 22, 14, -40)),
        (-22, (-40, 26, -40, 8)),
        (28, (-40, 12, 20, -40)),
    ],
)
def test_the_patches_beyond_a_known_photo_are_found(degrees: float, cuts: Cuts) -> None:
    overlaps = []
    for seed in range(4):
        image, share = end_photo_at(face_on_texture(seed), degrees, cuts)
        found = streak_patches(image, round(1 - float(share.mean()), 2))
        overlaps.append(overlap(found, share > 0.25))
    assert np.mean(overlaps) > 0.9
    assert min(overlaps) > 0.75


def test_the_picture_decides_which_side_is_border() -> None:
    picture = face_on_texture(1)
    left, share = end_photo_at(picture, 0, (16, -40, -40, -40))
    right, _ = end_photo_at(picture, 0, (-40, 16, -40, -40))
    inside = 1 - float(share.mean())
    assert np.array_equal(np.flatnonzero(streak_patches(left, inside).all(0)), [0, 1])
    assert np.array_equal(np.flatnonzero(streak_patches(right, inside).all(0)), [12, 13])


def test_a_patch_is_marked_from_a_quarter_of_border_on() -> None:
    picture = face_on_texture(2)
    little, share = end_photo_at(picture, 0, (-40, -40, 17, -40))
    assert not streak_patches(little, 1 - float(share.mean()))[2].any()
    more, share = end_photo_at(picture, 0, (-40, -40, 20, -40))
    assert streak_patches(more, 1 - float(share.mean()))[2].all()


@pytest.mark.parametrize("inside", [0.999, 1.0])
def test_a_complete_picture_has_no_border(inside: float) -> None:
    image, _ = end_photo_at(face_on_texture(3), 0, (20, -40, 20, -40))
    assert not streak_patches(image, inside).any()


def test_a_grey_face_gives_what_the_same_face_in_three_equal_channels_gives() -> None:
    image, share = end_photo_at(face_on_texture(4), 6, (-40, 12, 18, -40))
    grey = np.asarray(Image.fromarray(image).convert("L"))
    inside = 1 - float(share.mean())
    found = streak_patches(grey, inside)
    assert overlap(found, share > 0.25) > 0.8
    assert np.array_equal(found, streak_patches(np.dstack([grey] * 3), inside))


@pytest.mark.parametrize("inside", [0.5, 0.66, 0.8, 0.99])
def test_a_uniform_picture_still_gives_about_the_stated_share(inside: float) -> None:
    found = streak_patches(np.full((112, 112, 3), 90, dtype=np.uint8), inside)
    assert found.shape == (14, 14)
    assert found.mean() == pytest.approx(1 - inside, abs=0.15)


@pytest.mark.parametrize("inside", [-0.1, 0.49, 1.01, float("nan")])
def test_a_share_that_no_aligned_face_has_is_refused(inside: float) -> None:
    with pytest.raises(ValueError, match="inside must be"):
        streak_patches(np.zeros((112, 112, 3), dtype=np.uint8), inside)


def test_profiles_and_areas_equal_sums_over_the_pixels() -> None:
    rng = np.random.default_rng(0)
    dx, dy = rng.normal(0, 5, (2, 112, 112))
    for angle, cuts in ((0, (30, 40, 27, 24)), (-17, (40, 20, 35, 50)), (30, (0, 45, 60, 12))):
        profiles = streaks._profiles(dx, dy, angle)
        area = streaks._area(angle, np.array([cuts]))[0]
        cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        sums, real = np.zeros(4), 0
        for row in range(112):
            for column in range(112):
                x, y = column - 55.5, row - 55.5
                across, down = np.rint(x * cos + y * sin), np.rint(y * cos - x * sin)
                beyond = np.array([across, -across, down, -down]) + 80 < cuts
                slopes = np.abs([dx[row, column] * cos + dy[row, column] * sin] * 4)
                slopes[2:] = abs(dy[row, column] * cos - dx[row, column] * sin)
                allowed = 0.7 + 0.25 * slopes[[2, 2, 0, 0]]
                sums += np.where(beyond, 1 - np.minimum(slopes / allowed, 4), 0)
                real += not beyond.any()
        assert area == pytest.approx(real / 112**2)
        assert [profiles[side][cuts[side]] for side in range(4)] == pytest.approx(sums)
