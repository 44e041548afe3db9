"""What Table 1 leaves on disk: table, figures, ROC curves and maps of where detectors err."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from latent_ofer.evaluation.grouping import SMALL
from latent_ofer.evaluation.plots import position_maps, roc
from latent_ofer.evaluation.report import Column, Row, Table, write_report
from latent_ofer.evaluation.table1 import PAPER

TITLES = {
    "default": "shipped detector",
    "paper": "ViT-SVDD",
    "one_class_svm": "one-class SVM",
    "patch_svdd": "Patch-SVDD",
    "gaussian_pixels": "Gaussian of pixels",
    "gaussian_latents": "Gaussian of latents",
}
KINDS = ("colour", "grey")
COLUMNS = (
    Column("accuracy", "accuracy, %"),
    Column("precision", "precision, %"),
    Column("recall", "recall, %"),
    Column("auroc", "AUROC", 1, 3),
    Column("average_precision", "average precision", 1, 3),
    Column("false_positive_share_clean", "marked on clean faces, %"),
    Column("default_better_by", "shipped minus this, AUROC", 1, 3),
)


def write_table1(report: Mapping[str, Any], folder: Path) -> Table:
    """Write `summary.json`, `table.md`, and for each kind of faces both plots.

    Parameters
    ----------
    report : mapping
        From `evaluate_table1`.
    folder : Path
    """
    detectors: Mapping[str, Any] = report["detectors"]
    kinds = [kind for kind in KINDS if kind in detectors["default"]]
    table = Table(
        "table1",
        "Table 1: hidden patches found, by detector",
        {
            "split": report["split"],
            "n": " + ".join(f"{detectors['default'][kind]['n']} {kind}" for kind in kinds),
            "seed": report["seed"],
            "objects": "unseen ones; accuracy, precision and recall over both copies",
        },
        COLUMNS,
        [row for kind in kinds for row in _rows(kind, detectors)],
        {**report, "detectors": {name: _marked(one) for name, one in detectors.items()}},
    )
    write_report(table, folder)
    for kind in kinds:
        _draw(folder, kind, detectors)
    return table


def _rows(kind: str, detectors: Mapping[str, Any]) -> list[Row]:
    rows = []
    for name, one in detectors.items():
        title, paper = f"{kind}: {TITLES[name]}", PAPER.get(name, {})
        if "missing" in one:
            rows.append(Row(title, paper=paper, note=one["missing"]))
            continue
        keys = [column.key for column in COLUMNS if column.key in one[kind]]
        rows.append(Row(title, {key: one[kind][key] for key in keys}, paper))
    return rows


def _marked(one: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with small groups marked."""
    marked = dict(one)
    for kind in KINDS:
        if kind in one:
            groups = {
                by: {
                    name: group | ({"small": True} if group["n"] < SMALL else {})
                    for name, group in one[kind][by].items()
                }
                for by in ("by_category", "by_coverage")
            }
            marked[kind] = one[kind] | groups
    return marked


def _draw(folder: Path, kind: str, detectors: Mapping[str, Any]) -> None:
    measured = {TITLES[name]: one[kind] for name, one in detectors.items() if kind in one}
    curves = {
        name: (one["roc"]["false_positive"], one["roc"]["recall"]) for name, one in measured.items()
    }
    roc(folder / f"{kind}-roc.png", f"Hidden patches of {kind} faces", curves)
    for key, title in (
        ("false_positive", "Patches marked on clean faces"),
        ("miss", "Hidden patches not found"),
    ):
        maps = {
            # None, where nothing was ever hidden, becomes nan and stays blank.
            name: np.array(one["errors_by_place"][key], dtype=np.float64)
            for name, one in measured.items()
        }
        path = folder / f"{kind}-{key.replace('_', '-')}-by-place.png"
        position_maps(path, f"{title}, {kind}, %", maps)
