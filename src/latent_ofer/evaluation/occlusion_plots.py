"""Plots of the occlusion benchmark and of Figure 1."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latent_ofer.evaluation.conditions import SWEEPS
from latent_ofer.evaluation.plots import (
    bars,
    confusion,
    lines_with_bands,
    reliability,
    risk_coverage,
    sample_sheet,
)
from latent_ofer.evaluation.reading import file_name
from latent_ofer.evaluation.recognition_bench import Bench, Measured

DETAILED = {"clean": "clean faces", "objects": "faces behind objects"}
"""Conditions with confusion matrices, reliability and risk-coverage curves, and their titles."""
SAMPLES = 5
"""Faces on the sample sheet."""
SHEET = ("clean", "objects", "eyes", "mouth", "random-30", "random-60", "grad-cam-30")

Line = dict[str, list[float]]


def draw_occlusion(bench: Bench, found: Sequence[Measured], folder: Path) -> None:
    """All plots of the benchmark, as PNG files in the report's folder."""
    for sweep in SWEEPS:
        draw_sweeps(
            folder / f"accuracy-{sweep}.png",
            f"Accuracy against the hidden share, {_title(sweep)}",
            {name: (name, sweep) for name in _names(found)},
            found,
        )
    _draw_bars(folder / "accuracy.png", found)
    for one in found:
        name = one.condition.name
        if name in DETAILED and one.scores:
            draw_details(one, folder, name, DETAILED[name])
    draw_samples(bench, [one.condition.name for one in found], folder / "samples.png")


def draw_sweeps(
    path: Path, title: str, lines: Mapping[str, tuple[str, str]], found: Sequence[Measured]
) -> None:
    """Accuracy against the hidden share, from the clean faces on.

    Parameters
    ----------
    path : Path
        Not written where no line has two points.
    title : str
    lines : mapping of str to (recogniser, sweep)
    found : sequence of Measured
    """
    across = sorted({one.condition.share for one in found if one.condition.share})
    drawn: dict[str, Line] = {}
    for label, (name, sweep) in lines.items():
        points = {
            one.condition.share: one.scores[name]["accuracy"]
            for one in found
            if one.condition.protocol in ("clean", sweep) and name in one.scores
        }
        if 0 in points and all(share in points for share in across):
            drawn[label] = _line([points[share] for share in (0, *across)])
    if drawn and across:
        labels = ("hidden patches (%)", "accuracy (%)")
        chance = _most_frequent(found)
        lines_with_bands(path, title, (0, *across), drawn, labels, chance=chance)


def _draw_bars(path: Path, found: Sequence[Measured]) -> None:
    chosen = [one for one in found if not one.condition.share]
    names = [name for name in _names(found) if all(name in one.scores for one in chosen)]
    if not chosen or not names:
        return
    series = {name: _line([one.scores[name]["accuracy"] for one in chosen]) for name in names}
    groups = [one.condition.name for one in chosen]
    bars(path, "Accuracy on clean and on hidden faces", groups, series, "accuracy (%)")


def draw_details(one: Measured, folder: Path, name: str, faces: str) -> None:
    """Confusion matrix of each recogniser, and all reliability and risk-coverage curves.

    Parameters
    ----------
    one : Measured
    folder : Path
    name : str
        Ends the names of the files.
    faces : str
        Stands in the titles, such as "clean faces".
    """
    for who, score in one.scores.items():
        matrix = score["confusion"]
        confusion(
            folder / f"confusion-{file_name(who)}-{name}.png",
            f"{who}, {faces} (% of the label)",
            np.array(matrix["counts"]),
            matrix["labels"],
        )
    curves = {who: score for who, score in one.scores.items() if "reliability" in score}
    if curves:
        reliability(
            folder / f"reliability-{name}.png",
            f"Confidence and accuracy, {faces}",
            {who: score["reliability"] for who, score in curves.items()},
        )
        risk_coverage(
            folder / f"risk-coverage-{name}.png",
            f"Errors among the faces answered, {faces}",
            {who: score["risk_coverage"] for who, score in curves.items()},
        )


def draw_samples(bench: Bench, names: Sequence[str], path: Path) -> None:
    """The first faces under the conditions measured, or under some where they are many."""
    shown = [name for name in names if name in SHEET] or list(names)[: len(SHEET)]
    rows = range(min(SAMPLES, len(bench.faces)))
    columns = {}
    for one in bench.conditions(shown):
        faces = bench.hidden(one)
        columns[one.name] = [faces[row] for row in rows]
    if columns:
        sample_sheet(path, "The same faces under each condition", columns)


def _title(sweep: str) -> str:
    return "random patches" if sweep == "random" else "Grad-CAM patches"


def _names(found: Sequence[Measured]) -> list[str]:
    return list(dict.fromkeys(name for one in found for name in one.scores))


def _line(figures: Sequence[Mapping[str, Any]]) -> Line:
    return {key: [100 * figure[key] for figure in figures] for key in ("value", "low", "high")}


def _most_frequent(found: Sequence[Measured]) -> float | None:
    """Accuracy in per cent of always giving the most frequent label."""
    for one in found:
        for score in one.scores.values():
            counts = list(score["count_by_label"].values())
            return float(100 * max(counts) / sum(counts))
    return None
