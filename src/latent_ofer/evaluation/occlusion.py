"""The occlusion benchmark: any recogniser under every way of hiding faces, all side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from latent_ofer.evaluation.grouping import SMALL
from latent_ofer.evaluation.occlusion_plots import draw_occlusion
from latent_ofer.evaluation.reading import PIPELINE
from latent_ofer.evaluation.recognition_bench import (
    Bench,
    Measured,
    differences,
    labels_text,
    measure,
    note_of,
)
from latent_ofer.evaluation.report import Column, Figure, Row, Table, markdown, write_report
from latent_ofer.files import write_text

FIGURES = (
    Column("accuracy", "accuracy, %"),
    Column("macro_recall", "macro recall, %"),
    Column("ece", "ECE, points"),
    Column("brier", "Brier score", scale=1, digits=3),
    Column("aurc", "AURC, x 100"),
)
"""ECE, Brier score and AURC: lower is better."""
FEW = 8
"""Up to so many conditions the first table shows all."""
SHOWN_SHARES = (0, 30, 70)
"""Of more conditions it shows these shares only."""
COMPARED = ("clean", "objects")


def evaluate_occlusion(bench: Bench, names: Sequence[str], folder: Path) -> Table:
    """Measure every recogniser under every condition and write the report.

    Parameters
    ----------
    bench : Bench
    names : sequence of str
        Of the conditions.
    folder : Path
        Gets ``summary.json``, ``table.md`` (accuracy), ``figures.md`` (all figures),
        ``differences.md`` (the pipeline against each), ``groups.md``, ``labels.tsv`` and plots.

    Raises
    ------
    DataError
        If a condition does not exist, or a recogniser's answer cannot be used.
    """
    found = [measure(bench, one) for one in bench.conditions(names)]
    columns = _columns(found)
    rows = [
        Row(
            entrant.name,
            {
                one.condition.name: one.scores[entrant.name]["accuracy"]
                for one in found
                if entrant.name in one.scores
            },
            note=note_of(entrant, found),
        )
        for entrant in bench.entrants
    ]
    compared = {
        one.condition.name: differences(bench, one)
        for one in found
        if one.condition.name in COMPARED
    }
    table = Table(
        "occlusion",
        "Accuracy (%) of recognisers on hidden faces",
        bench.about(),
        columns,
        rows,
        {
            "conditions": {one.condition.name: _details(one) for one in found},
            "differences": compared,
            **bench.origins(),
        },
    )
    write_report(table, folder)
    extra = [
        ("figures.md", _all_figures(bench, found)),
        ("differences.md", _differences(bench, compared)),
        ("groups.md", _groups(bench, found)),
    ]
    for name, part in extra:
        write_text(folder / name, markdown(part))
    write_text(folder / "labels.tsv", labels_text(bench.faces))
    draw_occlusion(bench, found, folder)
    return table


def _columns(found: Sequence[Measured]) -> list[Column]:
    conditions = [one.condition for one in found]
    if len(conditions) > FEW:
        conditions = [one for one in conditions if one.share in SHOWN_SHARES]
    return [Column(one.name, one.name) for one in conditions]


def _details(one: Measured) -> dict[str, Any]:
    return {
        "mean_hidden_share": one.hidden,
        "predictions": {name: str(folder) for name, folder in one.folders.items()},
        "scores": dict(one.scores),
    }


def _all_figures(bench: Bench, found: Sequence[Measured]) -> Table:
    rows = [
        Row(
            f"{name}, {one.condition.name}",
            {
                "hidden": {"value": one.hidden},
                **{column.key: score[column.key] for column in FIGURES if column.key in score},
            },
        )
        for one in found
        for name, score in one.scores.items()
    ]
    columns = [Column("hidden", "hidden, %", digits=0), *FIGURES]
    title = "All figures of recognisers on hidden faces"
    return Table("occlusion-figures", title, bench.about(), columns, rows)


def _differences(bench: Bench, compared: dict[str, dict[str, dict[str, Any]]]) -> Table:
    rows = []
    for condition, others in compared.items():
        for name, paired in others.items():
            figures = {key: part["difference"] for key, part in paired["figures"].items()}
            better = paired["figures"]["accuracy"]["better"]
            who = {"a": PIPELINE, "b": name, None: "neither"}[better]
            rows.append(Row(f"{PIPELINE} - {name}, {condition}", figures, note=f"better: {who}"))
    title = "Paired differences with 95 % intervals; better: where that of accuracy excludes 0"
    return Table("occlusion-differences", title, bench.about(), FIGURES, rows)


def _groups(bench: Bench, found: Sequence[Measured]) -> Table:
    """Accuracy by group of people and, behind objects, by what hides the face and how much."""
    columns = [Column("n", "faces", scale=1, digits=0)]
    columns += [Column(entrant.name, entrant.name) for entrant in bench.entrants]
    rows = []
    for one in found:
        if one.condition.name not in COMPARED or not one.scores:
            continue
        for group, first in next(iter(one.scores.values()))["by_group"].items():
            figures: dict[str, Figure] = {"n": {"value": first["n"]}}
            for name, score in one.scores.items():
                part = score["by_group"][group]
                if "accuracy" in part:
                    figures[name] = part["accuracy"]
            small = f"fewer than {SMALL} faces" if first["n"] < SMALL else ""
            rows.append(Row(f"{one.condition.name}, {group}", figures, note=small))
    return Table("occlusion-groups", "Accuracy (%) by group", bench.about(), columns, rows)
