"""Faces of several sets behind one index."""

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

from helpers import drawn_face, drawn_set
from latent_ofer.datasets.pool import FacePool, FaceSet, resized


def face_set(count: int, size: int, colour: bool, channels: bool, first: int) -> FaceSet:
    drawn = [drawn_face(size, seed) for seed in range(first, first + count)]
    images = np.array([face for face, _ in drawn], np.uint8).reshape(-1, size, size, 3)
    if not colour:
        images = np.repeat(images[..., 1:2], 3, axis=3)
    return FaceSet(
        images if channels else images[..., 0],
        np.array([points for _, points in drawn]).reshape(-1, 5, 2),
        np.full(count, colour),
        [f"set{first}"] * count,
        [f"{first + row}.png" for row in range(count)],
        np.arange(count) % 8,
        np.eye(8, dtype=np.float32)[np.arange(count) % 8],
        [""] * count,
        [{}] * count,
    )


COLOUR = face_set(4, 112, colour=True, channels=True, first=0)
NOBODY = face_set(0, 48, colour=False, channels=False, first=10)
SMALL = face_set(5, 48, colour=False, channels=False, first=20)
GREY = face_set(2, 112, colour=False, channels=True, first=30)
SMALL_COLOUR = face_set(3, 64, colour=True, channels=True, first=40)
SETS = [COLOUR, NOBODY, SMALL, GREY, SMALL_COLOUR]
PLACES = [(faces, row) for faces in SETS for row in range(len(faces))]


def test_rows_run_through_the_sets_one_after_the_other() -> None:
    pool = FacePool(SETS)
    assert len(pool) == len(PLACES)
    for row, (faces, place) in enumerate(PLACES):
        face = pool.native(row)
        assert (face.source, face.name) == (faces.sources[place], faces.names[place])
        assert face.image.shape == (*faces.images.shape[1:3], 3)
        assert np.array_equal(
            face.image[..., 0], faces.images[place].reshape(*face.image.shape[:2], -1)[..., 0]
        )
        assert np.array_equal(face.landmarks, faces.landmarks[place])
        assert face.grey == (not faces.colour[place]) == (not pool.colour[row])
        assert pool.labels[row] == faces.labels[place]
        assert np.array_equal(pool.targets[row], faces.targets[place])


def test_a_batch_agrees_with_one_face_at_a_time() -> None:
    pool = FacePool(SETS)
    rows = np.random.default_rng(0).permutation(len(pool))
    batch = pool.batch(rows)
    assert batch.shape == (len(rows), 112, 112, 3) and batch.dtype == np.uint8
    for pixels, row in zip(batch, rows, strict=True):
        image = Image.fromarray(pool.native(int(row)).image)
        wanted = np.asarray(image.resize((112, 112), Image.Resampling.BICUBIC))
        assert np.array_equal(pixels, wanted)


def test_taken_faces_keep_their_pixels_and_labels() -> None:
    pool = FacePool(SETS)
    rows = np.array([13, 2, 7, 4])
    taken = pool.take(rows).take(np.array([3, 0, 1]))
    wanted = np.array([4, 13, 2])
    assert len(taken) == 3
    assert np.array_equal(taken.batch(np.arange(3)), pool.batch(wanted))
    assert np.array_equal(taken.labels, pool.labels[wanted])
    assert np.array_equal(taken.colour, pool.colour[wanted])
    assert [taken.native(row).name for row in range(3)] == ["20.png", "42.png", "2.png"]


def test_people_and_tags_stay_with_their_faces() -> None:
    named = replace(
        GREY, subjects=["7", ""], tags=[{"sex": "0"}, {"sex": "1"}], sources=["ck", "ck"]
    )
    same_names = replace(GREY, subjects=["7", "8"])
    pool = FacePool([named, same_names]).take(np.array([3, 0, 1, 2]))
    assert pool.people == ["set30/8", "ck/7", "", "set30/7"]
    assert pool.tags == [{}, {"sex": "0"}, {"sex": "1"}, {}]


def test_siblings_are_the_faces_of_the_same_set() -> None:
    pool = FacePool(SETS)
    assert pool.siblings(6).tolist() == [4, 5, 6, 7, 8]
    mixed = pool.take(np.array([5, 0, 4, 9, 8]))
    assert mixed.siblings(2).tolist() == [0, 2, 4]
    assert mixed.siblings(1).tolist() == [1]


@pytest.mark.parametrize(
    ("sets", "channels"), [([SMALL, GREY], 1), ([SMALL, COLOUR], 3), ([SMALL_COLOUR], 3)]
)
def test_one_channel_is_enough_only_where_all_are_grey(sets: list[FaceSet], channels: int) -> None:
    assert FacePool(sets).channels == channels


def test_small_pictures_become_smooth_larger_ones() -> None:
    ramp = np.tile(np.arange(48, dtype=np.uint8) * 4, (48, 1))
    large = resized(ramp)
    assert large.shape == (112, 112)
    centres = (np.arange(112) + 0.5) * 48 / 112 - 0.5
    assert np.abs(large[50, 6:-6] - 4 * centres[6:-6]).max() <= 1


def test_the_replicated_borders_of_our_own_archive_are_known_by_name() -> None:
    with (files("latent_ofer") / "assets" / "photo_borders.npz").open("rb") as stream:
        table = np.load(stream)
        names, patches = table["faces"].astype(str), table["patches"]
    assert len(set(names)) == len(names) > 30_000
    pool = FacePool([drawn_set(3, names=["unknown.webp", f"{names[-1]}.webp", f"{names[0]}.webp"])])
    borders = pool.take(np.array([2, 0, 1])).borders
    for row, place in ((0, 0), (2, -1)):
        bits = "".join(f"{byte:08b}" for byte in patches[place])[:196]
        assert borders[row].tolist() == [bit == "1" for bit in bits] and borders[row].any()
    assert borders.shape == (3, 196) and not borders[1].any()
