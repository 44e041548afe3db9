"""By how much one detector is better than another on the same occluded faces, paired."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latent_ofer.detector.scores import auroc, average_precision
from latent_ofer.evaluation.bootstrap import measured, resampled_curves
from latent_ofer.evaluation.detection_figures import Counts, Floats
from latent_ofer.evaluation.patch_scores import Truth

BASELINES = ("one_class_svm", "patch_svdd", "gaussian_pixels", "gaussian_latents")
ONE_CLASS = "one-class"
CLEAN_ONLY = (*BASELINES, "paper")
"""What `ONE_CLASS` is compared with: the other detectors that never see a hidden face."""


@dataclass(frozen=True)
class Areas:
    """Two figures of one detector, pooled over all patches, and in each of R resamples.

    Attributes
    ----------
    auroc, average_precision : float
    resampled_auroc, resampled_precision : (R,) float
    """

    auroc: float
    average_precision: float
    resampled_auroc: NDArray[np.float64]
    resampled_precision: NDArray[np.float64]


def areas(truth: Truth, scores: Floats, counts: Counts) -> Areas:
    """Of scores (n, N) of the occluded copies; `counts` (R, n) are resamples of the faces."""
    used, hidden = truth.used, truth.hidden
    return Areas(
        auroc(scores[used], hidden[used]),
        average_precision(scores[used], hidden[used]),
        *resampled_curves(counts, scores, hidden, used),
    )


def differences(name: str, every: Mapping[str, Areas]) -> dict[str, dict[str, float]]:
    """What stands in the row of a detector about those that it is compared with.

    Parameters
    ----------
    name : str
        Of the detector.
    every : dict of str to Areas
        Of all detectors, the shipped default first, in the same resamples.

    Returns
    -------
    dict
        ``"default_better_by"`` and ``"default_better_by_average_precision"``, not for the
        default itself; ``"one_class_better_by"`` and
        ``"one_class_better_by_average_precision"`` for those of `CLEAN_ONLY`. Each is
        ``{"value", "low", "high"}``: that one's figure minus this one's.
    """
    pairs = {"default_better_by": next(iter(every))}
    if name in CLEAN_ONLY and ONE_CLASS in every:
        pairs["one_class_better_by"] = ONE_CLASS
    report = {}
    for key, other in pairs.items():
        if other != name:
            better, this = every[other], every[name]
            report[key] = measured(
                better.auroc - this.auroc, better.resampled_auroc - this.resampled_auroc
            )
            report[f"{key}_average_precision"] = measured(
                better.average_precision - this.average_precision,
                better.resampled_precision - this.resampled_precision,
            )
    return report
