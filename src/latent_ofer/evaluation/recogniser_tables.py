"""Tables of recognisers, each a specification of rows and columns; the occlusion benchmark.

A cell is a figure of a recogniser under a condition, or the paired difference of the pipeline's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from latent_ofer.evaluation.answers import Method, file_name
from latent_ofer.evaluation.bench import Bench, Measured, differences, measure, note_of
from latent_ofer.evaluation.conditions import CONDITIONS, COVERED, condition
from latent_ofer.evaluation.faces import ChosenFaces
from latent_ofer.evaluation.prediction_lines import text_of
from latent_ofer.evaluation.recogniser_plots import draw
from latent_ofer.evaluation.recognisers import PIPELINE, UNREPAIRED
from latent_ofer.evaluation.report import (
    COUNT,
    Column,
    Figure,
    Row,
    Table,
    group_rows,
    markdown,
    write_report,
)
from latent_ofer.files import write_text
from latent_ofer.labels import EXPRESSIONS

OURS: Final = "Latent-OFER"
LESS: Final = f"{PIPELINE} - this"
USUAL: Final = (PIPELINE, UNREPAIRED, "plain", "plain_occluded")
FIGURES: Final = (
    Column("accuracy", "accuracy, %"),
    Column("macro_recall", "macro recall, %"),
    Column("ece", "ECE, points"),
    Column("brier", "Brier score", scale=1, digits=3),
    Column("aurc", "AURC, x 100"),
)
"""ECE, Brier score and AURC: lower is better."""
COMPARED: Final = ("clean", COVERED, "objects")
"""Conditions with paired differences, figures by group and detailed plots."""
FEW: Final = 8
"""Up to so many conditions a table shows all."""
SHOWN_SHARES: Final = (0, 30, 70)
"""Of more conditions it shows these shares only."""


@dataclass(frozen=True)
class Cell:
    """Where a figure comes from.

    Attributes
    ----------
    condition, figure : str
    less : bool
        By how much the pipeline's is above it, paired.
    """

    condition: str
    figure: str = "accuracy"
    less: bool = False


@dataclass(frozen=True)
class RecogniserTable:
    """What a table of recognisers shows.

    Attributes
    ----------
    name, title : str
    columns : sequence of Column
    parts : mapping of str to mapping of str to Cell
        By the end of a row's name, then by column: a recogniser has a row for each part.
    methods : sequence of str
        Who is measured unless told otherwise.
    conditions : sequence of str
        Those of the cells by default.
    paper : mapping of str to mapping of str to float
        As printed there, by method, then column; `OURS` stands beside the pipeline.
    paper_note : str
    data_set, needs : str
        The set of the user's that it is measured on, and what he must give; empty for FERPlus.
    classes : {8, 7}
    """

    name: str
    title: str
    columns: Sequence[Column]
    parts: Mapping[str, Mapping[str, Cell]]
    methods: Sequence[str] = USUAL
    conditions: Sequence[str] = ()
    paper: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    paper_note: str = "as the paper quotes it"
    data_set: str = ""
    needs: str = ""
    classes: int = 8

    @property
    def measured(self) -> list[str]:
        """Names of the conditions."""
        cells = (cell.condition for part in self.parts.values() for cell in part.values())
        return list(self.conditions) or list(dict.fromkeys(cells))


def occlusion_table(names: Sequence[str] = CONDITIONS) -> RecogniserTable:
    """The occlusion benchmark: accuracy under each condition, or some where they are many."""
    shares = {name: condition(name, 7).share for name in names}
    few = len(names) <= FEW
    shown = [name for name, share in shares.items() if few or share in SHOWN_SHARES]
    return RecogniserTable(
        "occlusion",
        "Accuracy (%) of recognisers on hidden faces",
        [Column(name, name) for name in shown],
        {"": {name: Cell(name) for name in shown}},
        conditions=names,
    )


def evaluate_recognisers(spec: RecogniserTable, bench: Bench, folder: Path) -> Table:
    """Measure, and write the report.

    Parameters
    ----------
    spec : RecogniserTable
    bench : Bench
    folder : Path
        Gets ``summary.json``, ``table.md``, ``figures.md`` (all figures), ``differences.md`` (the
        pipeline against each), ``groups.md``, ``labels.tsv``, the answers in ``answers``, and
        plots.

    Raises
    ------
    DataError
        If a condition does not exist, a recogniser's answer cannot be used, or no face has one
        of the classes.
    """
    found = {one.name: measure(bench, one) for one in bench.conditions(spec.measured)}
    compared = [cell.condition for part in spec.parts.values() for cell in part.values()]
    paired = {
        name: differences(bench, one)
        for name, one in found.items()
        if name in COMPARED and name in compared
    }
    rows: list[Row] = []
    for method in bench.methods:
        rows += _rows(spec, bench, method, found, paired)
    rows += [
        Row(name, paper=values, note=spec.paper_note)
        for name, values in spec.paper.items()
        if name != OURS
    ]
    table = Table(
        spec.name,
        spec.title,
        bench.about() | {"faces scored": _scored(found)},
        [
            column
            for column in spec.columns
            if any(column.key in row.figures or column.key in row.paper for row in rows)
        ],
        rows,
        {
            "conditions": {
                name: {"mean_hidden_share": one.hidden, "scores": dict(one.scores)}
                for name, one in found.items()
            },
            "differences": paired,
            **bench.origins(),
        },
    )
    write_report(table, folder)
    write_text(folder / "labels.tsv", labels_text(bench.faces))
    for name, one in found.items():
        for who, predictions in one.predictions.items():
            write_text(folder / "answers" / f"{file_name(who)}-{name}.tsv", text_of(predictions))
    for file, part in (
        ("figures.md", _all_figures(table, found)),
        ("differences.md", _all_differences(table, paired)),
        ("groups.md", _groups(table, found)),
    ):
        if part.rows:
            write_text(folder / file, markdown(part))
    draw(bench, spec.title, list(found.values()), folder)
    return table


def labels_text(faces: ChosenFaces) -> str:
    """Lines ``path<TAB>label[<TAB>person]``, as `latent-ofer compare --labels` takes them."""
    lines = ["path\tlabel"]
    for face, label, person in zip(faces.ids, faces.labels, faces.people, strict=True):
        lines.append("\t".join([face, EXPRESSIONS[label], *([person] if person else [])]))
    return "\n".join(lines) + "\n"


def _rows(
    spec: RecogniserTable,
    bench: Bench,
    method: Method,
    found: Mapping[str, Measured],
    paired: Mapping[str, Mapping[str, Any]],
) -> list[Row]:
    note, paper = note_of(method, list(found.values())), of_the_paper(spec, method.name)
    if not any(method.name in one.scores for one in found.values()):
        return [Row(method.name, paper=paper, note=note)]
    rows = []
    for end, cells in spec.parts.items():
        figures: dict[str, Figure] = {}
        for key, cell in cells.items():
            one = found.get(cell.condition)
            if one is None or method.name not in one.scores:
                continue
            if not cell.less:
                if cell.figure in one.scores[method.name]:
                    figures[key] = one.scores[method.name][cell.figure]
            elif method.name in paired[cell.condition]:
                others = paired[cell.condition][method.name]["figures"]
                figures[key] = others[cell.figure]["difference"]
        left_out = [name for name in bench.left_out if end == f", {name}"]
        if left_out:
            figures, note = {}, f"{left_out[0]} left out"
        rows.append(Row(f"{method.name}{end}", figures, paper, note))
    return rows


def of_the_paper(spec: RecogniserTable, name: str) -> Mapping[str, float]:
    """The paper's figures beside the pipeline's own."""
    return spec.paper.get(OURS, {}) if name == PIPELINE else {}


def _scored(found: Mapping[str, Measured]) -> int:
    """Without those whose label is none of the classes."""
    scores = (score for one in found.values() for score in one.scores.values())
    return next((int(score["n"]) for score in scores), 0)


def _all_figures(table: Table, found: Mapping[str, Measured]) -> Table:
    rows = [
        Row(
            f"{who}, {name}",
            {
                "hidden": {"value": one.hidden},
                **{column.key: score[column.key] for column in FIGURES if column.key in score},
            },
        )
        for name, one in found.items()
        for who, score in one.scores.items()
    ]
    columns = [Column("hidden", "hidden, %", digits=0), *FIGURES]
    return replace(table, title=f"{table.title}: all figures", columns=columns, rows=rows)


def _all_differences(table: Table, paired: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = []
    for where, others in paired.items():
        for name, both in others.items():
            figures = {key: part["difference"] for key, part in both["figures"].items()}
            who = {"a": PIPELINE, "b": name, None: "neither"}[both["figures"]["accuracy"]["better"]]
            rows.append(Row(f"{PIPELINE} - {name}, {where}", figures, note=f"better: {who}"))
    title = "Paired differences with 95 % intervals; better: where that of accuracy excludes 0"
    return replace(table, title=title, columns=FIGURES, rows=rows)


def _groups(table: Table, found: Mapping[str, Measured]) -> Table:
    """Accuracy by group of people and, behind objects, by what hides the face and how much."""
    rows = []
    for name, one in found.items():
        if name in COMPARED and one.scores:
            by_group: dict[str, dict[str, Any]] = {}
            for who, score in one.scores.items():
                for group, part in score["by_group"].items():
                    row = by_group.setdefault(
                        group, {key: part[key] for key in ("n", "small") if key in part}
                    )
                    if "accuracy" in part:
                        row[who] = part["accuracy"]
            rows += group_rows(name, by_group)
    names = dict.fromkeys(who for one in found.values() for who in one.scores)
    columns = [COUNT, *(Column(who, who) for who in names)]
    return replace(table, title="Accuracy (%) by group", columns=columns, rows=rows)
