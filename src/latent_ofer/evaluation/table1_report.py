"""What Table 1 leaves on disk: table, figures, ROC curves and maps of where detectors err."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from latent_ofer.evaluation.group_table import write_groups
from latent_ofer.evaluation.plots import position_maps, roc
from latent_ofer.evaluation.report import Column, Row, Table, write_report
from latent_ofer.evaluation.table1 import FIRST, PAPER

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

IN_GROUPS = ("auroc", "recall", "false_positive_share_clean")
BY_GROUP = tuple(column for column in COLUMNS if column.key in IN_GROUPS)


def write_table1(report: Mapping[str, Any], folder: Path) -> Table:
    """Write `summary.json`, `table.md`, `groups.md`, and for each kind of faces its plots.

    `groups.md` is about the shipped detector; the others' groups are in `summary.json`.

    Parameters
    ----------
    report : mapping
        From `evaluate_table1`.
    folder : Path
    """
    detectors: Mapping[str, Any] = report["detectors"]
    kinds = [kind for kind in KINDS if kind in detectors[FIRST]]
    table = Table(
        "table1",
        "Table 1: hidden patches found, by detector",
        {
            "split": report["split"],
            "n": " + ".join(f"{detectors[FIRST][kind]['n']} {kind}" for kind in kinds),
            "seed": report["seed"],
            "objects": "unseen ones; accuracy, precision and recall over both copies",
        },
        COLUMNS,
        [row for kind in kinds for row in _rows(kind, detectors)],
        dict(report),
    )
    write_report(table, folder)
    write_groups(
        folder,
        "Table 1: hidden patches found by the shipped detector, by group",
        table.protocol,
        BY_GROUP,
        {kind: detectors[FIRST][kind]["by_group"] for kind in kinds},
    )
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
