"""Copies are found as by comparing every pair, exact ones apart, and thousands alike in time."""

from time import process_time

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from helpers import drawn_face
from latent_ofer.datasets import duplicates
from latent_ofer.datasets.duplicates import (
    Fingerprints,
    correlations,
    difference_hash,
    near_copies,
)
from latent_ofer.datasets.listing import Split


def found(pictures: list[NDArray[np.uint8]], splits: list[Split]) -> duplicates.Duplicates:
    prints = Fingerprints(len(pictures))
    for row, picture in enumerate(pictures):
        prints.add(row, picture)
    return prints.duplicates(splits)


def noise(seed: int, size: int = 48) -> NDArray[np.uint8]:
    """A picture like no other, smooth enough to survive small changes."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))


def touched(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same picture, a little brighter."""
    return np.clip(picture.astype(int) + 2, 0, 255).astype(np.uint8)


def test_same_pixels_are_exact_copies_and_not_near_ones() -> None:
    result = found([noise(0), noise(1), noise(0)], ["train", "train", "test"])
    assert result.exact == [(0, 2)]
    assert result.near == []
    assert result.near_within == 0


def test_the_same_bytes_in_another_shape_are_no_copy() -> None:
    flat = np.zeros((4, 8), dtype=np.uint8)
    assert found([flat, flat.reshape(8, 4)], ["train", "test"]).exact == []


def test_a_brighter_smaller_or_grey_copy_is_near_across_splits() -> None:
    face = drawn_face(seed=3)[0]
    small = np.asarray(Image.fromarray(face).resize((64, 64), Image.Resampling.BICUBIC))
    grey = np.asarray(Image.fromarray(face).convert("L"))
    result = found([face, touched(face), small, grey], ["test", "train", "val", "train"])
    assert result.exact == []
    assert [low for low, _ in result.near] == [1, 2, 3]
    assert dict(result.near)[2] == 0, "the copy in the test split stays"


def test_near_copies_within_a_split_are_only_counted() -> None:
    result = found([noise(0), touched(noise(0)), noise(1)], ["train", "train", "test"])
    assert result.near == []
    assert result.near_within == 2


def test_a_near_copy_of_one_of_two_equal_pictures_is_found_across_splits() -> None:
    pictures = [noise(0), noise(0), touched(noise(0))]
    result = found(pictures, ["train", "test", "train"])
    assert result.exact == [(0, 1)]
    assert result.near == [(2, 1)]


def test_other_pictures_and_plain_ones_are_no_copies() -> None:
    plain = [np.full((20, 20), tone, dtype=np.uint8) for tone in (0, 9, 200)]
    pictures = [noise(1), noise(2), *plain]
    result = found(pictures, ["train", "test", "train", "test", "val"])
    assert (result.exact, result.near, result.near_within) == ([], [], 0)


def test_nothing_and_one_picture_are_fine() -> None:
    assert found([], []).exact == []
    assert found([noise(0)], ["test"]).near == []


def test_the_hash_tells_where_pixels_grow_brighter_to_the_right() -> None:
    rising = np.tile(np.arange(9, dtype=np.uint8) * 20, (8, 1))
    assert difference_hash(Image.fromarray(rising)) == 2**64 - 1
    assert difference_hash(Image.fromarray(rising[:, ::-1])) == 0
    rising[0, 1] = 0
    assert difference_hash(Image.fromarray(rising)) == 2**63 - 1


def test_correlation_is_that_of_numpy() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 256, (2, 5, 24, 24), dtype=np.uint8)
    expected = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(correlations(one, other), expected, atol=1e-5)


def test_near_copies_are_what_comparing_all_pairs_finds() -> None:
    rng = np.random.default_rng(4)
    kinds = rng.integers(0, 2**64, 40, dtype=np.uint64)
    kind = rng.integers(0, 40, 300)
    flips = rng.integers(0, 64, (300, 4)).astype(np.uint64)
    hashes = kinds[kind]
    for column in range(4):
        flipped = rng.random(300) < 0.5
        hashes = np.where(flipped, hashes ^ (np.uint64(1) << flips[:, column]), hashes)
    looks = rng.integers(0, 256, (40, 24, 24))
    thumbnails = np.clip(looks[kind] + rng.normal(0, 12, (300, 24, 24)), 0, 255).astype(np.uint8)
    ranks = rng.integers(0, 3, 300).astype(np.int8)
    contents = rng.integers(0, 250, 300)
    pairs, within = near_copies(hashes, thumbnails, ranks, contents)
    correlation = np.corrcoef(thumbnails.reshape(300, -1))
    lower, inside = set(), set()
    for one in range(300):
        for other in range(300):
            bits = int(hashes[one] ^ hashes[other]).bit_count()
            if bits > 3 or correlation[one, other] < 0.95 or contents[one] == contents[other]:
                continue
            if ranks[one] < ranks[other]:
                lower.add(one)
            elif ranks[one] == ranks[other]:
                inside |= {one, other}
    assert len(lower) > 30
    assert len(inside) > 30
    assert {low for low, _ in pairs} == lower
    assert all(ranks[low] < ranks[high] for low, high in pairs)
    assert within == len(inside)


def test_thousands_that_look_alike_take_no_squared_time_and_are_all_compared() -> None:
    prints = Fingerprints(10_000)
    prints.digests = {row: str(row).encode() for row in range(10_000)}
    prints.thumbnails[:] = np.arange(24, dtype=np.uint8)
    started = process_time()
    result = prints.duplicates(["test" if row % 2 else "train" for row in range(10_000)])
    assert process_time() - started < 5
    assert len(result.near) == 5_000
    assert result.near_within == 10_000
