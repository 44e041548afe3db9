import numpy as np
import pytest

from latent_ofer.detector.scores import auroc, average_precision
from latent_ofer.evaluation.bootstrap import (
    interval,
    resample_counts,
    resampled_auroc,
    resampled_curves,
    resampled_ratio,
)


def test_each_resample_draws_as_many_images_as_there_are() -> None:
    counts = resample_counts(30, np.random.default_rng(0), 50)
    assert counts.shape == (50, 30)
    assert (counts.sum(axis=1) == 30).all()
    assert counts.std() == pytest.approx(np.sqrt(1 - 1 / 30), abs=0.05)


def test_all_images_of_one_person_are_drawn_together() -> None:
    people = ["ann", "", "ben", "ann", "", "ann"]
    counts = resample_counts(6, np.random.default_rng(0), 200, people)
    assert (counts[:, [3, 5]] == counts[:, [0]]).all()
    # Ann, Ben and two strangers: four are drawn each time.
    assert (counts[:, [0, 1, 2, 4]].sum(axis=1) == 4).all()
    assert not (counts[:, 1] == counts[:, 4]).all()


def test_curves_of_resamples_are_those_of_repeated_images() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random((12, 20)) < 0.3
    used = rng.random((12, 20)) < 0.9
    scores = (labels + rng.normal(0, 1, labels.shape)).round(2).astype(np.float32)
    counts = resample_counts(12, rng, 6)
    area, precision = resampled_curves(counts, scores, labels, used)
    for row, count in enumerate(counts.astype(int)):
        images = np.repeat(np.arange(12), count)
        chosen = used[images]
        pooled, hidden = scores[images][chosen], labels[images][chosen]
        assert area[row] == pytest.approx(auroc(pooled, hidden), abs=1e-3)
        assert precision[row] == pytest.approx(average_precision(pooled, hidden), abs=5e-3)


@pytest.mark.parametrize("resamples", [300, 5])
def test_auroc_alone_is_that_of_the_curves(resamples: int) -> None:
    rng = np.random.default_rng(0)
    labels = rng.random((6, 20)) < 0.2
    labels[2:] = False
    scores = (labels + rng.normal(0, 1, labels.shape)).round(2).astype(np.float32)
    used = rng.random((6, 20)) < 0.9
    counts = resample_counts(6, rng, resamples)
    area = resampled_auroc(counts, scores, labels, used)
    np.testing.assert_allclose(area, resampled_curves(counts, scores, labels, used)[0])
    # Where neither of the two hidden images is drawn there is none.
    assert (np.isnan(area) == (counts[:, :2].sum(axis=1) == 0)).all()


def test_ratios_of_resamples_are_sums_over_repeated_images() -> None:
    part, whole = np.array([1, 0, 3]), np.array([2, 2, 4])
    counts = np.array([[1, 1, 1], [3, 0, 0], [0, 1, 2]], dtype=np.float32)
    assert resampled_ratio(counts, part, whole).tolist() == pytest.approx([0.5, 0.5, 0.6])
    assert np.isnan(resampled_ratio(counts[:1], part, np.zeros(3)))[0]


def test_the_interval_leaves_a_fortieth_out_on_each_side() -> None:
    low, high = interval(np.append(np.arange(1001.0), np.nan))
    assert (low, high) == (25.0, 975.0)
