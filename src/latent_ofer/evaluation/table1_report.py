"""What Table 1 leaves on disk: table, figures, ROC curves and maps of where detectors err."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.evaluation.group_table import write_groups
from latent_ofer.evaluation.plots import position_maps, roc
from latent_ofer.evaluation.report import Column, Row, Table, write_report
from latent_ofer.evaluation.table1 import PAPER

TITLES = {
    "paper": "ViT-SVDD",
    "one_class_svm": "one-class SVM",
    "patch_svdd": "Patch-SVDD",
    "gaussian_pixels": "Gaussian of pixels",
    "gaussian_latents": "Gaussian of latents",
}
KINDS = ("colour", "grey")
PLACES = {
    "false_positive": "Marked on clean faces",
    "miss": "Hidden, not found",
}
"""The two kinds of errors by place."""
COLUMNS = (
    Column("accuracy", "accuracy, %"),
    Column("precision", "precision, %"),
    Column("recall", "recall, %"),
    Column("auroc", "AUROC", 1, 3),
    Column("average_precision", "average precision", 1, 3),
    Column("false_positive_share_clean", "marked on clean faces, %"),
    Column("default_better_by", "shipped minus this, AUROC", 1, 3),
    Column("default_better_by_average_precision", "shipped minus this, average precision", 1, 3),
    Column("one_class_better_by", "one-class minus this, AUROC", 1, 3),
    Column(
        "one_class_better_by_average_precision", "one-class minus this, average precision", 1, 3
    ),
)

IN_GROUPS = ("auroc", "recall", "false_positive_share_clean")
BY_GROUP = tuple(column for column in COLUMNS if column.key in IN_GROUPS)


def write_table1(report: Mapping[str, Any], folder: Path) -> Table:
    """Write `summary.json`, `table.md`, `groups.md` and the plots.

    `groups.md` is about the shipped detector; the others' groups are in `summary.json`.

    Parameters
    ----------
    report : mapping
        From `evaluate_table1`; the shipped default is the first of its detectors.
    folder : Path
    """
    detectors: Mapping[str, Any] = report["detectors"]
    shipped = next(iter(detectors.values()))
    kinds = [kind for kind in KINDS if kind in shipped]
    rows = [row for kind in kinds for row in _rows(kind, detectors)]
    table = Table(
        "table1",
        "Table 1: hidden patches found, by detector",
        {
            "split": report["split"],
            "n": " + ".join(f"{shipped[kind]['n']} {kind}" for kind in kinds),
            "seed": report["seed"],
            "objects": "unseen ones; accuracy, precision and recall over both copies",
            "patches": "without replicated border of photos and border of objects, for all",
        },
        [column for column in COLUMNS if any(column.key in row.figures for row in rows)],
        rows,
        dict(report),
    )
    write_report(table, folder)
    write_groups(
        folder,
        "Table 1: hidden patches found by the shipped detector, by group",
        table.protocol,
        BY_GROUP,
        {kind: shipped[kind]["by_group"] for kind in kinds},
    )
    _draw(folder, kinds, detectors)
    return table


def _rows(kind: str, detectors: Mapping[str, Any]) -> list[Row]:
    rows = []
    for name, one in detectors.items():
        title, paper = f"{kind}: {_title(name, detectors)}", PAPER.get(name, {})
        if "missing" in one:
            rows.append(Row(title, paper=paper, note=one["missing"]))
            continue
        keys = [column.key for column in COLUMNS if column.key in one[kind]]
        rows.append(Row(title, {key: one[kind][key] for key in keys}, paper))
        if "by_radius" in one[kind]:
            rows.append(Row(f"{title}, decided by its radius", one[kind]["by_radius"], paper))
    return rows


def _title(name: str, detectors: Mapping[str, Any]) -> str:
    """Of a detector; the first one is the shipped default, by whichever name."""
    title = TITLES.get(name, name)
    if name != next(iter(detectors)):
        return title
    return "shipped detector" if name == "default" else f"shipped detector ({title})"


def _draw(folder: Path, kinds: list[str], detectors: Mapping[str, Any]) -> None:
    titles = {name: _title(name, detectors) for name, one in detectors.items() if kinds[0] in one}
    panels = {f"{kind} faces": _curves(kind, titles, detectors) for kind in kinds}
    roc(folder / "roc.png", "Hidden patches, by detector", panels)
    shipped = next(iter(titles))
    own = {}
    for kind in kinds:
        for key, title in PLACES.items():
            maps = {titles[name]: _map(detectors[name][kind], key) for name in titles}
            path = folder / f"{kind}-{key.replace('_', '-')}-by-place.png"
            position_maps(path, f"{title}, {kind}", maps)
            own[f"{title}, {kind}"] = _map(detectors[shipped][kind], key)
    position_maps(folder / "errors-by-place.png", f"Errors of the {titles[shipped]}", own)


def _curves(
    kind: str, titles: Mapping[str, str], detectors: Mapping[str, Any]
) -> dict[str, tuple[list[float], list[float]]]:
    curves = {titles[name]: detectors[name][kind]["roc"] for name in titles}
    return {name: (curve["false_positive"], curve["recall"]) for name, curve in curves.items()}


def _map(one: Mapping[str, Any], key: str) -> NDArray[np.float64]:
    # None, where nothing was ever hidden, becomes nan.
    return np.array(one["errors_by_place"][key], dtype=np.float64)
