"""Scores of patches against labels: area under the curve, and thresholds from clean faces."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def auroc(scores: NDArray[Any], labels: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that a hidden patch scores above a visible one.

    Ties count one half.

    Parameters
    ----------
    scores : (n,) float
        Higher for more likely hidden.
    labels : (n,) bool
        True = hidden.

    Returns
    -------
    float in [0, 1]; nan where one of the two kinds is missing
    """
    visible = np.sort(scores[~labels])
    hidden = scores[labels]
    if not len(visible) or not len(hidden):
        return float("nan")
    below = np.searchsorted(visible, hidden, side="left")
    not_above = np.searchsorted(visible, hidden, side="right")
    return float((below + not_above).mean() / (2 * len(visible)))


def average_precision(scores: NDArray[Any], labels: NDArray[np.bool_]) -> float:
    """Precision at every threshold, weighted by the recall that it adds.

    Parameters
    ----------
    scores : (n,) float
    labels : (n,) bool
        True = hidden.

    Returns
    -------
    float in [0, 1]; nan where nothing is hidden
    """
    if not labels.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    # Patches of equal score are found together: only the last of each run is a threshold.
    last = np.append(np.diff(scores[order]) != 0, True)
    hits = np.cumsum(labels[order])[last]
    precision = hits / (np.flatnonzero(last) + 1)
    return float((precision * np.diff(hits, prepend=0)).sum() / hits[-1])


def threshold_at(clean: NDArray[Any], share: float) -> float:
    """Smallest of the scores of clean faces that at most `share` of them lie above.

    Parameters
    ----------
    clean : any shape, float
        Scores of patches that nothing hides.
    share : float in (0, 1)
        Allowed false positives.
    """
    return float(np.quantile(clean, 1 - share, method="higher"))
