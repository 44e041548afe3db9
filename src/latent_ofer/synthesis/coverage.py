"""How much of the faces was covered, against how much was wanted."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.synthesis.manifest import Row

BINS = 8
TOLERANCE = 1.0
"""Points by which the protocol lets coverage miss; ends of the range included."""


def coverage_report(rows: Sequence[Row], wanted: tuple[float, float] | None) -> dict[str, Any]:
    """Figures of coverage, as plain values; shares in per cent.

    Parameters
    ----------
    rows : sequence of Row
    wanted : (low, high) or None
        The range, in 0-1, that coverage was drawn from; None where it was not drawn.

    Returns
    -------
    dict
        ``mean`` and, where `wanted` is given: ``bins`` (eight, each ``from``, ``to``, ``wanted``
        and ``reached`` faces), ``below`` and ``above`` the range, and ``categories``: faces of
        each, how many missed their coverage by more than a point, and by how much on average.
    """
    reached = 100 * np.array([float(row.coverage) for row in rows])
    if wanted is None or not rows:
        return {"mean": _mean(reached)}
    asked = 100 * np.array([float(row.coverage_wanted) for row in rows])
    edges = np.linspace(100 * wanted[0], 100 * wanted[1], BINS + 1)
    counts = zip(_counts(asked, edges), _counts(reached, edges), strict=True)
    return {
        "mean": _mean(reached),
        "bins": [
            {"from": low, "to": high, "wanted": one, "reached": other}
            for low, high, (one, other) in zip(
                edges[:-1].round(3).tolist(), edges[1:].round(3).tolist(), counts, strict=True
            )
        ],
        "below": int((reached < edges[0] - TOLERANCE).sum()),
        "above": int((reached > edges[-1] + TOLERANCE).sum()),
        "categories": _by_category(rows, asked, reached),
    }


def _counts(values: NDArray[np.float64], edges: NDArray[np.float64]) -> list[int]:
    near = (values >= edges[0] - TOLERANCE) & (values <= edges[-1] + TOLERANCE)
    counts: list[int] = np.histogram(np.clip(values[near], edges[0], edges[-1]), edges)[0].tolist()
    return counts


def _by_category(
    rows: Sequence[Row], asked: NDArray[np.float64], reached: NDArray[np.float64]
) -> dict[str, dict[str, float]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        groups[row.category].append(number)
    report = {}
    for category in sorted(groups):
        missing = (asked - reached)[groups[category]]
        missed = np.abs(missing) > TOLERANCE
        report[category] = {
            "faces": len(missing),
            "missed": int(missed.sum()),
            "missing_on_average": _mean(missing[missed]) if missed.any() else 0.0,
        }
    return report


def _mean(values: NDArray[np.float64]) -> float:
    return round(float(values.mean()), 3) if values.size else 0.0


def uneven_bins(report: dict[str, Any]) -> list[dict[str, float]]:
    """Bins of a report whose number of faces is more than a quarter off the mean of all bins."""
    counts = [part["reached"] for part in report["bins"]]
    mean = sum(counts) / len(counts)
    return [part for part in report["bins"] if abs(part["reached"] - mean) > mean / 4]
