"""The figures of recognition, each as a function of how often a face counts.

Once each gives the value, resamples give its 95 % interval.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import DataError
from latent_ofer.evaluation.bootstrap import resampled_ratio
from latent_ofer.evaluation.predictions import MISSING, Predictions
from latent_ofer.labels import EXPRESSIONS, SEVEN

ECE_BINS = 15
CONTEMPT = EXPRESSIONS.index("contempt")

Counts = NDArray[np.float32]
"""(R, n): how often each face counts in each resample."""
Values = NDArray[np.float64]
"""(R,): a figure in each resample."""


@dataclass(frozen=True, eq=False)
class Answered:
    """Answers beside the truth, in terms of the first `classes` expressions.

    Attributes
    ----------
    classes : {8, 7}
    truth : (n,) int, 0 to classes - 1
    answers : (n,) int
        `MISSING` where there is none among these classes: counted as wrong.
    probabilities : (n, classes) float or None
        Rows sum to 1; nan where there is no answer.
    rows : (n,) int
        Where these faces were among those of the predictions.
    """

    classes: int
    truth: NDArray[np.int64]
    answers: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None
    rows: NDArray[np.int64]

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,) bool."""
        right: NDArray[np.bool_] = self.answers == self.truth
        return right

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return EXPRESSIONS[: self.classes]

    def take(self, chosen: NDArray[Any]) -> "Answered":
        """Some faces, by row or by a mask (n,)."""
        probabilities = None if self.probabilities is None else self.probabilities[chosen]
        return Answered(
            self.classes, self.truth[chosen], self.answers[chosen], probabilities, self.rows[chosen]
        )

    def with_probabilities(self) -> NDArray[np.int64]:
        """Rows of the faces that have probabilities."""
        if self.probabilities is None:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(np.isfinite(self.probabilities[:, 0]))


def answered(predictions: Predictions, labels: NDArray[np.int64], classes: int) -> Answered:
    """Predictions beside labels, among eight classes or seven.

    Of seven, contempt is dropped from faces and outputs, and the rest renormalised; a recogniser
    that answered contempt is taken to mean the likeliest of the rest, and to have no answer where
    it gives labels only. Of equal probabilities the lower index wins.

    Parameters
    ----------
    predictions : Predictions
        n faces.
    labels : (n,) int, 0 to 7
    classes : {8, 7}

    Raises
    ------
    ValueError
        If a label is out of range, or their number another.
    DataError
        If no face is left.
    """
    truth = np.asarray(labels, dtype=np.int64)
    if classes not in (len(EXPRESSIONS), len(SEVEN)):
        raise ValueError(f"classes must be 8 or 7; got {classes!r}")
    if truth.shape != (len(predictions),):
        raise ValueError(f"{len(predictions)} predictions, but labels of shape {truth.shape}")
    if ((truth < 0) | (truth >= len(EXPRESSIONS))).any():
        raise ValueError("labels must be 0 to 7: leave faces without a label out")
    rows = np.flatnonzero(truth < classes)
    if len(rows) == 0:
        raise DataError(f"{predictions.recogniser}: no labelled faces to score")
    answers, probabilities = predictions.labels.copy(), predictions.probabilities
    if classes == len(SEVEN):
        answered_contempt = answers == CONTEMPT
        answers[answered_contempt] = MISSING
        if probabilities is not None:
            probabilities = renormalised(probabilities[:, :classes])
            answers[answered_contempt] = probabilities[answered_contempt].argmax(axis=1)
    everything = Answered(classes, truth, answers, probabilities, np.arange(len(truth)))
    return everything.take(rows)


def accuracy(faces: Answered, counts: Counts) -> Values:
    """Share of right answers."""
    return resampled_ratio(counts, faces.right, np.ones(len(faces.truth)))


def recalls(faces: Answered, counts: Counts) -> Values:
    """(R, classes): share of each class that is answered right; nan for one without faces."""
    of_class = np.eye(faces.classes)[faces.truth]
    return resampled_ratio(counts, of_class * faces.right[:, None], of_class)


def macro_recall(faces: Answered, counts: Counts) -> Values:
    """Mean recall over the classes that have faces."""
    each = recalls(faces, counts)
    each = each[:, np.bincount(faces.truth, minlength=faces.classes) > 0]
    return _share(np.nansum(each, axis=1), np.isfinite(each).sum(axis=1))


def brier(faces: Answered, counts: Counts) -> Values:
    """Mean over faces of the squared distance from the truth, summed over classes: 0 to 2."""
    probabilities, truth, counts = _probable(faces, counts)
    squares = ((probabilities - np.eye(faces.classes)[truth]) ** 2).sum(axis=1)
    return resampled_ratio(counts, squares, np.ones(len(truth)))


def ece(faces: Answered, counts: Counts) -> Values:
    """Expected calibration error: mean gap of confidence and accuracy, 15 bins of equal width.

    Resampling adds gaps of its own, so that the interval lies rather above the value.
    """
    confidence, right, counts = confident(faces, counts)
    gaps = np.eye(ECE_BINS)[bins_of(confidence)] * (right - confidence)[:, None]
    per_bin = counts.astype(np.float64) @ gaps
    return _share(np.abs(per_bin).sum(axis=1), counts.sum(axis=1, dtype=np.float64))


def aurc(faces: Answered, counts: Counts) -> Values:
    """Area under the risk-coverage curve: the mean over faces of the risk at each.

    The risk at a face is the share of wrong answers among all that are at least as confident;
    faces of equal confidence are answered together or not at all.
    """
    confidence, right, counts = confident(faces, counts)
    order, ends = thresholds(confidence)
    weights = counts[:, order].astype(np.float64)
    total = np.cumsum(weights, axis=1)[:, ends]
    risk = np.cumsum(weights * ~right[order], axis=1)[:, ends] / np.maximum(total, 1)
    return _share((risk * np.diff(total, prepend=0)).sum(axis=1), total[:, -1])


PLAIN: Mapping[str, Callable[[Answered, Counts], Values]] = {
    "accuracy": accuracy,
    "macro_recall": macro_recall,
}
"""Figures that need answers only; higher is better."""
PROBABLE: Mapping[str, Callable[[Answered, Counts], Values]] = {
    "ece": ece,
    "brier": brier,
    "aurc": aurc,
}
"""Figures that need probabilities; lower is better."""


def confident(
    faces: Answered, counts: Counts
) -> tuple[NDArray[np.float64], NDArray[np.bool_], Counts]:
    """Confidence, rightness and counts of the faces that have probabilities."""
    probabilities, _, counts = _probable(faces, counts)
    rows = faces.with_probabilities()
    confidence = probabilities[np.arange(len(rows)), faces.answers[rows]]
    return confidence, faces.right[rows], counts


def bins_of(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which of the 15 bins (n,) confidences fall into."""
    return np.minimum((confidence * ECE_BINS).astype(np.int64), ECE_BINS - 1)


def thresholds(confidence: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows by falling confidence, and where each block of equal confidence ends (its last)."""
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    return order, np.flatnonzero(np.append(falling[1:] < falling[:-1], True))


def renormalised(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows that sum to 1; a row of noughts, all of which was of other classes, becomes uniform."""
    sums = rows.sum(axis=1, keepdims=True)
    uniform = np.where(np.isnan(sums), np.nan, 1 / rows.shape[1])
    scaled = np.repeat(uniform, rows.shape[1], axis=1)
    np.divide(rows, sums, out=scaled, where=sums > 0)
    return scaled


def _probable(
    faces: Answered, counts: Counts
) -> tuple[NDArray[np.float64], NDArray[np.int64], Counts]:
    rows = faces.with_probabilities()
    if faces.probabilities is None:
        raise ValueError("these answers have no probabilities")
    return faces.probabilities[rows], faces.truth[rows], counts[:, rows]


def _share(part: Values, whole: NDArray[Any]) -> Values:
    share: Values = np.full(len(whole), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share
