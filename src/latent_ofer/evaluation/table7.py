"""Table 7: accuracy, size and cost of the pipeline, its stages and the baselines."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from latent_ofer.errors import RecipeError
from latent_ofer.evaluation.complexity import (
    CONVENTION,
    Complexity,
    PipelineComplexity,
    baseline_complexity,
)
from latent_ofer.evaluation.conditions import condition
from latent_ofer.evaluation.reading import PIPELINE, Entrant
from latent_ofer.evaluation.recognisers import BASELINES
from latent_ofer.evaluation.recognition_bench import Bench, Measured, measure, note_of
from latent_ofer.evaluation.report import Column, Figure, Row, Table, write_report

ENTRANTS: Final = (PIPELINE, *BASELINES)
OURS: Final = "Latent-OFER"
PAPER: Final = {
    "gACNN": (58.8, 85.1, 331, 370),
    "WGAN AE": (59.7, 83.5, 353, 400),
    "Pan": (57.1, 80.2, 5, 25),
    "Xia": (57.5, 82.7, 230, 360),
    "RAN": (52.6, 86.9, 390, 300),
    "OADN": (61.9, 87.2, 122, 250),
    "Wang": (60.2, 86.0, 102, 210),
    OURS: (63.9, 89.6, 156, 373),
}
"""Accuracy on AffectNet and RAF-DB (per cent), GFLOPs, millions of parameters."""
COLUMNS: Final = (
    Column("accuracy", "accuracy on clean faces, %"),
    Column("parameters", "parameters, millions", scale=1e-6, digits=2),
    Column("flops", "GFLOPs a face", scale=1e-9, digits=2),
)


def count_baselines(config: str) -> dict[str, Complexity]:
    """Those of the baselines that have a recipe."""
    counted: dict[str, Complexity] = {}
    for name in BASELINES:
        try:
            counted[name] = baseline_complexity(name, config)
        except RecipeError:
            continue
    return counted


def evaluate_table7(
    bench: Bench,
    pipeline: PipelineComplexity,
    baselines: Mapping[str, Complexity],
    folder: Path,
) -> Table:
    """Set accuracy on the clean faces of a bench beside what the networks cost.

    Parameters
    ----------
    bench : Bench
        Of `ENTRANTS` at least.
    pipeline : PipelineComplexity
    baselines : mapping of str to Complexity
        By entrant.
    folder : Path
        Gets ``summary.json`` and ``table.md``.

    Raises
    ------
    DataError
        If a recogniser's answer cannot be used.
    """
    found = measure(bench, condition("clean", bench.seed))
    rows = []
    for entrant in bench.entrants:
        if entrant.name == PIPELINE:
            rows += _pipeline_rows(entrant, found, pipeline)
        else:
            figures = _accuracy(entrant, found) | _cost(baselines.get(entrant.name))
            rows.append(Row(entrant.name, figures, note=note_of(entrant, [found])))
    rows += [
        Row(name, paper=_paper(name), note=_on_affectnet(name)) for name in PAPER if name != OURS
    ]
    about = {**bench.about(), "GFLOPs": CONVENTION, "the paper's accuracy": "on RAF-DB"}
    details: dict[str, Any] = {
        "pipeline": asdict(pipeline),
        "baselines": {name: asdict(cost) for name, cost in baselines.items()},
        "predictions": {who: str(place) for who, place in found.folders.items()},
        "scores": dict(found.scores),
        **bench.origins(),
    }
    title = "Table 7: accuracy and complexity"
    table = Table("table7", title, about, COLUMNS, rows, details)
    write_report(table, folder)
    return table


def _pipeline_rows(entrant: Entrant, found: Measured, cost: PipelineComplexity) -> list[Row]:
    notes = ["a face with a hidden patch: read before and after its repair", _on_affectnet(OURS)]
    said = note_of(entrant, [found])
    rows = [
        Row(
            entrant.name,
            _accuracy(entrant, found) | _cost(cost.hidden),
            _paper(OURS),
            "; ".join([*notes, *([said] if said else [])]),
        ),
        Row(f"{entrant.name}, nothing hidden", _cost(cost.nothing_hidden), note="read once"),
    ]
    notes_by_stage = {
        "encoder": "once each reading",
        "recogniser": "once each reading",
        "repair": "with the autoencoder, whose encoder is the one above",
    }
    rows += [
        Row(f"{entrant.name}: {stage}", _cost(each), note=notes_by_stage.get(stage, ""))
        for stage, each in cost.stages.items()
    ]
    return rows


def _accuracy(entrant: Entrant, found: Measured) -> dict[str, Figure]:
    score = found.scores.get(entrant.name)
    return {} if score is None else {"accuracy": score["accuracy"]}


def _cost(cost: Complexity | None) -> dict[str, Figure]:
    return {} if cost is None else {key: {"value": value} for key, value in asdict(cost).items()}


def _paper(name: str) -> dict[str, float]:
    _, accuracy, flops, parameters = PAPER[name]
    return {"accuracy": accuracy, "parameters": parameters, "flops": flops}


def _on_affectnet(name: str) -> str:
    return f"the paper's on AffectNet: {PAPER[name][0]}"
