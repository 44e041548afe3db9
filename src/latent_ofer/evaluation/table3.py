"""Table 3: recognisers on the original faces and on the same behind unseen objects."""

from pathlib import Path
from typing import Any, Final

from latent_ofer.evaluation.occlusion_plots import draw_details, draw_samples
from latent_ofer.evaluation.plots import bars
from latent_ofer.evaluation.reading import PIPELINE
from latent_ofer.evaluation.recognition_bench import (
    Bench,
    differences,
    labels_text,
    measure,
    note_of,
)
from latent_ofer.evaluation.report import Column, Figure, Row, Table, write_report
from latent_ofer.files import write_text

PARTS: Final = {"clean": "original", "objects": "occluded"}
"""Condition -> what the paper calls it."""
PAPER: Final = {
    "DACL": (88.8, 76.0),
    "RUL": (88.9, 77.1),
    "DAN": (89.7, 76.1),
    "EAC": (88.0, 78.6),
    "Latent-OFER": (89.6, 80.1),
}
"""Accuracy on RAF-DB and Syn-RAF-DB, per cent."""
OURS: Final = "Latent-OFER"
COLUMNS: Final = (
    Column("original", "original, %"),
    Column("occluded", "occluded, %"),
    Column("original_less", f"{PIPELINE} - this, original"),
    Column("occluded_less", f"{PIPELINE} - this, occluded"),
    Column("original_recall", "macro recall, original"),
    Column("occluded_recall", "macro recall, occluded"),
)


def evaluate_table3(bench: Bench, folder: Path) -> Table:
    """Measure on clean faces and behind `val` objects, with paired differences.

    Parameters
    ----------
    bench : Bench
    folder : Path
        Gets ``summary.json``, ``table.md``, ``labels.tsv`` and plots.

    Raises
    ------
    DataError
        If a recogniser's answer cannot be used.
    """
    found = {one.name: measure(bench, one) for one in bench.conditions(tuple(PARTS))}
    paired = {name: differences(bench, one) for name, one in found.items()}
    rows = []
    for entrant in bench.entrants:
        figures: dict[str, Figure] = {}
        for condition, one in found.items():
            if entrant.name in one.scores:
                part, score = PARTS[condition], one.scores[entrant.name]
                figures |= {part: score["accuracy"], f"{part}_recall": score["macro_recall"]}
            if entrant.name in paired[condition]:
                accuracy = paired[condition][entrant.name]["figures"]["accuracy"]
                figures[f"{PARTS[condition]}_less"] = accuracy["difference"]
        paper = _paper(OURS) if entrant.name == PIPELINE else {}
        rows.append(Row(entrant.name, figures, paper, note_of(entrant, list(found.values()))))
    rows += [
        Row(name, paper=_paper(name), note="the paper's, RAF-DB and Syn-RAF-DB")
        for name in PAPER
        if name != OURS
    ]
    details: dict[str, Any] = {
        "conditions": {
            name: {
                "mean_hidden_share": one.hidden,
                "predictions": {who: str(place) for who, place in one.folders.items()},
                "scores": dict(one.scores),
            }
            for name, one in found.items()
        },
        "differences": paired,
        **bench.origins(),
    }
    title = "Table 3: recognisers on original and on synthetically occluded faces"
    table = Table("table3", title, bench.about(), COLUMNS, rows, details)
    write_report(table, folder)
    write_text(folder / "labels.tsv", labels_text(bench.faces))
    for name, one in found.items():
        if one.scores:
            draw_details(one, folder, PARTS[name], f"{PARTS[name]} faces")
    _draw(folder / "accuracy.png", rows)
    draw_samples(bench, list(found), folder / "samples.png")
    return table


def _paper(name: str) -> dict[str, float]:
    return dict(zip(PARTS.values(), PAPER[name], strict=True))


def _draw(path: Path, rows: list[Row]) -> None:
    parts = [part for part in PARTS.values() if any(part in row.figures for row in rows)]
    shown = [row for row in rows if row.figures and all(part in row.figures for part in parts)]
    if not shown:
        return
    series = {
        row.name: {
            key: [100 * row.figures[part][key] for part in parts]
            for key in ("value", "low", "high")
        }
        for row in shown
    }
    bars(path, "Table 3: original and occluded faces", parts, series, "accuracy (%)")
