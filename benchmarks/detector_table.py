"""Table 1: every detector on the same patches (paper, Table 1; protocols, *Detection test*)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from baseline_detectors import BASELINES
from detector_curves import errors_by_place, roc
from detector_plots import position_maps
from detector_plots import roc as draw_roc
from numpy.typing import NDArray

from latent_ofer.evaluation.bench import Bench
from latent_ofer.evaluation.detection_figures import FALSE_POSITIVES, Areas, by_group, figures
from latent_ofer.evaluation.detection_report import face_groups, object_groups
from latent_ofer.evaluation.detectors import Detector
from latent_ofer.evaluation.report import (
    COUNT,
    Column,
    Row,
    Table,
    group_rows,
    markdown,
    write_report,
)
from latent_ofer.files import write_text
from latent_ofer.weights_folder import Thresholds

PAPER: Final = {
    "one_class_svm": {"accuracy": 91.1, "precision": 90.2, "recall": 89.4},
    "patch_svdd": {"accuracy": 85.2, "precision": 80.1, "recall": 94.1},
    "paper": {"accuracy": 98.3, "precision": 94.1, "recall": 98.7},
}
"""In per cent, on its own faces with hands and cups (Syn-KDEF)."""
TITLES: Final = {
    "paper": "ViT-SVDD",
    "one_class_svm": "one-class SVM",
    "patch_svdd": "Patch-SVDD",
    "gaussian_pixels": "Gaussian of pixels",
    "gaussian_latents": "Gaussian of latents",
}
ONE_CLASS: Final = "one-class"
CLEAN_ONLY: Final = (*BASELINES, "paper")
"""What `ONE_CLASS` is compared with: the other detectors that never see a hidden face."""
PLACES: Final = {"false_positive": "Marked on clean faces", "miss": "Hidden, not found"}
"""The two kinds of errors by place."""
COLUMNS: Final = (
    Column("accuracy", "accuracy, %"),
    Column("precision", "precision, %"),
    Column("recall", "recall, %"),
    Column("auroc", "AUROC", 1, 3),
    Column("average_precision", "average precision", 1, 3),
    Column(FALSE_POSITIVES, "marked on clean faces, %"),
    Column("default_better_by", "shipped minus this, AUROC", 1, 3),
    Column("default_better_by_average_precision", "shipped minus this, average precision", 1, 3),
    Column("one_class_better_by", "one-class minus this, AUROC", 1, 3),
    Column(
        "one_class_better_by_average_precision", "one-class minus this, average precision", 1, 3
    ),
)
AT_THRESHOLD: Final = ("accuracy", "precision", "recall", FALSE_POSITIVES)
Radii = Mapping[str, float]
"""Score above which a patch is hidden by a detector's own rule, of those that have one."""
BY_GROUP: Final = tuple(
    column for column in COLUMNS if column.key in ("auroc", "recall", FALSE_POSITIVES)
)


def table1_figures(
    benches: Mapping[str, Bench],
    detectors: Sequence[Detector],
    radii: Radii = MappingProxyType({}),
) -> dict[str, dict[str, Any]]:
    """Everything that is measured, by detector; the shipped default is the first.

    Returns
    -------
    dict
        By name: ``"digest"``, ``"thresholds"``, and for each kind the `figures` of the
        detection test with

        - ``"by_group"``: those of `by_group`,
        - ``"default_better_by"`` and so on: that detector's figure minus this one's, paired,
        - ``"by_radius"``: for those with a radius, the figures `AT_THRESHOLD` by it,
        - ``"roc"``: ``{"false_positive", "recall"}``, points of the curve,
        - ``"errors_by_place"``: ``{"false_positive", "miss"}``, 14 x 14 each;

        ``{"missing": what to do}`` for one that cannot take part.
    """
    able = [one for one in detectors if one.thresholds is not None]
    report: dict[str, dict[str, Any]] = {
        one.name: {"digest": one.method.digest, "thresholds": asdict(one.thresholds)}
        for one in able
        if one.thresholds is not None
    }
    for kind, bench in benches.items():
        # The same for all: every detector meets the same resamples.
        among, members = bench.intervals(), face_groups(bench.faces.pool) | object_groups(bench)
        # What shows no photo is neither a clean face nor an object: it counts for nobody.
        borders = bench.faces.pool.borders
        scored = {one.name: one.scored(bench).without(borders) for one in able}
        areas = {name: Areas.of(some, among) for name, some in scored.items()}
        for name, some in scored.items():
            row = figures(some, areas[name], among)
            row["by_group"] = by_group(some, members, among)
            row["roc"], row["errors_by_place"] = roc(some), errors_by_place(some)
            report[name][kind] = row | differences(name, areas)
        for one in able:
            if one.name in radii:
                rule = Thresholds(radii[one.name], radii[one.name])
                decided = replace(one, thresholds=rule).scored(bench).without(borders)
                by_radius = figures(decided, areas[one.name], among)
                report[one.name][kind]["by_radius"] = {key: by_radius[key] for key in AT_THRESHOLD}
    return report | {
        one.name: {"missing": one.method.note} for one in detectors if one.thresholds is None
    }


def differences(name: str, areas: Mapping[str, Areas]) -> dict[str, dict[str, float]]:
    """What stands in the row of a detector about those that it is compared with."""
    pairs = {"default_better_by": next(iter(areas))}
    if name in CLEAN_ONLY and ONE_CLASS in areas:
        pairs["one_class_better_by"] = ONE_CLASS
    report = {}
    for key, other in pairs.items():
        if other != name:
            better = areas[other].minus(areas[name])
            report[key], report[f"{key}_average_precision"] = better
    return report


def evaluate_table1(
    benches: Mapping[str, Bench],
    detectors: Sequence[Detector],
    folder: Path,
    radii: Radii = MappingProxyType({}),
) -> Table:
    """Measure all detectors and write the report.

    Parameters
    ----------
    benches : mapping of str to Bench
        By kind of face.
    detectors : sequence of Detector
        The shipped default first.
    folder : Path
        Gets `summary.json`, `table.md`, `groups.md` (the shipped detector's; the others' groups
        are in `summary.json`), ROC curves and maps of where detectors err.
    """
    found = table1_figures(benches, detectors, radii)
    titles = {name: TITLES.get(name, name) for name in found}
    shipped = next(iter(found))
    titles[shipped] = f"shipped detector ({titles[shipped]})"
    rows = []
    for kind in benches:
        for name, one in found.items():
            title, paper = f"{kind}: {titles[name]}", PAPER.get(name, {})
            if "missing" in one:
                rows.append(Row(title, paper=paper, note=one["missing"]))
            else:
                keys = [column.key for column in COLUMNS if column.key in one[kind]]
                rows.append(Row(title, {key: one[kind][key] for key in keys}, paper))
                if "by_radius" in one[kind]:
                    rows.append(
                        Row(f"{title}, decided by its radius", one[kind]["by_radius"], paper)
                    )
    first = next(iter(benches.values()))
    table = Table(
        "table1",
        "Table 1: hidden patches found, by detector",
        {
            "split": first.faces.about["split"],
            "n": " + ".join(f"{len(bench.faces)} {kind}" for kind, bench in benches.items()),
            "seed": first.seed,
            "objects": "unseen ones; accuracy, precision and recall over both copies",
            "border": "replicated border of photos left out",
        },
        [column for column in COLUMNS if any(column.key in row.figures for row in rows)],
        rows,
        {"detectors": found, **first.origins()},
    )
    write_report(table, folder)
    grouped = [
        row for kind in benches for row in group_rows(kind, found[shipped][kind]["by_group"])
    ]
    title = "Table 1: hidden patches found by the shipped detector, by group"
    groups_table = Table("groups", title, table.protocol, (COUNT, *BY_GROUP), grouped)
    write_text(folder / "groups.md", markdown(groups_table))
    able = {name: titles[name] for name, one in found.items() if "missing" not in one}
    _draw(folder, list(benches), able, found)
    return table


def _draw(
    folder: Path, kinds: list[str], titles: Mapping[str, str], found: Mapping[str, Any]
) -> None:
    curves = {
        f"{kind} faces": {
            title: (found[name][kind]["roc"]["false_positive"], found[name][kind]["roc"]["recall"])
            for name, title in titles.items()
        }
        for kind in kinds
    }
    draw_roc(folder / "roc.png", "Hidden patches, by detector", curves)
    shipped = next(iter(titles))
    own = {}
    for kind in kinds:
        for key, title in PLACES.items():
            maps = {titles[name]: _map(found[name][kind], key) for name in titles}
            path = folder / f"{kind}-{key.replace('_', '-')}-by-place.png"
            position_maps(path, f"{title}, {kind}", maps)
            own[f"{title}, {kind}"] = maps[titles[shipped]]
    position_maps(folder / "errors-by-place.png", f"Errors of the {titles[shipped]}", own)


def _map(one: Mapping[str, Any], key: str) -> NDArray[np.float64]:
    # None, where nothing was ever hidden, becomes nan.
    return np.array(one["errors_by_place"][key], dtype=np.float64)
