"""ROC curves, and where on the face a detector errs."""

import numpy as np

from latent_ofer.evaluation.conditions import Mask
from latent_ofer.evaluation.detection_figures import Floats, Scored
from latent_ofer.occlusion.patches import GRID

ROC_SHARES = np.concatenate([[0.0], np.geomspace(1e-4, 1, 81)])


def roc(s: Scored) -> dict[str, list[float]]:
    """Points of the ROC curve of the occluded copies, closer together at few false positives."""
    visible = np.sort(s.occluded[s.used & ~s.hidden])
    hidden = np.sort(s.occluded[s.used & s.hidden])
    limits = np.quantile(visible, 1 - ROC_SHARES, method="higher")
    limits = np.append(limits, -np.inf)

    def above(ordered: Floats) -> list[float]:
        shares = 1 - np.searchsorted(ordered, limits, side="right") / len(ordered)
        return [float(share) for share in shares]

    return {"false_positive": above(visible), "recall": above(hidden)}


def errors_by_place(s: Scored) -> dict[str, list[list[float | None]]]:
    """Where on the face a detector errs.

    Returns
    -------
    dict
        14 x 14 each: ``"false_positive"``, share of the clean copies' patches above the
        threshold; ``"miss"``, share of the hidden patches not above it; None where no patch
        counts, or no object ever was.
    """
    clean, hidden = s.clean_used, s.used & s.hidden
    return {
        "false_positive": _shares(s.clean_above & clean, clean),
        "miss": _shares(~s.occluded_above & hidden, hidden),
    }


def _shares(some: Mask, of: Mask) -> list[list[float | None]]:
    """Of the patches (n, 196) at each place."""
    sums = zip(some.sum(axis=0), of.sum(axis=0), strict=True)
    shares = [int(part) / int(whole) if whole else None for part, whole in sums]
    return [shares[start : start + GRID] for start in range(0, GRID**2, GRID)]
