"""FERPlus' votes and crops: the label of ten votes, soft labels, where the landmarks are."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

NATIVE_SIZE: Final = 48
"""Side of a crop in pixels."""
VOTERS: Final = 10
UNUSED_COLUMNS: Final = 2
"""The last two vote columns: unknown and NF (not a face)."""
TEMPLATE_48: Final = np.array(
    [[15.09, 17.835], [31.91, 17.835], [23.5, 28.106], [16.688, 35.968], [30.312, 35.968]]
)
"""Landmarks of a crop in which none were found: (5, 2) pixels."""


def without_outliers(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Votes (n, 10) with single votes set to zero."""
    return np.where(votes > 1, votes, 0)


def majority(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Label of each face under the *Majority* rule, -1 where the face is dropped.

    Single votes are removed; the winner needs more than half of what remains of all ten
    columns; a face won by unknown or NF is dropped.

    Parameters
    ----------
    votes : (n, 10) int

    Returns
    -------
    (n,) int, 0-7 or -1
    """
    kept = without_outliers(votes)
    winner = kept.argmax(axis=1)
    wins = 2 * kept.max(axis=1) > kept.sum(axis=1)
    expressions = votes.shape[1] - UNUSED_COLUMNS
    return np.where(wins & (winner < expressions), winner, -1)


def soft_targets(votes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Share of votes for each of the eight expressions; all zero where no vote is left.

    Parameters
    ----------
    votes : (n, 10) int

    Returns
    -------
    (n, 8) float32, rows sum to 1 or to 0
    """
    kept = without_outliers(votes)[:, :-UNUSED_COLUMNS].astype(np.float32)
    total = kept.sum(axis=1, keepdims=True)
    shares: NDArray[np.float32] = np.zeros_like(kept)
    np.divide(kept, total, out=shares, where=total > 0)
    return shares
