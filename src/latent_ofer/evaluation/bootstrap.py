"""Percentile bootstrap over images: 95 %, 1,000 resamples."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from latent_ofer.detector.scores import auroc

RESAMPLES = 1000
BINS = 2000


def resample_counts(
    images: int, rng: Generator, resamples: int = RESAMPLES, people: Sequence[str] | None = None
) -> NDArray[np.float32]:
    """How often each image is drawn in each resample.

    Parameters
    ----------
    images : int
    rng : Generator
    resamples : int
    people : sequence of str, optional
        Who is in each image, empty where unknown. As many people are drawn as there are, each
        with all of their images; somebody unknown is one person an image.

    Returns
    -------
    (resamples, images) float32
        Rows sum to `images`, where `people` is left out.
    """
    drawn = np.arange(images) if people is None else _numbered(people)
    units = int(drawn.max()) + 1
    # One histogram for all resamples: each has numbers of its own.
    numbers = rng.integers(units, size=(resamples, units)) + np.arange(resamples)[:, None] * units
    flat = np.bincount(numbers.ravel(), minlength=resamples * units)
    counts = flat.reshape(resamples, units).astype(np.float32)
    return counts if people is None else counts[:, drawn]


def interval(values: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """2.5 and 97.5 % points of the resampled values; those that are nan left out."""
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def measured(value: float, resampled: NDArray[np.float64]) -> dict[str, float]:
    """A figure with the 95 % interval of its resampled values, as reports hold it."""
    low, high = interval(resampled)
    return {"value": float(value), "low": low, "high": high}


@dataclass(frozen=True, eq=False)
class Intervals:
    """Figures over n faces with 95 % intervals, all from the same resamples; see `Intervals.of`.

    Attributes
    ----------
    counts : (1000, n) float32
        How often each face is drawn.
    """

    counts: NDArray[np.float32]

    @classmethod
    def of(cls, people: Sequence[str], seed: int) -> "Intervals":
        """For n faces of these people, empty where unknown: those of one are drawn together."""
        rng = np.random.default_rng(seed)
        return cls(resample_counts(len(people), rng, people=people))

    def take(self, members: NDArray[Any]) -> "Intervals":
        """For some of the faces, resampled as a part of all."""
        return Intervals(self.counts[:, members])

    def mean(self, values: NDArray[Any]) -> dict[str, float]:
        """Mean of (n,) numbers; of differences, a paired one."""
        return self.ratio(values, np.ones(len(values)))

    def ratio(self, part: NDArray[Any], whole: NDArray[Any]) -> dict[str, float]:
        """Ratio of the sums of two numbers of each face; nan where there is no whole."""
        total = float(whole.sum())
        value = float(part.sum()) / total if total else float("nan")
        return measured(value, resampled_ratio(self._exact, part, whole))

    def auroc(
        self, scores: NDArray[Any], labels: NDArray[np.bool_], used: NDArray[np.bool_]
    ) -> dict[str, float]:
        """Area under the ROC curve of all patches (n, N) that are used, pooled."""
        resampled = resampled_auroc(self.counts, scores, labels, used)
        return measured(auroc(scores[used], labels[used]), resampled)

    @cached_property
    def _exact(self) -> NDArray[np.float64]:
        return self.counts.astype(np.float64)


def resampled_ratio(
    counts: NDArray[Any], part: NDArray[Any], whole: NDArray[Any]
) -> NDArray[np.float64]:
    """Ratio of two sums over images, in each resample.

    Parameters
    ----------
    counts : (R, n)
        From `resample_counts`.
    part, whole : (n,) or (n, m) numbers of each image

    Returns
    -------
    (R,) or (R, m) float; nan where a resample has nothing of the whole
    """
    exact = np.asarray(counts, dtype=np.float64)
    above = exact @ np.asarray(part, dtype=np.float64)
    below = exact @ np.asarray(whole, dtype=np.float64)
    ratio: NDArray[np.float64] = np.full(above.shape, np.nan)
    return np.divide(above, below, out=ratio, where=below > 0)


def resampled_curves(
    counts: NDArray[np.float32],
    scores: NDArray[np.float32],
    labels: NDArray[np.bool_],
    used: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AUROC and average precision in each resample, all patches of its images pooled.

    The scores go into 2,000 bins of equal share first, so that a resample is a product of its
    counts with a histogram an image: the error that this makes is far below the interval.

    Parameters
    ----------
    counts : (R, n)
        From `resample_counts`.
    scores : (n, N)
    labels, used : (n, N) bool
        True = hidden; True = counted.

    Returns
    -------
    auroc, average_precision : (R,) float
    """
    of_hidden, of_visible = _binned(scores, labels, used)
    hidden = (counts @ of_hidden).astype(np.float64)
    visible = (counts @ of_visible).astype(np.float64)
    below = np.cumsum(visible, axis=1) - visible / 2
    positives = hidden.sum(axis=1)
    pairs = positives * visible.sum(axis=1)
    area = np.divide(
        (hidden * below).sum(axis=1), pairs, out=np.full(len(counts), np.nan), where=pairs > 0
    )
    hits = np.cumsum(hidden[:, ::-1], axis=1)
    found = hits + np.cumsum(visible[:, ::-1], axis=1)
    weighted = (hidden[:, ::-1] * hits / np.maximum(found, 1)).sum(axis=1)
    precision = np.divide(
        weighted, positives, out=np.full(len(counts), np.nan), where=positives > 0
    )
    return area, precision


def resampled_auroc(
    counts: NDArray[np.float32],
    scores: NDArray[np.float32],
    labels: NDArray[np.bool_],
    used: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """AUROC alone, as `resampled_curves` gives it; of few images much sooner.

    Parameters
    ----------
    counts, scores, labels, used
        As for `resampled_curves`.

    Returns
    -------
    (R,) float
    """
    if len(scores) > len(counts):
        return resampled_curves(counts, scores, labels, used)[0]
    # How often each image's hidden patches are above each other's visible ones does not change:
    # a resample only says how often each pair of images counts.
    hidden, visible = _binned(scores, labels, used)
    above = (hidden @ (np.cumsum(visible, axis=1) - visible / 2).T).astype(np.float64)
    drawn = counts.astype(np.float64)
    pairs = (drawn @ hidden.sum(axis=1)) * (drawn @ visible.sum(axis=1))
    won = ((drawn @ above) * drawn).sum(axis=1)
    area: NDArray[np.float64] = np.full(len(counts), np.nan)
    np.divide(won, pairs, out=area, where=pairs > 0)
    return area


def _binned(
    scores: NDArray[np.float32], labels: NDArray[np.bool_], used: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Histograms of hidden and of visible patches, (n, bins) each."""
    edges = np.unique(np.quantile(scores[used], np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, scores, side="right")
    of_hidden = _histograms(bins, used & labels, len(edges) + 1)
    return of_hidden, _histograms(bins, used & ~labels, len(edges) + 1)


def _numbered(people: Sequence[str]) -> NDArray[np.int64]:
    """(n,) numbers from 0 up, equal for images of one person."""
    names = [("person", name) if name else ("image", row) for row, name in enumerate(people)]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.int64)


def _histograms(
    bins: NDArray[np.int64], chosen: NDArray[np.bool_], count: int
) -> NDArray[np.float32]:
    """One histogram a row of the chosen entries: (n, count)."""
    rows = np.broadcast_to(np.arange(len(bins))[:, None], bins.shape)
    flat = np.bincount((rows * count + bins)[chosen], minlength=len(bins) * count)
    return flat.reshape(len(bins), count).astype(np.float32)
