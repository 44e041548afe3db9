"""Score as often as you like: all recognition figures from predictions, with intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from latent_ofer.evaluation.bootstrap import RESAMPLES, measured, resample_counts
from latent_ofer.evaluation.metrics import (
    CONTEMPT,
    PLAIN,
    PROBABLE,
    Answered,
    Counts,
    answered,
    bins_of,
    confident,
    recalls,
    thresholds,
)
from latent_ofer.evaluation.predictions import MISSING, Predictions
from latent_ofer.evaluation.report import SMALL
from latent_ofer.labels import EXPRESSIONS, SEVEN

CURVE_POINTS = 100


def score(
    predictions: Predictions,
    labels: NDArray[np.int64],
    groups: Mapping[str, NDArray[np.bool_]] | None = None,
    *,
    rng: Generator,
    classes: int = 8,
    resamples: int = RESAMPLES,
    people: Sequence[str] | None = None,
) -> dict[str, Any]:
    """All recognition figures of one recogniser on one set of faces.

    Parameters
    ----------
    predictions : Predictions
        n faces.
    labels : (n,) int
        Index into `EXPRESSIONS`.
    groups : mapping of str to (n,) bool, optional
        From `grouping`; figures are given for each, resampled as a part of all faces.
    rng : Generator
        Of the resamples.
    classes : {8, 7}
    resamples : int
    people : sequence of n str, optional
        Who each face is, empty where unknown: faces of one person are drawn together.

    Returns
    -------
    dict
        Plain values. ``n`` faces, ``n_missing`` of them without an answer among the classes
        (wrong, for accuracy and recall) and ``n_with_probabilities`` (over which ECE, Brier
        score and AURC are taken). Each of ``accuracy``, ``macro_recall`` (over the classes that
        have faces), ``recall`` (of each such class), ``ece``, ``brier`` (0 to 2) and ``aurc``
        is ``{"value", "low", "high"}``. ``confusion`` counts rows of true by columns of answered
        labels; ``reliability`` lists (confidence, accuracy, faces) of each bin that has some;
        ``risk_coverage`` is (shares answered, share of wrong ones among them). ``notes`` says in
        words what a reader must know; ``by_group`` holds the figures of each group, those of
        fewer than 100 faces marked ``"small"``.

    Raises
    ------
    ValueError, DataError
        As `answered`.
    """
    faces = answered(predictions, labels, classes)
    persons = None if people is None else [people[row] for row in faces.rows]
    counts = resample_counts(len(faces.truth), rng, resamples, persons)
    report: dict[str, Any] = {
        "recogniser": predictions.recogniser,
        "classes": classes,
        "resamples": resamples,
        **_figures(faces, counts),
        **_counted(faces),
        "notes": _notes(faces, predictions),
    }
    if persons is not None and any(persons):
        report["people"] = len({name for name in persons if name})
    if groups is not None:
        report["by_group"] = {}
        for name, members in groups.items():
            some = np.flatnonzero(np.asarray(members)[faces.rows])
            figures = _figures(faces.take(some), counts[:, some]) if len(some) else {"n": 0}
            report["by_group"][name] = figures | ({"small": True} if len(some) < SMALL else {})
    return report


def _figures(faces: Answered, counts: Counts) -> dict[str, Any]:
    once = np.ones((1, len(faces.truth)), dtype=np.float32)
    found = faces.with_probabilities()
    figures: dict[str, Any] = {
        "n": len(faces.truth),
        "n_missing": int((faces.answers == MISSING).sum()),
        "n_with_probabilities": len(found),
    }
    metrics = {**PLAIN, **PROBABLE} if len(found) else PLAIN
    for name, metric in metrics.items():
        figures[name] = measured(metric(faces, once)[0], metric(faces, counts))
    values, resampled = recalls(faces, once)[0], recalls(faces, counts)
    figures["recall"] = {
        faces.names[label]: measured(values[label], resampled[:, label])
        for label in np.unique(faces.truth)
    }
    return figures


def _counted(faces: Answered) -> dict[str, Any]:
    """What plots are drawn from."""
    given = faces.answers != MISSING
    classes = range(faces.classes)
    counts = np.zeros((faces.classes, faces.classes), dtype=np.int64)
    if given.any():
        counts = confusion_matrix(faces.truth[given], faces.answers[given], labels=classes)
    report: dict[str, Any] = {
        "count_by_label": dict(
            zip(
                faces.names, np.bincount(faces.truth, minlength=faces.classes).tolist(), strict=True
            )
        ),
        "confusion": {"labels": list(faces.names), "counts": counts.tolist()},
    }
    if len(faces.with_probabilities()):
        report["reliability"] = _reliability(faces)
        report["risk_coverage"] = _risk_coverage(faces)
    return report


def _reliability(faces: Answered) -> list[tuple[float, float, int]]:
    confidence, right, _ = confident(faces, np.ones((1, len(faces.truth)), dtype=np.float32))
    bins = bins_of(confidence)
    return [
        (float(confidence[inside].mean()), float(right[inside].mean()), int(inside.sum()))
        for inside in (bins == each for each in np.unique(bins))
    ]


def _risk_coverage(faces: Answered) -> tuple[list[float], list[float]]:
    confidence, right, _ = confident(faces, np.ones((1, len(faces.truth)), dtype=np.float32))
    order, ends = thresholds(confidence)
    shown = ends + 1
    risk = np.cumsum(~right[order])[ends] / shown
    kept = np.unique(np.linspace(0, len(risk) - 1, CURVE_POINTS).round().astype(int))
    return (shown[kept] / len(order)).tolist(), risk[kept].tolist()


def _notes(faces: Answered, predictions: Predictions) -> list[str]:
    notes = []
    present = np.bincount(faces.truth, minlength=faces.classes)
    absent = [name for name, count in zip(faces.names, present, strict=True) if not count]
    if absent:
        notes.append(f"no face is labelled {', '.join(absent)}: macro recall is over the others")
    missing = int((predictions.labels[faces.rows] == MISSING).sum())
    if missing:
        notes.append(f"{missing} faces without an answer count as wrong")
    outside = int((faces.answers == MISSING).sum()) - missing
    if outside:
        notes.append(f"{outside} faces answered as contempt, none of the seven, count as wrong")
    if faces.classes == len(EXPRESSIONS) and predictions.knows == SEVEN and present[CONTEMPT]:
        notes.append(
            f"{predictions.recogniser} does not know contempt: "
            f"its {present[CONTEMPT]} faces count as wrong"
        )
    return notes
