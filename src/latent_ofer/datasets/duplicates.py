"""The same picture twice: the very same pixels, or nearly, within a split and across splits."""

import hashlib
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.datasets.listing import Split

HASH_WIDTH: Final = 9
HASH_HEIGHT: Final = 8
THUMBNAIL: Final = 24
NEAR_BITS: Final = 3
NEAR_CORRELATION: Final = 0.95
NEIGHBOURS: Final = 500
"""With how many pictures of equal bands each is compared: keeps a set of thousands of pictures
that look alike from taking n^2 comparisons."""
HELD_OUT: Final[dict[Split, int]] = {"train": 0, "val": 1, "test": 2}
"""Of two copies the one in the higher split stays, the other should leave training."""

_BANDS: Final = [
    np.uint64(sum(1 << bit for bit in range(64) if bit * 6 // 64 == band)) for band in range(6)
]
_MASKS: Final = [one | two | three for one, two, three in combinations(_BANDS, 3)]
_PAIRS_AT_A_TIME: Final = 4_000


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
    notes : list of str
        Sentences on what was not compared.
    """

    exact: list[tuple[int, ...]]
    near: list[tuple[int, int]]
    near_within: int
    notes: list[str] = field(default_factory=list)


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
        ranks = np.array([HELD_OUT[split] for split in splits], dtype=np.int8)
        chosen: list[int] = []
        contents: list[int] = []
        for content, rows in enumerate(groups.values()):
            firsts = {int(ranks[row]): row for row in reversed(rows)}
            chosen += firsts.values()
            contents += [content] * len(firsts)
        rows_ = np.array(chosen, dtype=np.int64)
        near, within, capped = near_copies(
            self.hashes[rows_], self.thumbnails[rows_], ranks[rows_], np.array(contents, np.int64)
        )
        notes = []
        if capped:
            notes.append(
                f"{capped:,} pictures look alike by the hundred: each was compared with the "
                f"{NEIGHBOURS:,} that are likest only, so near copies among them may be missed."
            )
        pairs = sorted((int(rows_[low]), int(rows_[high])) for low, high in near)
        return Duplicates(exact, pairs, within, notes)


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
) -> tuple[list[tuple[int, int]], int, int]:
    """Pairs whose hashes differ in at most 3 of 64 bits and whose thumbnails correlate.

    Three bits lie in at most three of six bands, so that three bands are equal in such a pair:
    only pictures with three equal bands are compared.

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
    capped : int
        Rows that were not compared with all others of equal bands.
    """
    partner = np.full(len(hashes), -1, dtype=np.int64)
    alike_within = np.zeros(len(hashes), dtype=np.bool_)
    capped = np.zeros(len(hashes), dtype=np.bool_)
    for turn, mask in enumerate(_MASKS):
        order = np.lexsort((hashes, hashes & mask))
        ordered = hashes[order]
        keys = ordered & mask
        # In sorted order, rows of an equal key stand side by side: step by step further apart.
        start = np.arange(len(keys) - 1)
        for step in range(1, NEIGHBOURS + 1):
            start = _still_equal(start, keys, step)
            if not start.size:
                break
            differ = ordered[start] ^ ordered[start + step]
            hit = np.bitwise_count(differ) <= NEAR_BITS
            for earlier in _MASKS[:turn]:
                hit[hit] = differ[hit] & earlier != 0
            one, other = order[start[hit]], order[start[hit] + step]
            swap = ranks[one] > ranks[other]
            low, high = np.where(swap, other, one), np.where(swap, one, other)
            _confirm(low, high, thumbnails, ranks, contents, partner, alike_within)
        capped[order[_still_equal(start, keys, NEIGHBOURS + 1)]] = True
    rows = np.flatnonzero(partner >= 0)
    pairs = [(int(row), int(partner[row])) for row in rows]
    return pairs, int(alike_within.sum()), int(capped.sum())


def _still_equal(
    start: NDArray[np.int64], keys: NDArray[np.uint64], step: int
) -> NDArray[np.int64]:
    """Those of `start` whose key is equal `step` places further on."""
    inside = start[start + step < len(keys)]
    result: NDArray[np.int64] = inside[keys[inside] == keys[inside + step]]
    return result


def _confirm(
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    thumbnails: NDArray[np.uint8],
    ranks: NDArray[np.int8],
    contents: NDArray[np.int64],
    partner: NDArray[np.int64],
    alike_within: NDArray[np.bool_],
) -> None:
    """Enter those pairs whose thumbnails correlate into `partner` and `alike_within`."""
    same_split = ranks[low] == ranks[high]
    known = np.where(same_split, alike_within[low] & alike_within[high], partner[low] >= 0)
    left = np.flatnonzero(~known & (contents[low] != contents[high]))
    for first in range(0, len(left), _PAIRS_AT_A_TIME):
        pairs = left[first : first + _PAIRS_AT_A_TIME]
        alike = correlations(thumbnails[low[pairs]], thumbnails[high[pairs]]) >= NEAR_CORRELATION
        within = pairs[alike & same_split[pairs]]
        alike_within[low[within]] = alike_within[high[within]] = True
        across = pairs[alike & ~same_split[pairs]]
        partner[low[across]] = high[across]


def correlations(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Correlation of each pair of pictures; 0 where one of the two is of one tone only.

    Parameters
    ----------
    one, other : (n, S, S) uint8

    Returns
    -------
    (n,) float32 in [-1, 1]
    """
    a, b = (part.reshape(len(part), -1).astype(np.float32) for part in (one, other))
    a -= a.mean(axis=1, keepdims=True)
    b -= b.mean(axis=1, keepdims=True)
    length = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    result: NDArray[np.float32] = np.zeros(len(a), dtype=np.float32)
    np.divide((a * b).sum(axis=1), length, out=result, where=length > 0)
    return result


def _resized(grey: Image.Image, width: int, height: int) -> NDArray[np.uint8]:
    return np.asarray(grey.resize((width, height), Image.Resampling.BOX))
