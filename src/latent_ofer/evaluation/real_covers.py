"""Faces that something really covers: are they told from those with nothing, and read right?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from latent_ofer.datasets.covers import TYPES, Cover, Face
from latent_ofer.datasets.pool import FacePool
from latent_ofer.detector.scores import auroc, threshold_at
from latent_ofer.errors import DataError
from latent_ofer.evaluation.bootstrap import (
    measured,
    resample_counts,
    resampled_auroc,
    resampled_ratio,
)
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.pipeline import LatentOFER
from latent_ofer.progress import track
from latent_ofer.results import HARMLESS, HIDING

FACE_RANK = 4
"""A face counts as covered by the score of its fourth highest patch."""
FLAGGED = 0.05
"""Share of the faces with nothing that the common threshold flags."""
AT_ONCE = 32
RARE = "object, hair, cloth"
REALLY = "really covered"

Floats = NDArray[np.float64]
Rows = NDArray[np.bool_]


def evaluate_real_covers(
    pool: FacePool,
    covers: Mapping[Face, Cover],
    outlines: Mapping[Face, NDArray[np.bool_]],
    model: LatentOFER,
    rng: Generator,
    limit: int | None = None,
) -> dict[str, Any]:
    """Measure detector and pipeline on faces whose covers are known.

    Parameters
    ----------
    pool : FacePool
    covers : mapping of (source, name) to Cover
        Faces that are not named are left out.
    outlines : mapping of (source, name) to (14, 14) bool
        Patches that are hidden, of some of the faces; may be empty.
    model : LatentOFER
    rng : Generator
        Of the resamples.
    limit : int, optional
        Use only so many of the faces.

    Returns
    -------
    dict
        For each cover: ``n``; ``auroc`` of its faces against those with nothing, a face counting
        by its fourth highest patch; ``found`` at the threshold that flags 5 % of those with
        nothing; ``flagged``: four patches and more above the detector's own threshold;
        accuracy ``before`` and ``after`` repair and their paired difference, where labels are
        known. ``patches``: AUROC of the patches of outlined faces. Each measured figure is
        ``{"value", "low", "high"}`` with its 95 % interval over images.

    Raises
    ------
    DataError
        When none of the faces is named, or none has nothing over it.
    """
    keys = pool.keys
    rows = np.array([row for row, key in enumerate(keys) if key in covers][:limit], dtype=np.int64)
    known = [covers[keys[row]] for row in rows]
    nothing = np.array([not cover.named for cover in known], dtype=np.bool_)
    if not nothing.any():
        raise DataError("The list names no face of this split over which nothing lies.")
    scores, own, before, after = _read(model, pool, rows)
    ranked = np.sort(scores.reshape(len(rows), -1), axis=1)[:, -FACE_RANK]
    limit_at = threshold_at(ranked[nothing], FLAGGED)
    labels = pool.labels[rows]
    report: dict[str, Any] = {
        "n": len(rows),
        "threshold_at_5_percent": limit_at,
        "covers": {
            name: _row(here, nothing, ranked, limit_at, own, labels, before, after, rng)
            for name, here in _groups(known).items()
            if here.any()
        },
    }
    outlined = [place for place, row in enumerate(rows) if keys[row] in outlines]
    if outlined:
        hidden = np.stack([outlines[keys[rows[place]]] for place in outlined])
        report["patches"] = _patches(scores[outlined], hidden, rng)
    return report


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


def _read(
    model: LatentOFER, pool: FacePool, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], Floats, Floats, Floats]:
    """Scores (n, 14, 14), their thresholds (n,), probabilities (n, 8) before and after repair."""
    scores, own, before, after = [], [], [], []
    batches = np.array_split(rows, max(1, -(-len(rows) // AT_ONCE)))
    for batch in track(batches, len(batches), "faces"):
        for faces in model.predict(list(pool.batch(batch)), crops=True, batch_size=AT_ONCE):
            (face,) = faces
            scores.append(face.occlusion.scores)
            own.append(face.occlusion.threshold)
            before.append([face.before.probabilities[name] for name in EXPRESSIONS])
            after.append([face.probabilities[name] for name in EXPRESSIONS])
    return np.stack(scores), np.array(own), np.array(before), np.array(after)


def _row(
    here: Rows,
    nothing: Rows,
    ranked: NDArray[np.float32],
    limit: float,
    own: Floats,
    labels: NDArray[np.int64],
    before: Floats,
    after: Floats,
    rng: Generator,
) -> dict[str, Any]:
    counts = resample_counts(int(here.sum()), rng)
    row: dict[str, Any] = {
        "n": int(here.sum()),
        "found": _share(ranked[here] > limit, counts),
        "flagged": _share(ranked[here] > own[here], counts),
    }
    if not (here & nothing).any():
        both = here | nothing
        drawn = resample_counts(int(both.sum()), rng)
        picked = ranked[both][:, None], here[both][:, None]
        area = resampled_auroc(drawn, *picked, np.ones((int(both.sum()), 1), dtype=np.bool_))
        row["auroc"] = measured(auroc(ranked[both], here[both]), area)
    labelled = here & (labels >= 0)
    if labelled.any():
        right = [answer[labelled].argmax(1) == labels[labelled] for answer in (before, after)]
        counts = resample_counts(int(labelled.sum()), rng)
        row["before"], row["after"] = (_share(each, counts) for each in right)
        row["after_minus_before"] = _share(right[1].astype(float) - right[0], counts)
    return row


def _share(values: NDArray[Any], counts: NDArray[np.float32]) -> dict[str, float]:
    resampled = resampled_ratio(counts, values, np.ones(len(values)))
    return measured(float(values.mean()), resampled)


def _patches(
    scores: NDArray[np.float32], hidden: NDArray[np.bool_], rng: Generator
) -> dict[str, Any]:
    """AUROC of all patches of outlined faces, pooled."""
    flat, truth = scores.reshape(len(scores), -1), hidden.reshape(len(hidden), -1)
    area = resampled_auroc(
        resample_counts(len(flat), rng), flat, truth, np.ones(truth.shape, dtype=np.bool_)
    )
    return {"n": len(flat), "auroc": measured(auroc(flat.ravel(), truth.ravel()), area)}
