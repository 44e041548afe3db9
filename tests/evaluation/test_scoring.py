"""Made-up predictions whose right figures are worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, brier_score_loss, recall_score

from latent_ofer.errors import DataError
from latent_ofer.evaluation.bootstrap import resample_counts
from latent_ofer.evaluation.metrics import accuracy, answered, aurc, brier, ece, macro_recall
from latent_ofer.evaluation.predictions import MISSING, Predictions
from latent_ofer.evaluation.scoring import score
from latent_ofer.labels import EXPRESSIONS, SEVEN

NEUTRAL, HAPPINESS, SURPRISE, SADNESS, ANGER, DISGUST, FEAR, CONTEMPT = range(8)


def names(count: int) -> list[str]:
    return [f"{row}.png" for row in range(count)]


def probable(*rows: list[float]) -> Predictions:
    return Predictions.from_probabilities("made up", names(len(rows)), np.array(rows))


def labelled(*labels: int) -> Predictions:
    return Predictions("made up", names(len(labels)), np.array(labels), None)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_four_faces_by_hand() -> None:
    predictions = probable(
        [0.7, 0.3, 0, 0, 0, 0, 0, 0],
        [0.2, 0.8, 0, 0, 0, 0, 0, 0],
        [0.6, 0.4, 0, 0, 0, 0, 0, 0],
        [0.0, 0.1, 0.9, 0, 0, 0, 0, 0],
    )
    found = score(predictions, np.array([NEUTRAL, HAPPINESS, HAPPINESS, SURPRISE]), rng=rng())
    assert (found["n"], found["n_missing"], found["n_with_probabilities"]) == (4, 0, 4)
    # Right: the first, the second and the last.
    assert found["accuracy"]["value"] == pytest.approx(0.75)
    # Recalls 1, 1/2 and 1: (1 + 0.5 + 1) / 3.
    assert found["macro_recall"]["value"] == pytest.approx(0.833333, abs=1e-6)
    recall = {name: figure["value"] for name, figure in found["recall"].items()}
    assert recall == {"neutral": 1.0, "happiness": 0.5, "surprise": 1.0}
    # 2 * 0.3^2 = 0.18, 2 * 0.2^2 = 0.08, 2 * 0.6^2 = 0.72, 2 * 0.1^2 = 0.02: 1.00 / 4.
    assert found["brier"]["value"] == pytest.approx(0.25)
    # Four bins of one face: gaps 0.3, 0.2, 0.6 and 0.1: 1.2 / 4.
    assert found["ece"]["value"] == pytest.approx(0.3)
    # By confidence 0.9 right, 0.8 right, 0.7 right, 0.6 wrong: risks 0, 0, 0, 1/4: 0.25 / 4.
    assert found["aurc"]["value"] == pytest.approx(0.0625)
    assert found["risk_coverage"] == ([0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 0.0, 0.25])
    assert [faces for _, _, faces in found["reliability"]] == [1, 1, 1, 1]
    assert found["reliability"][0] == pytest.approx((0.6, 0.0, 1))
    counts = np.array(found["confusion"]["counts"])
    assert counts.shape == (8, 8)
    assert (counts[0, 0], counts[1, 0], counts[1, 1], counts[2, 2]) == (1, 1, 1, 1)
    assert counts.sum() == 4


def test_of_equal_probabilities_the_lower_index_is_the_answer() -> None:
    tied = [0, 0.4, 0, 0.4, 0.2, 0, 0, 0]
    predictions = probable(tied, tied)
    assert predictions.labels.tolist() == [HAPPINESS, HAPPINESS]
    found = score(predictions, np.array([HAPPINESS, SADNESS]), rng=rng())
    assert found["accuracy"]["value"] == 0.5


def test_faces_of_equal_confidence_share_one_risk_whatever_their_order() -> None:
    sure, tied = [0.9, 0.1, 0, 0, 0, 0, 0, 0], [0.6, 0.4, 0, 0, 0, 0, 0, 0]
    # Right at 0.9; at 0.6 one right, one wrong. Risks 0, then 1/3 for both: (0 + 2/3) / 3.
    for labels in ([0, 0, 1], [0, 1, 0]):
        found = score(probable(sure, tied, tied), np.array(labels), rng=rng())
        assert found["aurc"]["value"] == pytest.approx(0.222222, abs=1e-6)
        assert found["risk_coverage"][0] == pytest.approx([1 / 3, 1.0])


def test_a_missing_answer_is_wrong_and_counted() -> None:
    rows = np.full((4, 8), np.nan)
    rows[:3] = np.eye(8)[[0, 1, 1]]
    predictions = Predictions("made up", names(4), np.array([0, 1, 1, MISSING]), rows)
    found = score(predictions, np.array([0, 1, 0, 1]), rng=rng())
    assert (found["n"], found["n_missing"], found["n_with_probabilities"]) == (4, 1, 3)
    # Right: two of four, not two of three.
    assert found["accuracy"]["value"] == 0.5
    # Neutral 1 of 2, happiness 1 of 2 (the other is missing).
    assert found["macro_recall"]["value"] == 0.5
    # Over the three with probabilities: 0, 0 and 2.
    assert found["brier"]["value"] == pytest.approx(0.666667, abs=1e-6)
    assert np.array(found["confusion"]["counts"]).sum() == 3
    assert found["notes"] == [
        "no face is labelled surprise, sadness, anger, disgust, fear, contempt: "
        "macro recall is over the others",
        "1 faces without an answer count as wrong",
    ]


def test_nothing_answered_at_all_is_all_wrong() -> None:
    found = score(labelled(MISSING, MISSING), np.array([0, 1]), rng=rng())
    assert found["accuracy"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert "brier" not in found
    assert np.array(found["confusion"]["counts"]).sum() == 0


def test_seven_classes_drop_contempt_from_faces_and_outputs() -> None:
    predictions = probable(
        [0.5, 0, 0, 0, 0, 0, 0, 0.5],
        [0.1, 0.3, 0, 0, 0, 0, 0, 0.6],
        [0, 0, 0, 0, 0, 0, 0, 1.0],
        [0, 0, 0, 0, 0, 0, 1.0, 0],
    )
    labels = np.array([NEUTRAL, HAPPINESS, CONTEMPT, HAPPINESS])
    eight = score(predictions, labels, rng=rng())
    # The first (a tie) and the third are right.
    assert (eight["n"], eight["accuracy"]["value"]) == (4, 0.5)
    seven = score(predictions, labels, rng=rng(), classes=7)
    # The third face is left out; the second, contempt before, becomes happiness: 2 of 3.
    assert seven["n"] == 3
    assert seven["accuracy"]["value"] == pytest.approx(0.666667, abs=1e-6)
    # Renormalised rows: (1, 0 ..), (0.25, 0.75, ..), (.., 1): 0 + 2 * 0.25^2 + 2 = 2.125 / 3.
    assert seven["brier"]["value"] == pytest.approx(0.708333, abs=1e-6)
    assert np.array(seven["confusion"]["counts"]).shape == (7, 7)
    assert "contempt" not in seven["count_by_label"]


def test_of_seven_an_answer_that_was_all_contempt_becomes_uniform() -> None:
    found = score(probable([0, 0, 0, 0, 0, 0, 0, 1.0]), np.array([ANGER]), rng=rng(), classes=7)
    # (6/7)^2 + 6 * (1/7)^2 = 42/49.
    assert found["brier"]["value"] == pytest.approx(0.857143, abs=1e-6)
    assert found["accuracy"]["value"] == 0.0


def test_of_seven_a_bare_answer_of_contempt_is_wrong_and_said() -> None:
    found = score(labelled(CONTEMPT, ANGER), np.array([FEAR, ANGER]), rng=rng(), classes=7)
    assert (found["accuracy"]["value"], found["n_missing"]) == (0.5, 1)
    assert any("1 faces answered as contempt" in note for note in found["notes"])


def test_a_recogniser_of_seven_gets_contempt_wrong_and_the_report_says_so() -> None:
    predictions = probable([0.9, 0.1, 0, 0, 0, 0, 0], [0.8, 0.2, 0, 0, 0, 0, 0])
    assert predictions.knows == SEVEN
    labels = np.array([NEUTRAL, CONTEMPT])
    found = score(predictions, labels, rng=rng())
    assert found["recall"]["contempt"]["value"] == 0.0
    assert "made up does not know contempt: its 1 faces count as wrong" in found["notes"]
    assert score(predictions, labels, rng=rng(), classes=7)["accuracy"]["value"] == 1.0


def test_macro_recall_is_over_the_classes_that_have_faces() -> None:
    found = score(labelled(0, 0, 2), np.array([0, 0, 1]), rng=rng())
    # Neutral 1, happiness 0; surprise, answered once, has no face.
    assert found["macro_recall"]["value"] == 0.5
    assert set(found["recall"]) == {"neutral", "happiness"}
    assert "surprise" in found["notes"][0]


def test_groups_get_their_own_figures_and_small_ones_are_marked() -> None:
    labels = np.array([0] * 150 + [1] * 20 + [CONTEMPT] * 5)
    predictions = labelled(*[0] * 175)
    groups = {
        "large": np.arange(175) < 150,
        "small": (np.arange(175) >= 145) & (np.arange(175) < 155),
        "contempt": labels == CONTEMPT,
    }
    found = score(predictions, labels, groups, rng=rng(), classes=7)["by_group"]
    assert found["large"]["accuracy"]["value"] == 1.0
    assert "small" not in found["large"]
    assert (found["small"]["n"], found["small"]["accuracy"]["value"]) == (10, 0.5)
    assert found["small"]["small"] is True
    assert found["contempt"] == {"n": 0, "small": True}


def test_faces_of_one_person_widen_the_interval() -> None:
    once = np.random.default_rng(1).integers(0, 2, 60)
    # Each person ten times over says no more than once.
    predictions, labels = labelled(*np.repeat(once, 10)), np.zeros(600, dtype=np.int64)
    people = [f"p{person}" for person in range(60) for _ in range(10)]

    def width(report: dict[str, dict[str, float]]) -> float:
        return report["accuracy"]["high"] - report["accuracy"]["low"]

    apart = width(score(predictions, labels, rng=rng()))
    together = width(score(predictions, labels, rng=rng(), people=people))
    alone = width(score(labelled(*once), labels[:60], rng=rng()))
    assert together == pytest.approx(apart * np.sqrt(10), rel=0.15)
    assert together == pytest.approx(alone, rel=0.15)
    strangers = score(predictions, labels, rng=rng(), people=[""] * 600)
    assert width(strangers) == apart


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_figures_agree_with_libraries_and_slow_loops(n: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    powers = np.exp(generator.normal(0, 2, (n, 8)).round(1))
    truth = generator.integers(0, 8, n)
    predictions = probable(*(powers / powers.sum(1, keepdims=True)).tolist())
    faces, once = answered(predictions, truth, 8), np.ones((1, n), dtype=np.float32)
    assert accuracy(faces, once)[0] == pytest.approx(accuracy_score(truth, predictions.labels))
    recall = recall_score(
        truth, predictions.labels, labels=np.unique(truth), average="macro", zero_division=0
    )
    assert macro_recall(faces, once)[0] == pytest.approx(recall)
    assert predictions.probabilities is not None
    expected = brier_score_loss(
        truth, predictions.probabilities, labels=range(8), scale_by_half=False
    )
    assert brier(faces, once)[0] == pytest.approx(expected)
    confidence, right = predictions.probabilities.max(1), predictions.labels == truth
    risks = [1 - right[confidence >= limit].mean() for limit in confidence]
    assert aurc(faces, once)[0] == pytest.approx(np.mean(risks))
    assert ece(faces, once)[0] == pytest.approx(slow_ece(confidence, right))


def slow_ece(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    total = 0.0
    for number in range(15):
        inside = [row for row, sure in enumerate(confidence) if int(min(sure * 15, 14)) == number]
        if inside:
            gap = np.mean([right[row] for row in inside]) - np.mean(confidence[inside])
            total += abs(gap) * len(inside) / len(right)
    return total


def test_figures_of_a_resample_are_those_of_repeated_faces() -> None:
    generator = np.random.default_rng(5)
    rows = generator.dirichlet(np.ones(8), 20).round(2) + 0.001
    truth = generator.integers(0, 4, 20)
    faces = answered(probable(*(rows / rows.sum(1, keepdims=True)).tolist()), truth, 8)
    counts = resample_counts(20, generator, 5)
    for metric in (accuracy, macro_recall, brier, ece, aurc):
        for row, count in enumerate(counts.astype(int)):
            repeated = faces.take(np.repeat(np.arange(20), count))
            once = np.ones((1, 20), dtype=np.float32)
            assert metric(faces, counts)[row] == pytest.approx(metric(repeated, once)[0])


def test_labels_that_cannot_be_scored_are_refused() -> None:
    with pytest.raises(ValueError, match="0 to 7"):
        score(labelled(0, 1), np.array([0, -1]), rng=rng())
    with pytest.raises(ValueError, match="2 predictions"):
        score(labelled(0, 1), np.array([0]), rng=rng())
    with pytest.raises(ValueError, match="8 or 7"):
        score(labelled(0), np.array([0]), rng=rng(), classes=6)
    with pytest.raises(DataError, match="no labelled faces"):
        score(labelled(0), np.array([EXPRESSIONS.index("contempt")]), rng=rng(), classes=7)
