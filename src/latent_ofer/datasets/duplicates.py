"""The same picture twice: the very same pixels, or nearly, within a split and across splits."""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.datasets.listing import Problem, Sample, Split
from latent_ofer.labels import EXPRESSIONS

HASH_WIDTH: Final = 9
HASH_HEIGHT: Final = 8
THUMBNAIL: Final = 24
NEAR_BITS: Final = 3
NEAR_CORRELATION: Final = 0.95
HELD_OUT: Final[dict[Split, int]] = {"train": 0, "val": 1, "test": 2}
"""Of two copies the one in the higher split stays, the other should leave training."""


@dataclass(frozen=True)
class Duplicates:
    """Copies among the pictures of a set; rows are those given to `Fingerprints`.

    Attributes
    ----------
    exact : list of tuple of int
        Rows with the very same pixels, each group in rising order.
    near : list of (int, int)
        A row, and one in a split further held out (test before val before train) that looks
        nearly the same; each row at most once, pairs of equal pixels left out.
    near_within : int
        How many pictures have a near copy in their own split; no fault of most sets, where
        the frames of one person are alike.
    """

    exact: list[tuple[int, ...]]
    near: list[tuple[int, int]]
    near_within: int


class Fingerprints:
    """What is kept of each picture to find its copies: 600 bytes, whatever its size.

    Parameters
    ----------
    size : int
        How many pictures there are at most.
    """

    def __init__(self, size: int) -> None:
        self.digests: dict[int, bytes] = {}
        self.hashes = np.zeros(size, dtype=np.uint64)
        self.thumbnails = np.zeros((size, THUMBNAIL, THUMBNAIL), dtype=np.uint8)

    def add(self, row: int, picture: NDArray[np.uint8]) -> None:
        """Keep the fingerprint of a picture (H, W, 3) or (H, W) uint8."""
        content = hashlib.sha256(str(picture.shape).encode())
        content.update(picture.tobytes())
        self.digests[row] = content.digest()
        grey = Image.fromarray(picture).convert("L")
        self.hashes[row] = difference_hash(grey)
        self.thumbnails[row] = _resized(grey, THUMBNAIL, THUMBNAIL)

    def duplicates(self, splits: list[Split]) -> Duplicates:
        """Copies among all pictures added so far.

        Parameters
        ----------
        splits : list of str
            One for each row.
        """
        groups: dict[bytes, list[int]] = {}
        for row in sorted(self.digests):
            groups.setdefault(self.digests[row], []).append(row)
        exact = [tuple(rows) for rows in groups.values() if len(rows) > 1]
        # One of each content in each split: further copies of it would be found over and over.
        firsts = {(rows[0], splits[row]): row for rows in groups.values() for row in reversed(rows)}
        chosen = np.array(list(firsts.values()), dtype=np.int64)
        contents = np.array([first for first, _ in firsts], dtype=np.int64)
        ranks = np.array([HELD_OUT[splits[row]] for row in chosen], dtype=np.int8)
        near, within = near_copies(self.hashes[chosen], self.thumbnails[chosen], ranks, contents)
        pairs = sorted((int(chosen[low]), int(chosen[high])) for low, high in near)
        return Duplicates(exact, pairs, within)


def difference_hash(grey: Image.Image) -> int:
    """64 bits of a grey picture of 9 x 8 px: whether each pixel is darker than its right one.

    The first bit is the top left pixel's and the highest of the number.
    """
    small = _resized(grey, HASH_WIDTH, HASH_HEIGHT)
    bits = np.packbits(small[:, :-1] < small[:, 1:])
    return int.from_bytes(bits.tobytes(), "big")


def near_copies(
    hashes: NDArray[np.uint64],
    thumbnails: NDArray[np.uint8],
    ranks: NDArray[np.int8],
    contents: NDArray[np.int64],
) -> tuple[list[tuple[int, int]], int]:
    """Pairs whose hashes differ in at most 3 of 64 bits and whose thumbnails correlate.

    Every pair is compared: of 100,000 pictures in some ten seconds.

    Parameters
    ----------
    hashes : (n,) uint64
    thumbnails : (n, 24, 24) uint8
    ranks : (n,) int8
        Of the split: a copy in a lower one is paired with one in a higher.
    contents : (n,) int
        Equal for equal pixels; such pairs are left out.

    Returns
    -------
    pairs : list of (int, int)
        Lower and higher split; one for each row of the lower that has any.
    within : int
        Rows with a near copy of the same rank.
    """
    partner = np.full(len(hashes), -1, dtype=np.int64)
    alike_within = np.zeros(len(hashes), dtype=np.bool_)
    for row in range(len(hashes)):
        rest = slice(row + 1, None)
        near = np.bitwise_count(hashes[rest] ^ hashes[row]) <= NEAR_BITS
        if not near.any():
            continue
        # Only pairs that can still tell something: thousands may look alike.
        same, lower = ranks[rest] == ranks[row], ranks[rest] < ranks[row]
        across = np.where(lower, partner[rest] >= 0, partner[row] >= 0)
        near &= ~np.where(same, alike_within[rest] & alike_within[row], across)
        near &= contents[rest] != contents[row]
        others = row + 1 + np.flatnonzero(near)
        alike = correlations(thumbnails[others], thumbnails[row : row + 1]) >= NEAR_CORRELATION
        others = others[alike]
        within = others[ranks[others] == ranks[row]]
        alike_within[within] = True
        alike_within[row] |= within.size > 0
        partner[others[ranks[others] < ranks[row]]] = row
        higher = others[ranks[others] > ranks[row]]
        partner[row] = higher[0] if higher.size else partner[row]
    pairs = [(int(row), int(partner[row])) for row in np.flatnonzero(partner >= 0)]
    return pairs, int(alike_within.sum())


def correlations(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Correlation of each pair of pictures; 0 where one of the two is of one tone only.

    Parameters
    ----------
    one, other : (n, S, S) uint8
        `other` may also be a single picture, (1, S, S).

    Returns
    -------
    (n,) float32 in [-1, 1]
    """
    a, b = (part.astype(np.float32).reshape(len(part), part.shape[1] ** 2) for part in (one, other))
    a -= a.mean(axis=1, keepdims=True)
    b -= b.mean(axis=1, keepdims=True)
    length = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    result: NDArray[np.float32] = np.zeros(len(a), dtype=np.float32)
    np.divide((a * b).sum(axis=1), length, out=result, where=length > 0)
    return result


def _resized(grey: Image.Image, width: int, height: int) -> NDArray[np.uint8]:
    return np.asarray(grey.resize((width, height), Image.Resampling.BOX))


@dataclass(frozen=True)
class CopyCounts:
    """Copies among the pictures: those of `exact` and `near` are problems too.

    Attributes
    ----------
    exact : int
        Pictures with the very same pixels as another that stays.
    exact_across : int
        Those of `exact` whose other is in another split.
    near : int
        Pictures that look nearly like one in a split further held out.
    near_within : int
        Pictures that look nearly like another in their own split: no problem.
    """

    exact: int
    exact_across: int
    near: int
    near_within: int


def told_copies(samples: list[Sample], duplicates: Duplicates) -> tuple[CopyCounts, list[Problem]]:
    """How many copies of each kind there are, and a problem for each that is to be left out."""
    exact = []
    for rows in duplicates.exact:
        stays = max(rows, key=lambda row: (HELD_OUT[samples[row].split], -row))
        exact += [(samples[row], samples[stays]) for row in rows if row != stays]
    exact.sort(key=lambda pair: pair[0].split == pair[1].split)
    across = sum(one.split != other.split for one, other in exact)
    counts = CopyCounts(len(exact), across, len(duplicates.near), duplicates.near_within)
    pairs = [("has the very same pixels as", *pair) for pair in exact]
    pairs += [("looks nearly the same as", samples[a], samples[b]) for a, b in duplicates.near]
    problems = [
        Problem("duplicate", one.path, f"{one.path} ({one.split}): {how} {_told(one, other)}.")
        for how, one, other in pairs
    ]
    return counts, problems


def _told(one: Sample, other: Sample) -> str:
    labels = ""
    if None not in (one.label, other.label) and one.label != other.label:
        names = [EXPRESSIONS[sample.label or 0] for sample in (one, other)]
        labels = f", labelled {names[0]} here and {names[1]} there"
    where = "another place of this picture" if one.path == other.path else other.path
    return f"{where} ({other.split}){labels}; leave this one out"
