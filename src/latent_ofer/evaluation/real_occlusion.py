"""Tables 4 to 6 and FERPlus' list: recognisers on faces that something really hides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from latent_ofer.evaluation.conditions import condition
from latent_ofer.evaluation.occlusion_plots import draw_details
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

OURS: Final = "Latent-OFER"
LESS: Final = f"{PIPELINE} - this"
COLUMNS: Final = (
    Column("accuracy", "accuracy, %"),
    Column("macro_recall", "macro recall, %"),
    Column("less", f"{LESS}, points"),
    Column("ece", "ECE, points"),
    Column("brier", "Brier score", scale=1, digits=3),
)


@dataclass(frozen=True)
class RealTable:
    """One benchmark of real occlusion.

    Attributes
    ----------
    name, title : str
    data_set : str
        In the registry.
    needs : str
        What a user must give.
    classes : {8, 7}
        As the paper, or the list's authors, count them.
    paper : mapping of str to float
        Accuracy in per cent, by method.
    """

    name: str
    title: str
    data_set: str
    needs: str
    classes: int = 7
    paper: Mapping[str, float] = field(default_factory=dict)


TABLES: Final[Mapping[str, RealTable]] = {
    table.name: table
    for table in (
        RealTable(
            "table4",
            "Table 4: FED-RO, real occlusions",
            "fed-ro",
            "FED-RO: give --set fed-ro=PATH",
            paper={
                "gACNN": 66.5,
                "Pan": 69.3,
                "Xia": 70.5,
                "RAN": 68.0,
                "OADN": 68.1,
                "Wang": 70.0,
                OURS: 71.8,
            },
        ),
        RealTable(
            "table5",
            "Table 5: Occlusion-AffectNet",
            "affectnet",
            "AffectNet and RAN's list of its occluded faces: "
            "give --set affectnet=PATH --list occlusion_affectnet_list.txt",
            paper={"BoostGAN": 43.4, "RAN": 58.5, "OADN": 64.0, OURS: 66.1},
        ),
        RealTable(
            "table6",
            "Table 6: Occlusion-RAF-DB",
            "raf-db",
            "RAF-DB and RAN's list of its occluded faces: "
            "give --set raf-db=PATH --list rafdb_occlusion_list.txt",
            paper={"BoostGAN": 55.4, "RAN": 82.7, "Wang": 82.5, OURS: 84.2},
        ),
        RealTable(
            "occlusion-ferplus",
            "Occluded faces of FERPlus, by RAN's list",
            "ferplus",
            "fer2013.csv, fer2013new.csv and the list: give --fer2013, --votes and --list",
            classes=8,
        ),
    )
}
"""Name of the command -> its benchmark. The paper's text gives 66.5 for Table 5's last row."""


def without_data(chosen: RealTable, names: Sequence[str], folder: Path) -> Table:
    """The table with the paper's rows only, and what it needs."""
    about = {"data": "none", "split": "none", "n": 0}
    rows = [
        Row(name, paper=_ours(chosen, name), note=f"needs {chosen.needs}")
        for name in dict.fromkeys(names)
    ]
    table = Table(chosen.name, chosen.title, about, COLUMNS, rows + _papers(chosen))
    write_report(table, folder)
    return table


def evaluate_real_occlusion(chosen: RealTable, bench: Bench, folder: Path) -> Table:
    """Measure on the faces as they are, and write table, labels and plots.

    Parameters
    ----------
    chosen : RealTable
    bench : Bench
        Its faces are those of the benchmark.
    folder : Path
        Gets ``summary.json``, ``table.md``, ``labels.tsv`` and plots.

    Raises
    ------
    DataError
        If a recogniser's answer cannot be used, or no face has one of the classes.
    """
    found = measure(bench, condition("clean", bench.seed))
    paired = differences(bench, found)
    rows = []
    for entrant in bench.entrants:
        score = found.scores.get(entrant.name, {})
        figures: dict[str, Figure] = {
            column.key: score[column.key] for column in COLUMNS if column.key in score
        }
        if entrant.name in paired:
            figures["less"] = paired[entrant.name]["figures"]["accuracy"]["difference"]
        rows.append(
            Row(entrant.name, figures, _ours(chosen, entrant.name), note_of(entrant, [found]))
        )
    table = Table(
        chosen.name,
        chosen.title,
        bench.about() | {"faces scored": _scored(found.scores)},
        COLUMNS,
        rows + _papers(chosen),
        {
            "scores": dict(found.scores),
            "differences": paired,
            "predictions": {name: str(place) for name, place in found.folders.items()},
            **bench.origins(),
        },
    )
    write_report(table, folder)
    write_text(folder / "labels.tsv", labels_text(bench.faces))
    if found.scores:
        draw_details(found, folder, "occluded", "occluded faces")
        _draw_types(folder / "accuracy-by-type.png", chosen.title, found.scores)
    return table


def _ours(chosen: RealTable, name: str) -> dict[str, float]:
    is_ours = name == PIPELINE and OURS in chosen.paper
    return {"accuracy": chosen.paper[OURS]} if is_ours else {}


def _papers(chosen: RealTable) -> list[Row]:
    return [
        Row(name, paper={"accuracy": value}, note="as the paper quotes it")
        for name, value in chosen.paper.items()
        if name != OURS
    ]


def _scored(scores: Mapping[str, dict[str, Any]]) -> int:
    """Without those whose label is none of the classes."""
    return next((int(score["n"]) for score in scores.values()), 0)


def _draw_types(path: Path, title: str, scores: Mapping[str, dict[str, Any]]) -> None:
    """Accuracy by what hides a face, where the list says so."""
    first = next(iter(scores.values()))["by_group"]
    groups = [name for name in first if name.startswith("occluder: ") and name != "occluder: yes"]
    if not groups:
        return
    series = {
        name: {
            key: [100 * score["by_group"][group]["accuracy"][key] for group in groups]
            for key in ("value", "low", "high")
        }
        for name, score in scores.items()
        if all("accuracy" in score["by_group"].get(group, {}) for group in groups)
    }
    if series:
        names = [f"{group.removeprefix('occluder: ')}\n({first[group]['n']})" for group in groups]
        bars(path, f"{title}, by kind of occlusion (faces)", names, series, "accuracy (%)")
