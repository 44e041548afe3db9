import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from latent_ofer.detector.scores import auroc, average_precision, threshold_at

PATCHES = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40).filter(
    lambda rows: len({hidden for _, hidden in rows}) == 2
)


@given(PATCHES)
def test_auroc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[int, bool]]) -> None:
    pairs = [
        1.0 if above > below else 0.5 if above == below else 0.0
        for above, hidden in rows
        if hidden
        for below, other in rows
        if not other
    ]
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    assert auroc(scores.astype(float), labels) == pytest.approx(np.mean(pairs))


@given(PATCHES)
def test_average_precision_is_the_usual_one(rows: list[tuple[int, bool]]) -> None:
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    expected = average_precision_score(labels, scores)
    assert average_precision(scores.astype(float), labels) == pytest.approx(expected)


def test_one_kind_alone_has_no_area() -> None:
    assert np.isnan(auroc(np.array([0.1, 0.2]), np.array([True, True])))
    assert np.isnan(average_precision(np.array([0.1, 0.2]), np.array([False, False])))


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.02, 0.1]), st.integers(10, 3000))
def test_a_threshold_gives_the_share_it_was_set_for(seed: int, share: float, count: int) -> None:
    scores = np.random.default_rng(seed).normal(size=count).astype(np.float32)
    above = (scores > threshold_at(scores, share)).mean()
    assert share - 1.5 / count <= above <= share + 1e-9
