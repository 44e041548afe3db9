"""The figures of the detection test, from scores: of all faces, and of each group of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.pool import FacePool
from latent_ofer.detector.scores import auroc, average_precision
from latent_ofer.evaluation.bootstrap import (
    measured,
    resampled_auroc,
    resampled_curves,
    resampled_ratio,
)
from latent_ofer.evaluation.grouping import Members, groups, size_of

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Counts = NDArray[np.float32]
"""(R, n): how often each face is drawn in each resample."""


@dataclass(frozen=True)
class Scored:
    """Faces of one kind twice, clean and with an object; N = 196 patches.

    Attributes
    ----------
    clean, occluded : (n, N) float
        Scores of the two copies.
    clean_above, occluded_above : (n, N) bool
        Over the shipped threshold.
    hidden, used : (n, N) bool
        Of the occluded copies: at least a quarter covered; no border patch.
    clean_used : (n, N) bool
        Of the clean copies: counted.
    category : (n,) str
        Of the object.
    coverage : (n,) float
        Share of pixels that it covers.
    """

    clean: Floats
    occluded: Floats
    clean_above: Mask
    occluded_above: Mask
    hidden: Mask
    used: Mask
    clean_used: Mask
    category: NDArray[np.str_]
    coverage: NDArray[np.float64]

    def take(self, members: Mask) -> "Scored":
        """Some of the faces."""
        fields = self.__dataclass_fields__
        return Scored(**{name: getattr(self, name)[members] for name in fields})

    def without(self, patches: Mask) -> "Scored":
        """All faces, some patches (n, N) of both copies left out."""
        keep = ~patches
        return replace(self, used=self.used & keep, clean_used=self.clean_used & keep)


def figures(s: Scored, counts: Counts) -> dict[str, Any]:
    """All figures of one kind of faces, n of them; `counts` (R, n) are resamples of these."""
    used, hidden = s.used, s.used & s.hidden
    area, precision = resampled_curves(counts, s.occluded, s.hidden, used)
    hits = (s.occluded_above & hidden).sum(axis=1)
    raised = (s.occluded_above & used).sum(axis=1)
    false_clean = (s.clean_above & s.clean_used).sum(axis=1)
    clean = s.clean_used.sum(axis=1)
    right = ((s.occluded_above == s.hidden) & used).sum(axis=1) + clean - false_clean
    return {
        "n": len(s.clean),
        "auroc": measured(auroc(s.occluded[used], s.hidden[used]), area),
        "average_precision": measured(
            average_precision(s.occluded[used], s.hidden[used]), precision
        ),
        "accuracy": _ratio(right, used.sum(axis=1) + clean, counts),
        "precision": _ratio(hits, raised + false_clean, counts),
        "recall": _ratio(hits, hidden.sum(axis=1), counts),
        "false_positive_share_clean": _clean_share(s, counts),
        "hidden_share": float(hidden.sum() / used.sum()),
    }


def face_groups(pool: FacePool) -> Members:
    """Groups (n,) of the faces of a pool by who is in them, and by the data set they are from."""
    sources = np.array([pool.native(row).source for row in range(len(pool))])
    return groups(pool.tags) | {f"source: {name}": sources == name for name in np.unique(sources)}


def by_group(s: Scored, members: Members, counts: Counts) -> dict[str, dict[str, Any]]:
    """The main figures of each group.

    Parameters
    ----------
    s : Scored
        n faces.
    members : dict of str to (n,) bool
    counts : (R, n)
        Resamples of all n faces: a group is resampled as a part of them.

    Returns
    -------
    dict
        By name of the group: ``"n"``, ``"small"`` where it is, ``"auroc"`` and ``"recall"`` (not
        where the objects hide no patch), ``"false_positive_share_clean"``.
    """
    return {name: _group(s.take(some), some, counts[:, some]) for name, some in members.items()}


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
    key = "false_positive_share_clean"
    large = {name: one for name, one in report.items() if not one.get("small")}
    if not large:
        return None
    worst = max(large, key=lambda name: large[name][key]["value"])
    return {"name": worst, "n": large[worst]["n"], key: large[worst][key]}


def _group(s: Scored, members: Mask, counts: Counts) -> dict[str, Any]:
    hidden = s.used & s.hidden
    report = size_of(members)
    if hidden.any():
        value = auroc(s.occluded[s.used], s.hidden[s.used])
        area = resampled_auroc(counts, s.occluded, s.hidden, s.used)
        report["auroc"] = measured(value, area)
        report["recall"] = _ratio(
            (s.occluded_above & hidden).sum(axis=1), hidden.sum(axis=1), counts
        )
    report["false_positive_share_clean"] = _clean_share(s, counts)
    return report


def _clean_share(s: Scored, counts: Counts) -> dict[str, float]:
    """Share of the clean copies' patches above the threshold."""
    false = (s.clean_above & s.clean_used).sum(axis=1)
    return _ratio(false, s.clean_used.sum(axis=1), counts)


def _ratio(part: NDArray[Any], whole: NDArray[Any], counts: Counts) -> dict[str, float]:
    total = float(whole.sum())
    value = float(part.sum()) / total if total else float("nan")
    return measured(value, resampled_ratio(counts, part, whole))
