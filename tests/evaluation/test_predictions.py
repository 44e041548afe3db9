import numpy as np
import pytest

from latent_ofer.errors import DataError
from latent_ofer.evaluation.prediction_lines import read_prediction_lines, text_of, unmatched
from latent_ofer.evaluation.predictions import MISSING, Predictions
from latent_ofer.labels import EXPRESSIONS, SEVEN

IDS = ["set/0.png", "set/1.png"]


def test_labels_alone_seven_classes_and_missing_answers_are_kept_as_such() -> None:
    bare = Predictions("x", IDS, np.array([3, MISSING]), None)
    found = Predictions.from_arrays("x", IDS, bare.arrays(), "p")
    assert (found.labels.tolist(), found.probabilities) == ([3, MISSING], None)
    rows = np.array([[0.5, 0.5, *[0.0] * 6], [np.nan] * 8])
    seven = Predictions("x", IDS, np.array([0, MISSING]), rows, SEVEN)
    found = Predictions.from_arrays("x", IDS, seven.arrays(), "p")
    assert found.knows == SEVEN and found.labels.tolist() == [0, MISSING]
    np.testing.assert_array_equal(found.probabilities, rows)


def test_answers_are_written_as_lines_that_are_read_again_exactly() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(7), 2)
    made = Predictions.from_probabilities("x", IDS, rows)
    found = unmatched(read_prediction_lines(text_of(made).splitlines(), "mine"))
    assert found.ids == IDS and found.knows == SEVEN
    np.testing.assert_array_equal(found.labels, made.labels)
    np.testing.assert_allclose(found.probabilities, made.probabilities, rtol=1e-15)
    bare = Predictions("x", IDS, np.array([3, MISSING]), None)
    assert text_of(bare) == "set/0.png\tsadness\n"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.ones((2, 8)), r"row 0 sums to 8, not 1; give probabilities, not logits"),
        (np.ones((2, 5)) / 5, r"shape \(2, 5\), not \(n, 8\) or \(n, 7\)"),
        (np.array([[1.0, *[0] * 7], [2.0, -1.0, *[0] * 6]]), "row 1 has a negative"),
        (np.array([[np.nan] * 8] * 2), "row 0 has a negative or non-finite"),
        (np.eye(8), "8 rows of probabilities for 2 faces"),
    ],
)
def test_what_are_no_probabilities_is_refused(rows: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Predictions.from_probabilities("model", ["a", "b"], rows)


def test_seven_probabilities_are_those_without_contempt_and_rounding_is_made_up_for() -> None:
    rows = np.array([[0.333, 0.333, 0.333, 0, 0, 0, 0]])
    found = Predictions.from_probabilities("model", ["a"], rows)
    assert found.knows == EXPRESSIONS[:7]
    assert found.probabilities is not None
    assert found.probabilities.tolist()[0] == pytest.approx([1 / 3] * 3 + [0] * 5)
    assert found.labels.tolist() == [0]
