import numpy as np
import pytest

from latent_ofer.errors import DataError
from latent_ofer.evaluation.comparison import compare, same_faces
from latent_ofer.evaluation.predictions import Predictions


def labelled(name: str, labels: list[int], ids: list[str] | None = None) -> Predictions:
    faces = ids or [f"{row}.png" for row in range(len(labels))]
    return Predictions(name, faces, np.array(labels), None)


def sure(name: str, labels: np.ndarray, confidence: float) -> Predictions:
    rows = np.full((len(labels), 8), (1 - confidence) / 7)
    rows[np.arange(len(labels)), labels] = confidence
    return Predictions.from_probabilities(name, [str(row) for row in range(len(labels))], rows)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_second_opinion_by_hand() -> None:
    # Truth all neutral. a is right on faces 0-7, b on 0-2 and 8: five and one discordant.
    a = labelled("one", [0] * 8 + [1] * 2)
    b = labelled("two", [0] * 3 + [1] * 5 + [0, 1])
    found = compare(a, b, np.zeros(10, dtype=np.int64), rng=rng())
    # 2 * (C(6,0) + C(6,1)) / 2^6 = 14 / 64.
    assert found["mcnemar"] == {"only_a": 5, "only_b": 1, "p": 0.21875}
    figure = found["figures"]["accuracy"]
    assert (figure["a"], figure["b"]) == (0.8, 0.4)
    assert figure["difference"]["value"] == pytest.approx(0.4)
    assert set(found["figures"]) == {"accuracy", "macro_recall"}


def test_one_is_better_only_where_the_interval_excludes_nought() -> None:
    truth = np.random.default_rng(1).integers(0, 8, 300)
    wrong = (truth + 1) % 8
    often = np.where(np.arange(300) % 10 < 9, truth, wrong)
    seldom = np.where(np.arange(300) % 10 < 6, truth, wrong)
    figures = compare(sure("a", often, 0.9), sure("b", seldom, 0.9), truth, rng=rng())["figures"]
    # For accuracy higher is better, for the others lower: a wins them all.
    assert {name: figure["better"] for name, figure in figures.items()} == {
        name: "a" for name in ("accuracy", "macro_recall", "ece", "brier", "aurc")
    }
    assert figures["brier"]["difference"]["high"] < 0
    figures = compare(sure("a", seldom, 0.9), sure("b", often, 0.9), truth, rng=rng())["figures"]
    assert {figure["better"] for figure in figures.values()} == {"b"}
    figures = compare(sure("a", often, 0.9), sure("b", often, 0.9), truth, rng=rng())["figures"]
    assert {figure["better"] for figure in figures.values()} == {None}


def test_pairing_makes_the_interval_narrower_than_two_apart() -> None:
    truth = np.zeros(200, dtype=np.int64)
    a = (np.arange(200) % 2 == 0).astype(int)
    b = a.copy()
    b[:6:2] = 0
    gap = compare(labelled("a", a.tolist()), labelled("b", b.tolist()), truth, rng=rng())
    difference = gap["figures"]["accuracy"]["difference"]
    # 3 faces of 200: sqrt(0.015 * 0.985 / 200) = 0.0086; unpaired it would be 0.05.
    assert difference["value"] == pytest.approx(-0.015)
    assert difference["high"] - difference["low"] < 0.05


def test_faces_of_one_person_widen_the_interval_of_the_difference() -> None:
    generator = np.random.default_rng(2)
    a, b = (np.repeat(generator.integers(0, 2, 40), 10).tolist() for _ in range(2))
    truth = np.zeros(400, dtype=np.int64)
    people = [str(row // 10) for row in range(400)]

    def width(persons: list[str] | None) -> float:
        found = compare(labelled("a", a), labelled("b", b), truth, rng=rng(), people=persons)
        gap = found["figures"]["accuracy"]["difference"]
        return float(gap["high"] - gap["low"])

    assert width(people) > 2 * width(None)


def test_probabilities_are_compared_where_both_have_them() -> None:
    truth = np.array([0, 1, 2])
    one, other = sure("a", truth, 0.8), sure("b", truth, 0.6)
    assert other.probabilities is not None
    other.probabilities[0] = np.nan
    other.labels[0] = -1
    found = compare(one, other, truth, rng=rng())
    assert (found["n"], found["n_with_probabilities"]) == (3, 2)
    assert found["figures"]["accuracy"]["b"] == pytest.approx(0.666667, abs=1e-6)
    # 0.2^2 + 7 * (0.2 / 7)^2 = 0.045714; 0.4^2 + 7 * (0.4 / 7)^2 = 0.182857.
    assert found["figures"]["brier"]["a"] == pytest.approx(0.045714, abs=1e-6)
    assert found["figures"]["brier"]["b"] == pytest.approx(0.182857, abs=1e-6)


def test_other_faces_are_refused_unless_the_common_ones_will_do() -> None:
    one = labelled("one", [0, 1, 2], ["a", "b", "c"])
    other = labelled("two", [3, 2, 1, 0], ["d", "c", "b", "e"])
    with pytest.raises(DataError, match="1 only with one, 2 only with two, 2 with both"):
        same_faces(one, other)
    first, second = same_faces(one, other, common=True)
    assert first.ids == second.ids == ["b", "c"]
    assert (first.labels.tolist(), second.labels.tolist()) == ([1, 2], [1, 2])
    with pytest.raises(DataError, match="no face in common"):
        same_faces(one, labelled("three", [0], ["z"]), common=True)
    with pytest.raises(ValueError, match="same_faces"):
        compare(one, other, np.zeros(3, dtype=np.int64), rng=rng())


def test_another_order_of_the_same_faces_is_no_difference() -> None:
    one = labelled("one", [0, 1], ["a", "b"])
    _, second = same_faces(one, labelled("two", [1, 0], ["b", "a"]))
    assert (second.ids, second.labels.tolist()) == (["a", "b"], [0, 1])
