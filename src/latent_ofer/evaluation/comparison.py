"""Two recognisers on the same faces: paired differences with intervals."""

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from latent_ofer.errors import DataError
from latent_ofer.evaluation.bootstrap import RESAMPLES, measured, resample_counts
from latent_ofer.evaluation.metrics import PLAIN, PROBABLE, Answered, answered
from latent_ofer.evaluation.predictions import Predictions


def same_faces(
    one: Predictions, other: Predictions, *, common: bool = False
) -> tuple[Predictions, Predictions]:
    """Both on the same faces in the order of `one`.

    Parameters
    ----------
    one, other : Predictions
    common : bool
        Leave out the faces that only one of them has.

    Raises
    ------
    DataError
        If they differ in their faces and `common` is False, or share none.
    """
    rows = {face: row for row, face in enumerate(other.ids)}
    shared = [row for row, face in enumerate(one.ids) if face in rows]
    only_one, only_other = len(one) - len(shared), len(other) - len(shared)
    if (only_one or only_other) and not common:
        raise DataError(
            f"the faces differ: {only_one} only with {one.recogniser}, {only_other} only with "
            f"{other.recogniser}, {len(shared)} with both; --common compares those"
        )
    if not shared:
        raise DataError(f"{one.recogniser} and {other.recogniser} have no face in common")
    return one.take(shared), other.take([rows[one.ids[row]] for row in shared])


def compare(
    one: Predictions,
    other: Predictions,
    labels: NDArray[np.int64],
    *,
    rng: Generator,
    classes: int = 8,
    resamples: int = RESAMPLES,
    people: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Paired bootstrap of the differences, and McNemar's exact test as a second opinion.

    Parameters
    ----------
    one, other : Predictions
        On the same n faces in the same order: see `same_faces`.
    labels : (n,) int
        Index into `EXPRESSIONS`.
    rng : Generator
    classes : {8, 7}
    resamples : int
    people : sequence of n str, optional
        Who each face is, empty where unknown: faces of one person are drawn together.

    Returns
    -------
    dict
        Plain values. For each of ``accuracy``, ``macro_recall`` (higher is better) and, where
        both give probabilities, ``ece``, ``brier``, ``aurc`` (lower is better; over the faces
        for which both do): ``a``, ``b``, ``difference`` = a - b as ``{"value", "low", "high"}``,
        and ``better``, "a" or "b" where the interval excludes 0, else None. ``mcnemar``:
        how many faces only a and only b got right, and the two-sided ``p``.

    Raises
    ------
    ValueError
        If the faces are not the same.
    """
    if one.ids != other.ids:
        raise ValueError("the faces differ or lie in another order: call same_faces first")
    a, b = answered(one, labels, classes), answered(other, labels, classes)
    persons = None if people is None else [people[row] for row in a.rows]
    counts = resample_counts(len(a.truth), rng, resamples, persons)
    both = np.intersect1d(a.with_probabilities(), b.with_probabilities())
    report: dict[str, Any] = {
        "a": one.recogniser,
        "b": other.recogniser,
        "classes": classes,
        "resamples": resamples,
        "n": len(a.truth),
        "n_with_probabilities": len(both),
        "mcnemar": _mcnemar(a, b),
        "figures": {name: _paired(name, a, b, counts) for name in PLAIN},
    }
    if len(both):
        a, b, counts = a.take(both), b.take(both), counts[:, both]
        report["figures"] |= {name: _paired(name, a, b, counts) for name in PROBABLE}
    return report


def _paired(name: str, a: Answered, b: Answered, counts: NDArray[np.float32]) -> dict[str, Any]:
    metric = {**PLAIN, **PROBABLE}[name]
    once = np.ones((1, len(a.truth)), dtype=np.float32)
    values = float(metric(a, once)[0]), float(metric(b, once)[0])
    difference = measured(values[0] - values[1], metric(a, counts) - metric(b, counts))
    better = None
    if difference["low"] > 0 or difference["high"] < 0:
        better = "a" if (difference["low"] > 0) == (name in PLAIN) else "b"
    return {"a": values[0], "b": values[1], "difference": difference, "better": better}


def _mcnemar(a: Answered, b: Answered) -> dict[str, Any]:
    """Two-sided exact binomial test on the faces that only one of them got right."""
    only_a, only_b = int((a.right & ~b.right).sum()), int((b.right & ~a.right).sum())
    fewer, discordant = min(only_a, only_b), only_a + only_b
    tail = sum(comb(discordant, k) for k in range(fewer + 1))
    return {"only_a": only_a, "only_b": only_b, "p": min(1.0, 2 * tail / 2**discordant)}
