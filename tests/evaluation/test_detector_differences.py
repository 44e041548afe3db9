import numpy as np
import pytest

from latent_ofer.detector.scores import auroc, average_precision
from latent_ofer.evaluation.bootstrap import resample_counts
from latent_ofer.evaluation.detector_differences import areas, differences
from latent_ofer.evaluation.patch_scores import Truth

FACES = 60


def made_up() -> tuple[Truth, np.ndarray]:
    """Truth of some faces and scores (n, 196) that know a little of it."""
    rng = np.random.default_rng(0)
    hidden = rng.random((FACES, 196)) < 0.3
    used = rng.random((FACES, 196)) < 0.9
    grey = np.zeros((2, FACES), dtype=bool)
    truth = Truth(hidden, used, np.full(FACES, "card"), np.full(FACES, 0.2), grey)
    return truth, (rng.normal(0, 1, (FACES, 196)) + hidden).astype(np.float32)


def noisier(scores: np.ndarray, by: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, by, scores.shape)
    return (scores + noise).astype(np.float32)


def report(**scores: np.ndarray) -> dict[str, dict[str, dict[str, float]]]:
    truth, _ = made_up()
    counts = resample_counts(FACES, np.random.default_rng(0))
    every = {
        {"one_class": "one-class"}.get(name, name): areas(truth, one, counts)
        for name, one in scores.items()
    }
    return {name: differences(name, every) for name in every}


def test_differences_are_those_of_the_two_figures_and_paired() -> None:
    truth, scores = made_up()
    worse = noisier(scores, 0.3)
    paper = report(default=scores, paper=worse)["paper"]
    used, hidden = truth.used, truth.hidden
    for key, figure in (
        ("default_better_by", auroc),
        ("default_better_by_average_precision", average_precision),
    ):
        expected = figure(scores[used], hidden[used]) - figure(worse[used], hidden[used])
        assert paper[key]["value"] == pytest.approx(expected)
        # Unpaired, intervals of so few faces would be several times as wide.
        assert 0 < paper[key]["low"] < expected < paper[key]["high"] < 0.05


def test_a_detector_that_ranks_alike_is_no_better() -> None:
    _, scores = made_up()
    for one in report(default=scores, paper=3 * scores + 1)["paper"].values():
        assert (one["value"], one["low"], one["high"]) == pytest.approx((0, 0, 0), abs=1e-6)


def test_each_detector_is_compared_with_those_that_it_has_to_beat() -> None:
    _, scores = made_up()
    rows = report(
        synthetic=scores,
        one_class=noisier(scores, 0.5),
        paper=noisier(scores, 1),
        patch_svdd=noisier(scores, 2),
    )
    assert rows["synthetic"] == {}
    shipped = {"default_better_by", "default_better_by_average_precision"}
    one_class = {"one_class_better_by", "one_class_better_by_average_precision"}
    assert set(rows["one-class"]) == shipped
    assert set(rows["paper"]) == set(rows["patch_svdd"]) == shipped | one_class
    for row in (rows["paper"], rows["patch_svdd"]):
        assert row["default_better_by"]["value"] > row["one_class_better_by"]["value"] > 0


def test_the_default_is_not_compared_twice_where_it_is_the_one_class_detector() -> None:
    _, scores = made_up()
    rows = report(one_class=scores, paper=noisier(scores, 1))
    assert rows["one-class"] == {}
    paper = rows["paper"]
    assert paper["one_class_better_by"] == paper["default_better_by"]
