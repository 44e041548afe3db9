"""Plots of the tables of recognisers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latent_ofer.evaluation.answers import file_name
from latent_ofer.evaluation.bench import Bench, Measured
from latent_ofer.evaluation.conditions import COVERED, SWEEPS
from latent_ofer.evaluation.plots import (
    bars,
    confusion,
    lines_with_bands,
    reliability,
    risk_coverage,
    sample_sheet,
)

DETAILED = {"clean": "clean faces", "objects": "faces behind objects"}
"""Conditions with confusion matrices, reliability and risk-coverage curves, and their titles."""
SAMPLES = 5
"""Faces on the sample sheet."""
SHEET = ("clean", "objects", "eyes", "mouth", "random-30", "random-60", "grad-cam-30")

Line = dict[str, list[float]]


def draw(bench: Bench, title: str, found: Sequence[Measured], folder: Path) -> None:
    """All plots of a table for which there are figures, as PNG files in the report's folder."""
    names = list(dict.fromkeys(name for one in found for name in one.scores))
    sweeps = [sweep for sweep in SWEEPS if any(one.condition.protocol == sweep for one in found)]
    for sweep in sweeps:
        draw_sweeps(
            folder / f"accuracy-{sweep}.png",
            f"Accuracy against the hidden share, {_title(sweep)}",
            {name: (name, sweep) for name in names},
            found,
        )
    if sweeps:
        lines = {f"{name}, {sweep}": (name, sweep) for name in names for sweep in sweeps}
        both = "Random patches, and those the plain CNN looks at (Grad-CAM)"
        draw_sweeps(folder / "figure1.png", both, lines, found)
    groups = [one.condition.name for one in found if not one.condition.share]
    if len(groups) > 1:
        series = {
            name: [one.scores.get(name) for one in found if not one.condition.share]
            for name in names
        }
        _draw_bars(folder / "accuracy.png", title, groups, series)
    for one in found:
        if one.condition.name in DETAILED and one.scores:
            draw_details(one, folder, DETAILED[one.condition.name])
        if one.condition.protocol == "clean" and one.scores:
            _draw_types(folder / "accuracy-by-type.png", title, one)
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


def _draw_types(path: Path, title: str, one: Measured) -> None:
    """Accuracy by what hides a face, where a list or a set says so."""
    first = next(iter(one.scores.values()))["by_group"]
    groups = [name for name in first if name.startswith("occluder: ") and name != "occluder: yes"]
    if groups:
        names = [f"{group.removeprefix('occluder: ')}\n({first[group]['n']})" for group in groups]
        series = {
            name: [score["by_group"].get(group) for group in groups]
            for name, score in one.scores.items()
        }
        _draw_bars(path, f"{title}, by kind of occlusion (faces)", names, series)


def _draw_bars(
    path: Path,
    title: str,
    groups: Sequence[str],
    series: Mapping[str, Sequence[Mapping[str, Any] | None]],
) -> None:
    """Accuracy, a bar a recogniser in each group; of those only that have all."""
    whole = {
        name: _line([score["accuracy"] for score in scores if score and "accuracy" in score])
        for name, scores in series.items()
    }
    drawn = {name: line for name, line in whole.items() if len(line["value"]) == len(groups)}
    if drawn:
        bars(path, title, groups, drawn, "accuracy (%)")


def draw_details(one: Measured, folder: Path, faces: str) -> None:
    """Confusion matrix of each recogniser, and all reliability and risk-coverage curves."""
    name = one.condition.name
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
    names = [name for name in names if name != COVERED]
    shown = [name for name in names if name in SHEET] or names[: len(SHEET)]
    rows = range(min(SAMPLES, len(bench.faces)))
    columns = {}
    for one in bench.conditions(shown):
        columns[one.name] = [bench.hidden(one).made(row).image for row in rows]
    if columns:
        sample_sheet(path, "The same faces under each condition", columns)


def _title(sweep: str) -> str:
    return "random patches" if sweep == "random" else "Grad-CAM patches"


def _line(figures: Sequence[Mapping[str, Any]]) -> Line:
    return {key: [100 * figure[key] for figure in figures] for key in ("value", "low", "high")}


def _most_frequent(found: Sequence[Measured]) -> float | None:
    """Accuracy in per cent of always giving the most frequent label."""
    for one in found:
        for score in one.scores.values():
            counts = list(score["count_by_label"].values())
            return float(100 * max(counts) / sum(counts))
    return None
