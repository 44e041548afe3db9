"""Pairs of rows and columns that cost least together."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_FORBIDDEN: Final = 1e9
"""More than all pairs that are allowed cost together."""


def assigned(costs: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pair rows with columns: as many as may be, and of all such ways the cheapest.

    The Hungarian method, by shortest augmenting paths.

    Parameters
    ----------
    costs : (R, C) float
        Infinite where row and column must not meet.

    Returns
    -------
    list of (row, column)
    """
    rows, columns = costs.shape
    if rows > columns:
        return sorted((row, column) for column, row in assigned(costs.T))
    finite = np.where(np.isfinite(costs), costs, _FORBIDDEN)
    # The last column is none: there each row begins.
    of_row, of_column = np.zeros(rows), np.zeros(columns + 1)
    owner = np.full(columns + 1, -1)
    for row in range(rows):
        column, owner[columns] = columns, row
        shortest, before = np.full(columns, np.inf), np.full(columns, columns)
        used = np.zeros(columns + 1, dtype=np.bool_)
        while owner[column] != -1:
            used[column] = True
            here = owner[column]
            reduced = finite[here] - of_row[here] - of_column[:-1]
            better = ~used[:-1] & (reduced < shortest)
            shortest[better], before[better] = reduced[better], column
            following = int(np.argmin(np.where(used[:-1], np.inf, shortest)))
            step = shortest[following]
            of_row[owner[used]] += step
            of_column[used] -= step
            shortest[~used[:-1]] -= step
            column = following
        while column != columns:
            owner[column] = owner[before[column]]
            column = int(before[column])
    pairs = [(int(owner[column]), column) for column in range(columns) if owner[column] >= 0]
    return sorted((row, column) for row, column in pairs if np.isfinite(costs[row, column]))
