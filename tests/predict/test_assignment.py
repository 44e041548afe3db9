"""The pairs are the cheapest that there are."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latent_ofer.predict.assignment import assigned


def by_trying_all(costs: np.ndarray) -> tuple[int, float]:  # type: ignore[type-arg]
    """How many pairs there can be, and what they cost at least."""
    if costs.shape[0] > costs.shape[1]:
        costs = costs.T
    rows, columns = costs.shape
    best = (0, 0.0)
    for chosen in permutations(range(columns), rows):
        cells = [costs[row, column] for row, column in enumerate(chosen)]
        allowed = [cell for cell in cells if np.isfinite(cell)]
        best = max(best, (len(allowed), -sum(allowed)))
    return best[0], -best[1]


@given(
    st.integers(0, 4).flatmap(
        lambda rows: st.integers(0, 4).flatmap(
            lambda columns: st.lists(
                st.one_of(st.integers(-20, 20), st.just(np.inf)),
                min_size=rows * columns,
                max_size=rows * columns,
            ).map(lambda cells: np.array(cells, dtype=float).reshape(rows, columns))
        )
    )
)
def test_as_many_pairs_as_may_be_and_the_cheapest_of_them(costs: np.ndarray) -> None:  # type: ignore[type-arg]
    pairs = assigned(costs)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    count, least = by_trying_all(costs)
    assert len(pairs) == count
    assert sum(costs[pair] for pair in pairs) == pytest.approx(least)
