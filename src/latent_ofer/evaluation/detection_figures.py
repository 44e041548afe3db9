"""The figures of the detection test, from scores: of all faces, and of each group of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.detector.scores import auroc, average_precision
from latent_ofer.evaluation.bootstrap import Intervals, measured, resampled_curves
from latent_ofer.evaluation.conditions import Mask
from latent_ofer.evaluation.grouping import Members, size_of
from latent_ofer.weights_folder import Thresholds

Floats = NDArray[np.float32]
FALSE_POSITIVES = "false_positive_share_clean"


@dataclass(frozen=True)
class Scored:
    """Faces of one kind twice, clean and with an object; N = 196 patches.

    Attributes
    ----------
    clean, occluded : (n, N) float
        Scores of the two copies.
    clean_above, occluded_above : (n, N) bool
        Over the detector's threshold.
    hidden, used : (n, N) bool
        Of the occluded copies: at least a quarter covered; no border patch.
    clean_used : (n, N) bool
        Of the clean copies: counted.
    """

    clean: Floats
    occluded: Floats
    clean_above: Mask
    occluded_above: Mask
    hidden: Mask
    used: Mask
    clean_used: Mask

    @classmethod
    def against(
        cls,
        clean: Floats,
        occluded: Floats,
        truth: Mapping[str, NDArray[Any]],
        thresholds: Thresholds,
    ) -> "Scored":
        """Scores of both copies held against the thresholds and the truth (`Batch.truth`)."""
        limits = [thresholds.of(truth[key]).astype(np.float32) for key in ("grey", "grey_shown")]
        above = clean > limits[0][:, None], occluded > limits[1][:, None]
        hidden, used = truth["hidden"], truth["used"]
        return cls(clean, occluded, *above, hidden, used, np.ones_like(used))

    def take(self, members: Mask) -> "Scored":
        """Some of the faces."""
        return Scored(**{name: values[members] for name, values in vars(self).items()})

    def without(self, patches: Mask) -> "Scored":
        """All faces, some patches (n, N) of both copies left out."""
        keep = ~patches
        return replace(self, used=self.used & keep, clean_used=self.clean_used & keep)


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

    @classmethod
    def of(cls, s: Scored, among: Intervals) -> "Areas":
        """Of the occluded copies."""
        used, hidden = s.used, s.hidden
        return cls(
            auroc(s.occluded[used], hidden[used]),
            average_precision(s.occluded[used], hidden[used]),
            *resampled_curves(among.counts, s.occluded, hidden, used),
        )

    def minus(self, other: "Areas") -> tuple[dict[str, float], dict[str, float]]:
        """By how much both figures are above another detector's, paired."""
        area = self.resampled_auroc - other.resampled_auroc
        precision = self.resampled_precision - other.resampled_precision
        return (
            measured(self.auroc - other.auroc, area),
            measured(self.average_precision - other.average_precision, precision),
        )


def figures(s: Scored, areas: Areas, among: Intervals) -> dict[str, Any]:
    """All figures of one kind of faces."""
    used, hidden = s.used, s.used & s.hidden
    hits = (s.occluded_above & hidden).sum(axis=1)
    raised = (s.occluded_above & used).sum(axis=1)
    false_clean = (s.clean_above & s.clean_used).sum(axis=1)
    clean = s.clean_used.sum(axis=1)
    right = ((s.occluded_above == s.hidden) & used).sum(axis=1) + clean - false_clean
    return {
        "n": len(s.clean),
        "auroc": measured(areas.auroc, areas.resampled_auroc),
        "average_precision": measured(areas.average_precision, areas.resampled_precision),
        "accuracy": among.ratio(right, used.sum(axis=1) + clean),
        "precision": among.ratio(hits, raised + false_clean),
        "recall": among.ratio(hits, hidden.sum(axis=1)),
        FALSE_POSITIVES: among.ratio(false_clean, clean),
        "hidden_share": float(hidden.sum() / used.sum()),
    }


def by_group(s: Scored, members: Members, among: Intervals) -> dict[str, dict[str, Any]]:
    """The main figures of each group, resampled as a part of all n faces.

    Returns
    -------
    dict
        By name of the group: ``"n"``, ``"small"`` where it is, ``"auroc"`` and ``"recall"`` (not
        where the objects hide no patch), ``"false_positive_share_clean"``.
    """
    report = {}
    for name, some in members.items():
        part, of_part = s.take(some), among.take(some)
        hidden = part.used & part.hidden
        row = size_of(some)
        if hidden.any():
            row["auroc"] = of_part.auroc(part.occluded, part.hidden, part.used)
            hits = (part.occluded_above & hidden).sum(axis=1)
            row["recall"] = of_part.ratio(hits, hidden.sum(axis=1))
        false = (part.clean_above & part.clean_used).sum(axis=1)
        row[FALSE_POSITIVES] = of_part.ratio(false, part.clean_used.sum(axis=1))
        report[name] = row
    return report


def worst_group(report: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """The group of 100 faces or more with the most false positives on clean faces.

    Parameters
    ----------
    report : mapping
        Groups of `by_group`.

    Returns
    -------
    dict or None
        ``{"name", "n", "false_positive_share_clean"}``; None where every group is smaller.
    """
    large = {name: one for name, one in report.items() if not one.get("small")}
    if not large:
        return None
    worst = max(large, key=lambda name: large[name][FALSE_POSITIVES]["value"])
    return {"name": worst, "n": large[worst]["n"], FALSE_POSITIVES: large[worst][FALSE_POSITIVES]}
