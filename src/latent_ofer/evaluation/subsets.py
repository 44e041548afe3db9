"""`--limit N --seed S`: the same subset of a data set on any machine."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def chosen(ids: Sequence[str], limit: int | None, seed: int) -> NDArray[np.int64]:
    """Rows of a subset drawn by name: no generator, order of files or library version matters.

    The ids are ordered by ``sha256(f"{seed}:{id}")`` (UTF-8) and the first `limit` taken, so a
    larger limit keeps the faces of a smaller one.

    Parameters
    ----------
    ids : sequence of n str
    limit : int or None
        How many; None, or more than there are, takes all.
    seed : int

    Returns
    -------
    (m,) int
        Rows of `ids`, ascending.

    Raises
    ------
    ValueError
        If `limit` is below 1.
    """
    if limit is None:
        return np.arange(len(ids))
    if limit < 1:
        raise ValueError(f"limit must be a whole number from 1 up; got {limit}")
    order = sorted(range(len(ids)), key=lambda row: _drawn(seed, ids[row]))
    return np.sort(np.array(order[:limit], dtype=np.int64))


def _drawn(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()
