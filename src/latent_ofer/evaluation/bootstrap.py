"""Percentile bootstrap over images: 95 %, 1,000 resamples."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

RESAMPLES = 1000
BINS = 2000


def resample_counts(images: int, rng: Generator, resamples: int = RESAMPLES) -> NDArray[np.float32]:
    """How often each image is drawn in each resample: (resamples, images), rows sum to images."""
    counts = rng.multinomial(images, np.full(images, 1 / images), size=resamples)
    return counts.astype(np.float32)


def interval(values: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """2.5 and 97.5 % points of the resampled values; those that are nan left out."""
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def measured(value: float, resampled: NDArray[np.float64]) -> dict[str, float]:
    """A figure with the 95 % interval of its resampled values, as reports hold it."""
    low, high = interval(resampled)
    return {"value": float(value), "low": low, "high": high}


def resampled_ratio(
    counts: NDArray[np.float32], part: NDArray[Any], whole: NDArray[Any]
) -> NDArray[np.float64]:
    """Ratio of two sums over images, in each resample.

    Parameters
    ----------
    counts : (R, n)
        From `resample_counts`.
    part, whole : (n,) numbers of each image

    Returns
    -------
    (R,) float; nan where a resample has nothing of the whole
    """
    above = counts.astype(np.float64) @ np.asarray(part, dtype=np.float64)
    below = counts.astype(np.float64) @ np.asarray(whole, dtype=np.float64)
    ratio: NDArray[np.float64] = np.full(len(counts), np.nan)
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
    edges = np.unique(np.quantile(scores[used], np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, scores, side="right")
    hidden = counts @ _histograms(bins, used & labels, len(edges) + 1)
    visible = counts @ _histograms(bins, used & ~labels, len(edges) + 1)
    hidden, visible = hidden.astype(np.float64), visible.astype(np.float64)
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


def _histograms(
    bins: NDArray[np.int64], chosen: NDArray[np.bool_], count: int
) -> NDArray[np.float32]:
    """One histogram a row of the chosen entries: (n, count)."""
    rows = np.broadcast_to(np.arange(len(bins))[:, None], bins.shape)
    flat = np.bincount((rows * count + bins)[chosen], minlength=len(bins) * count)
    return flat.reshape(len(bins), count).astype(np.float32)
