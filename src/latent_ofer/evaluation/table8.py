"""Table 8: how near repaired faces come to the true ones (paper, Table 8; *Repair test*)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latent_ofer.datasets.pool import FacePool
from latent_ofer.evaluation.group_table import write_groups
from latent_ofer.evaluation.grouping import groups, occluder_groups, size_of
from latent_ofer.evaluation.plots import lines_with_bands
from latent_ofer.evaluation.pools import kinds_of
from latent_ofer.evaluation.repair_bench import (
    Bench,
    Intervals,
    Values,
    draw_samples,
    kept,
)
from latent_ofer.evaluation.repaired_faces import CLEAN, Measured, Task
from latent_ofer.evaluation.repairers import (
    CONVOLUTION,
    CSA,
    LOSES_LESS,
    NONE,
    SHIPPED,
    NotTrained,
    trained,
)
from latent_ofer.evaluation.report import Column, Figure, Row, Table, markdown, write_report
from latent_ofer.evaluation.table9 import name_of
from latent_ofer.files import write_text
from latent_ofer.occlusion.irregular import BINS
from latent_ofer.synthesis.protocols import Settings

PAPER = {
    CONVOLUTION: {"psnr": 26.36, "ssim": 0.868},
    CSA: {"psnr": 25.48, "ssim": 0.860},
    SHIPPED: {"psnr": 26.65, "ssim": 0.880},
}
"""On RAF-DB's test faces, which are in colour."""
COLUMNS = (
    Column("psnr", "PSNR, dB", 1, 2),
    Column("psnr_hole", "PSNR of the hole, dB", 1, 2),
    Column("ssim", "SSIM", 1, 3),
    Column("ssim_hole", "SSIM of the hole", 1, 3),
    Column("kept", "expression kept, %"),
)
GAINS = (
    Column("gain_psnr", "shipped minus this, dB", 1, 2),
    Column("gain_ssim", "shipped minus this, SSIM", 1, 4),
    Column("gain_kept", "shipped minus this, points kept"),
)
FIGURES = tuple(column.key for column in COLUMNS)
OBJECTS = "objects"
GROUPED = ("20-30", OBJECTS)
"""Conditions whose figures are shown by group too."""

PerFace = dict[str, dict[str, Values]]
"""By repairer, then figure: a number for each face."""


@dataclass(frozen=True)
class Kind:
    """Colour faces, or grey ones, under all seven conditions.

    Attributes
    ----------
    name : str
    pool : FacePool
    tasks : dict of str to Task
        By condition: six bins of hole shares, then objects.
    found : dict of str to Measured
    """

    name: str
    pool: FacePool
    tasks: dict[str, Task]
    found: dict[str, Measured]


def evaluate_table8(bench: Bench, folder: Path) -> Table:
    """Measure on validation faces, in colour and grey apart.

    Parameters
    ----------
    bench : Bench
    folder : Path
        Gets `summary.json`, `table.md` (holes of all six bins together, and objects),
        `by-hole.md`, `groups.md` (the shipped repair), and for each kind plots by hole share and
        a sheet of samples.

    Raises
    ------
    DataError
        When data are missing or broken.
    """
    kinds = [
        measured_kind(bench, name, bench.subset(pool))
        for name, pool in kinds_of(bench.sources.pool(bench.split)).items()
    ]
    rows = []
    for kind in kinds:
        among = Intervals(len(kind.pool), bench.seed, kind.pool.people)
        holes = together([per_face(kind.found[name_of(share)]) for share in BINS])
        paper = PAPER if kind.name == "colour" else {}
        rows += repair_rows(bench, kind.name, holes, among, paper, {NONE: LOSES_LESS})
        behind = per_face(kind.found[OBJECTS])
        rows += repair_rows(bench, f"{kind.name}, {OBJECTS}", behind, among, {}, {})
    of_kinds = {kind.name: details(bench, kind) for kind in kinds}
    table = Table(
        "table8",
        "Table 8: repaired faces against the true ones",
        bench.protocol(
            n=" + ".join(f"{len(kind.pool)} {kind.name}" for kind in kinds),
            holes="irregular, six bins together, true mask",
            objects=f"unseen ones, mask found by the detector {bench.detector.name!r}",
        ),
        (*COLUMNS, *GAINS),
        rows,
        {"kinds": of_kinds, **bench.origins()},
    )
    write_report(table, folder)
    text = "\n".join(markdown(part) for part in tables_by_hole(bench, kinds))
    write_text(folder / "by-hole.md", text)
    by_group = {
        f"{kind}, {condition if condition == OBJECTS else f'holes of {condition} %'}": some
        for kind, one in of_kinds.items()
        for condition, some in one["shipped_by_group"].items()
    }
    title = "Table 8: faces repaired by the shipped network against the true ones, by group"
    write_groups(folder, title, table.protocol, COLUMNS, by_group)
    for kind in kinds:
        _draw(folder, kind, bench)
    return table


def measured_kind(bench: Bench, name: str, pool: FacePool) -> Kind:
    """All seven conditions of one kind of faces."""
    tasks = {}
    for share in BINS:
        settings = Settings("irregular", bench.seed, hole=share)
        hole = name_of(share)
        tasks[hole] = bench.task(f"{name} faces, holes of {hole} %", pool, settings, [])
    objects = Settings("objects", bench.seed)
    cutouts = bench.sources.cutouts("val")
    tasks[OBJECTS] = bench.task(f"{name} faces with objects", pool, objects, cutouts)
    found = {condition: bench.measure(task, bench.judges) for condition, task in tasks.items()}
    return Kind(name, pool, tasks, found)


def per_face(found: Measured) -> PerFace:
    """Figures of each face under each repairer; without a judge, nothing about expressions."""
    clean = found.figures[CLEAN]
    numbers: PerFace = {}
    for name, arrays in found.figures.items():
        if name == CLEAN:
            continue
        numbers[name] = {key: arrays[key] for key in FIGURES if key in arrays}
        same = kept(arrays, clean)
        if same is not None:
            numbers[name]["kept"] = same.astype(float)
    return numbers


def together(conditions: Sequence[PerFace]) -> PerFace:
    """Each face's mean over several conditions."""
    return {
        name: {key: np.mean([one[name][key] for one in conditions], axis=0) for key in figures}
        for name, figures in conditions[0].items()
    }


def repair_rows(
    bench: Bench,
    title: str,
    numbers: PerFace,
    among: Intervals,
    paper: Mapping[str, Mapping[str, float]],
    notes: Mapping[str, str],
) -> list[Row]:
    """A row for every repairer; gains are those of the shipped one, paired."""
    rows = []
    for one in bench.repairers:
        beside = paper.get(one.name, {})
        name = f"{title}: {one.name}"
        if isinstance(one, NotTrained):
            rows.append(Row(name, paper=beside, note=one.note))
            continue
        mine = numbers[one.name]
        figures: dict[str, Figure] = {key: among.mean(values) for key, values in mine.items()}
        if one.name != SHIPPED:
            for key in ("psnr", "ssim", "kept"):
                if key in mine:
                    figures[f"gain_{key}"] = among.mean(numbers[SHIPPED][key] - mine[key])
        rows.append(Row(name, figures, beside, notes.get(one.name, "")))
    return rows


def tables_by_hole(bench: Bench, kinds: Sequence[Kind]) -> list[Table]:
    """One table a figure: rows are kinds and repairers, columns are the seven conditions."""
    tables = []
    for column in COLUMNS:
        conditions = tuple(
            Column(name, name if name == OBJECTS else f"{name} %", column.scale, column.digits)
            for name in kinds[0].tasks
        )
        rows = []
        for kind in kinds:
            among = Intervals(len(kind.pool), bench.seed, kind.pool.people)
            faces = {name: per_face(found) for name, found in kind.found.items()}
            for one in trained(bench.repairers):
                figures = {
                    name: among.mean(numbers[one.name][column.key])
                    for name, numbers in faces.items()
                    if column.key in numbers[one.name]
                }
                rows.append(Row(f"{kind.name}: {one.name}", figures))
        title = f"{column.title}, by share of hidden pixels"
        count = " + ".join(f"{len(kind.pool)} {kind.name}" for kind in kinds)
        protocol = bench.protocol(n=count)
        tables.append(Table(f"table8 {column.key}", title, protocol, conditions, rows))
    return tables


def details(bench: Bench, kind: Kind) -> dict[str, Any]:
    """Figures of every repairer in every condition, and of the shipped one by group."""
    among = Intervals(len(kind.pool), bench.seed, kind.pool.people)
    conditions = {}
    for name, found in kind.found.items():
        numbers = per_face(found)
        conditions[name] = {
            "share_of_pixels_hidden": float(found.coverage.mean()),
            "share_of_patches_repaired": float(found.flagged.mean()),
            "repairers": {
                repairer: {key: among.mean(values) for key, values in figures.items()}
                for repairer, figures in numbers.items()
            },
        }
    by_group = {name: shipped_by_group(kind, name, among) for name in GROUPED}
    return {"n": len(kind.pool), "conditions": conditions, "shipped_by_group": by_group}


def shipped_by_group(kind: Kind, condition: str, among: Intervals) -> dict[str, dict[str, Any]]:
    """Figures of the shipped repair in one condition, by group of people and of what hides.

    Returns
    -------
    dict
        By name of the group: ``"n"``, ``"small"`` where it is, and the figures of `per_face`.
    """
    found = kind.found[condition]
    members = groups(kind.pool.tags)
    # All holes of a condition are of one kind and size, objects are not.
    if condition == OBJECTS:
        members |= occluder_groups(found.category.tolist(), found.coverage)
    figures = per_face(found)[SHIPPED]
    return {
        name: size_of(some) | {key: among.mean(values, some) for key, values in figures.items()}
        for name, some in members.items()
    }


def _draw(folder: Path, kind: Kind, bench: Bench) -> None:
    among = Intervals(len(kind.pool), bench.seed, kind.pool.people)
    faces = [per_face(kind.found[name_of(share)]) for share in BINS]
    middles = [50 * sum(share) for share in BINS]
    for column in COLUMNS:
        lines = {}
        for one in trained(bench.repairers):
            if column.key not in faces[0][one.name]:
                continue
            means = [among.mean(numbers[one.name][column.key]) for numbers in faces]
            lines[one.name] = {
                part: [column.scale * mean[part] for mean in means]
                for part in ("value", "low", "high")
            }
        if lines:
            path = folder / f"{kind.name}-{column.key.replace('_', '-')}.png"
            title = f"{column.title.partition(',')[0]}, {kind.name} faces"
            labels = ("hidden pixels (%)", column.title)
            lines_with_bands(path, title, middles, lines, labels)
    draw_samples(
        folder / f"{kind.name}-samples.png",
        f"Repaired {kind.name} faces: six hole shares, then objects",
        list(kind.tasks.values()),
        bench,
    )
