"""The majority rule and the soft targets against slow, obvious versions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from latent_ofer.datasets.ferplus import majority, soft_targets

VOTES = st.lists(st.integers(0, 10), min_size=10, max_size=10)


def slow_majority(votes: list[int]) -> int:
    kept = [vote if vote > 1 else 0 for vote in votes]
    for column in range(8):
        if kept[column] > sum(kept) / 2:
            return column
    return -1


def slow_targets(votes: list[int]) -> list[float]:
    kept = [vote if vote > 1 else 0 for vote in votes[:8]]
    return [vote / sum(kept) if sum(kept) else 0.0 for vote in kept]


@given(st.lists(VOTES, min_size=1, max_size=5))
def test_majority_is_the_slow_rule(votes: list[list[int]]) -> None:
    assert majority(np.array(votes)).tolist() == [slow_majority(row) for row in votes]


@given(st.lists(VOTES, min_size=1, max_size=5))
def test_soft_targets_are_the_slow_shares(votes: list[list[int]]) -> None:
    targets = soft_targets(np.array(votes))
    assert targets.dtype == np.float32
    assert np.allclose(targets, [slow_targets(row) for row in votes], atol=1e-6)


def label(*votes: int) -> int:
    return int(majority(np.array([votes]))[0])


def test_single_votes_do_not_count_against_the_winner() -> None:
    assert label(4, 0, 0, 1, 1, 1, 1, 1, 1, 0) == 0


def test_exactly_half_does_not_win() -> None:
    assert label(5, 5, 0, 0, 0, 0, 0, 0, 0, 0) == -1
    assert label(0, 4, 2, 2, 0, 0, 0, 0, 0, 0) == -1


def test_unknown_and_no_face_count_among_the_rest_and_drop_the_face_when_they_win() -> None:
    assert label(4, 0, 0, 0, 0, 0, 0, 0, 2, 2) == -1
    assert label(0, 0, 0, 0, 0, 0, 0, 0, 8, 2) == -1
    assert label(0, 0, 0, 0, 0, 0, 0, 2, 0, 8) == -1


def test_unknown_and_no_face_leave_the_soft_targets() -> None:
    targets = soft_targets(np.array([[4, 0, 0, 1, 3, 2, 0, 0, 6, 5], [1] * 10]))
    assert np.allclose(targets[0], [4 / 9, 0, 0, 0, 3 / 9, 2 / 9, 0, 0])
    assert targets[1].tolist() == [0] * 8
