"""ROC curves, and where on the face a detector errs."""

import numpy as np

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
        threshold; ``"miss"``, share of the hidden patches not above it, None where no object
        ever was.
    """
    hidden = (s.used & s.hidden).sum(axis=0)
    missed = (s.used & s.hidden & ~s.occluded_above).sum(axis=0)
    miss = [int(m) / int(h) if h else None for m, h in zip(missed, hidden, strict=True)]
    return {
        "false_positive": s.clean_above.mean(axis=0).reshape(GRID, GRID).tolist(),
        "miss": [miss[start : start + GRID] for start in range(0, GRID**2, GRID)],
    }
