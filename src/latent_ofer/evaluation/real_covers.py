"""Faces that something really covers: are they told from those with nothing, and read right?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.covers import TYPES, Cover, Face
from latent_ofer.detector.scores import threshold_at
from latent_ofer.errors import DataError
from latent_ofer.evaluation.answers import Method
from latent_ofer.evaluation.bench import Bench
from latent_ofer.evaluation.bootstrap import Intervals
from latent_ofer.evaluation.conditions import condition
from latent_ofer.images.face_regions import hidden_shares
from latent_ofer.occlusion.patches import GRID
from latent_ofer.results import HARMLESS, HIDING, REGIONS

FACE_RANK = 4
"""A face counts as covered by the score of its fourth highest patch."""
FLAGGED = 0.05
"""Share of the faces with nothing that the common threshold flags."""
RARE = "object, hair, cloth"
REALLY = "really covered"
MUCH = 0.5
"""Share of a region from which on a face counts as covered there."""

Rows = NDArray[np.bool_]


def evaluate_real_covers(
    bench: Bench,
    pipeline: Method,
    covers: Mapping[Face, Cover],
    outlines: Mapping[Face, NDArray[np.bool_]],
) -> dict[str, Any]:
    """Measure detector and pipeline on faces whose covers are known.

    Parameters
    ----------
    bench : Bench
        Its faces are named in `covers`.
    pipeline : Method
        From `pipeline_recogniser`.
    covers : mapping of (source, name) to Cover
    outlines : mapping of (source, name) to (14, 14) bool
        Patches that are hidden, of some of the faces; may be empty.

    Returns
    -------
    dict
        For each cover: ``n``; ``auroc`` of its faces against those with nothing, a face counting
        by its fourth highest patch; ``found`` at the threshold that flags 5 % of those with
        nothing; ``flagged``: four patches and more above the detector's own threshold;
        accuracy ``before`` and ``after`` repair and their paired difference, where labels are
        known. ``regions``: the same accuracy of really covered faces of which the detector
        finds half a region hidden and more. ``types``: of the faces with each cover that hides, and
        of those with nothing, how many the detector says each type of; only where it tells types.
        ``patches``: AUROC of the patches of outlined faces.
        Each measured figure is ``{"value", "low", "high"}`` with its 95 % interval.

    Raises
    ------
    DataError
        When none of the faces has nothing over it.
    """
    keys, among = bench.faces.pool.keys, bench.intervals()
    groups = _groups([covers[key] for key in keys])
    nothing = groups["nothing"]
    if not nothing.any():
        raise DataError("The list names no face of this split over which nothing lies.")
    found = bench.read(pipeline, condition("clean", bench.seed))
    scores, labels = found["scores"], bench.faces.labels
    ranked = np.sort(scores, axis=1)[:, -FACE_RANK]
    limit = threshold_at(ranked[nothing], FLAGGED)
    above = {"found": ranked > limit, "flagged": ranked > found["threshold"]}
    before, after = (found[key].argmax(1) == labels for key in ("before", "p"))
    right = {"before": before, "after": after, "after_minus_before": after.astype(float) - before}
    report: dict[str, Any] = {"n": len(keys), "threshold_at_5_percent": limit, "covers": {}}
    labelled = labels >= 0
    for name, here in groups.items():
        if not here.any():
            continue
        row: dict[str, Any] = {"n": int(here.sum())} | _means(above, here, among)
        if not (here & nothing).any():
            both = here | nothing
            part = ranked[both][:, None], here[both][:, None]
            row["auroc"] = among.take(both).auroc(*part, np.ones_like(part[1]))
        if (here & labelled).any():
            row |= _means(right, here & labelled, among)
        report["covers"][name] = row
    report["regions"] = {
        name: {"n": int(here.sum())} | _means(right, here, among)
        for name, hidden in _hidden_regions(scores > found["threshold"][:, None]).items()
        if (here := hidden & groups[REALLY] & labelled).any()
    }
    if (found["cover"] >= 0).any():
        report["types"] = _named(found["cover"], groups)
    outlined = np.array([key in outlines for key in keys], dtype=np.bool_)
    if outlined.any():
        hidden = [outlines[key].ravel() for key in keys if key in outlines]
        truth, of_outlined = np.stack(hidden), among.take(outlined)
        area = of_outlined.auroc(scores[outlined], truth, np.ones_like(truth))
        report["patches"] = {"n": len(truth), "auroc": area}
    return report


def _means(
    values: Mapping[str, NDArray[Any]], here: Rows, among: Intervals
) -> dict[str, dict[str, float]]:
    part = among.take(here)
    return {name: part.mean(one[here]) for name, one in values.items()}


def _named(cover: NDArray[np.int64], groups: Mapping[str, Rows]) -> dict[str, dict[str, int]]:
    """Faces by what covers them, and what is said to hide most of them."""
    counts = {}
    for name in (*HIDING, "nothing"):
        said = cover[groups[name]]
        counts[name] = {other: int((said == place).sum()) for place, other in enumerate(HIDING)}
        counts[name]["nothing"] = int((said < 0).sum())
    return counts


def _hidden_regions(masks: Rows) -> dict[str, Rows]:
    """Faces (n,) of which so `MUCH` of each region is hidden, by masks (n, 196)."""
    shares = [hidden_shares(mask.reshape(GRID, GRID), None) for mask in masks]
    return {name: np.array([share[name] >= MUCH for share in shares]) for name in REGIONS}


def _groups(known: list[Cover]) -> dict[str, Rows]:
    """Faces by cover: (n,) bool each, by what both looks saw."""

    def where(*types: str) -> Rows:
        return np.array([not cover.agreed.isdisjoint(types) for cover in known], dtype=np.bool_)

    groups = {name: where(name) for name in TYPES}
    groups[RARE] = where("object", "hair", "cloth")
    only = np.array([cover.harmless for cover in known], dtype=np.bool_)
    groups["glasses or letters only"] = where("glasses", "text") & only
    groups[REALLY] = where(*HIDING)
    groups["nothing"] = np.array([not cover.named for cover in known], dtype=np.bool_)
    assert set(HARMLESS) < set(groups)
    return groups
