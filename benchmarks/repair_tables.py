"""Tables 2, 8 and 9 and the repair test: a row for every repair, a figure for every face."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from repairers import (
    CLEAN,
    CONVOLUTION,
    CSA,
    JUDGE,
    MAE,
    MEAN_FILL,
    NONE,
    RECOGNISER,
    REPAIRERS,
    SHIPPED,
    Repairs,
    clean_method,
    repair_method,
    repaired_by,
)

from latent_ofer.evaluation.answers import Arrays
from latent_ofer.evaluation.bench import TRUTH, Bench
from latent_ofer.evaluation.bootstrap import Intervals
from latent_ofer.evaluation.conditions import HOLES, Condition, condition
from latent_ofer.evaluation.grouping import groups, occluder_groups, size_of
from latent_ofer.evaluation.plots import bars, lines_with_bands, sample_sheet
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

BINS: Final = tuple(f"irregular-{name}" for name in HOLES)
OBJECTS: Final = "objects"
GROUPED: Final = ("irregular-20-30", OBJECTS)
"""Conditions whose figures are shown by group, where there are several."""
ALL: Final = "labelled"
"""Faces of all kinds that have a label."""
LOSES_LESS: Final = "loses the hidden pixels only, a repair every patch that they touch"
"""What must be known of `NONE` beside free-form holes."""
SHEET_ROWS: Final = 6

NEARNESS: Final = (
    Column("psnr", "PSNR, dB", 1, 2),
    Column("psnr_hole", "PSNR of the hole, dB", 1, 2),
    Column("ssim", "SSIM", 1, 3),
    Column("ssim_hole", "SSIM of the hole", 1, 3),
)
KEPT: Final = Column("kept", "expression kept, %")
READ: Final = (
    Column("accuracy", "accuracy, %"),
    Column("minus_none", "minus none, points"),
    Column("minus_mae", "minus MAE only, points"),
    Column("judge", "accuracy of the judge, %"),
    KEPT,
    NEARNESS[0],
    NEARNESS[2],
)
GAINS: Final = (
    Column("gain_psnr", "shipped minus this, dB", 1, 2),
    Column("gain_ssim", "shipped minus this, SSIM", 1, 4),
    Column("gain_kept", "shipped minus this, points kept"),
)
THIS: Final = "this"
Paired = Mapping[str, tuple[str, str, str]]
"""By column: a figure, of which repair, less that of which; `THIS` is the row's own."""
LESS_OTHERS: Final[Paired] = {
    "minus_none": ("accuracy", THIS, NONE),
    "minus_mae": ("accuracy", THIS, MAE),
}
SHIPPED_LESS: Final[Paired] = {
    f"gain_{figure}": (figure, SHIPPED, THIS) for figure in ("psnr", "ssim", "kept")
}
PerFace = dict[str, dict[str, NDArray[Any]]]
"""By repair, `CLEAN` too, then figure: a number for each face."""


@dataclass(frozen=True)
class RepairTable:
    """What a table of repairs shows.

    Attributes
    ----------
    name, title : str
    columns : sequence of Column
    conditions : sequence of str
    readers : sequence of str
        Who reads the repaired faces.
    paired : mapping
    paper : mapping of str to mapping of str to float
        As printed there, by repair, then column.
    together : bool
        Free-form holes of all sizes in one row, each face's mean over them.
    repairers : sequence of str
    """

    name: str
    title: str
    columns: Sequence[Column]
    conditions: Sequence[str]
    readers: Sequence[str]
    paired: Paired
    paper: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    together: bool = False
    repairers: Sequence[str] = REPAIRERS


TABLE_2: Final = RepairTable(
    "table2",
    "Table 2: recognition of faces behind objects, by how they are repaired",
    READ,
    (OBJECTS,),
    (RECOGNISER, JUDGE),
    LESS_OTHERS,
    {MAE: {"accuracy": 72.6}, CSA: {"accuracy": 75.6}, SHIPPED: {"accuracy": 77.3}},
)
"""The paper's are of Syn-RAF-DB."""
TABLE_9: Final = RepairTable(
    "table9",
    "Table 9: recognition of faces with free-form holes, by how they are repaired",
    READ,
    BINS,
    (RECOGNISER, JUDGE),
    LESS_OTHERS,
    {MAE: {"accuracy": 72.6}, CSA: {"accuracy": 71.6}, SHIPPED: {"accuracy": 77.3}},
)
"""The paper's are of RAF-DB."""
TABLE_8: Final = RepairTable(
    "table8",
    "Table 8: repaired faces against the true ones",
    (*NEARNESS, KEPT, *GAINS),
    (*BINS, OBJECTS),
    (JUDGE,),
    SHIPPED_LESS,
    {
        CONVOLUTION: {"psnr": 26.36, "ssim": 0.868},
        CSA: {"psnr": 25.48, "ssim": 0.860},
        SHIPPED: {"psnr": 26.65, "ssim": 0.880},
    },
    together=True,
)
"""The paper's are of RAF-DB's test faces, which are in colour."""
REPAIR: Final = RepairTable(
    "repair",
    "Repair: the shipped network and mean fill against the true faces",
    (*NEARNESS, *GAINS[:2]),
    BINS,
    (),
    SHIPPED_LESS,
    repairers=(MEAN_FILL, SHIPPED),
)


@dataclass(frozen=True)
class Kind:
    """Faces of one kind under all conditions.

    Attributes
    ----------
    name : str
        "colour" or "grey"; empty where the kinds are not told apart.
    bench : Bench
    found : dict of str to PerFace
        By condition.
    """

    name: str
    bench: Bench
    found: dict[str, PerFace]

    @cached_property
    def among(self) -> Intervals:
        """Resamples of its faces."""
        return self.bench.intervals()


def evaluate_repairs(
    spec: RepairTable, benches: Mapping[str, Bench], repairs: Repairs, folder: Path
) -> Table:
    """Measure, and write the report.

    Parameters
    ----------
    spec : RepairTable
    benches : mapping of str to Bench
        By kind of face: colour and grey ones, or all that have a label, under "".
    repairs : Repairs
    folder : Path
        Gets ``summary.json``, ``table.md``, ``by-hole.md`` where there are several conditions,
        ``groups.md`` (the shipped repair), plots and sheets of samples.

    Raises
    ------
    DataError
        When data are missing or broken.
    """
    kinds = []
    for name, bench in benches.items():
        asked = bench.conditions(spec.conditions)
        found = {one.name: per_face(bench, repairs, one, spec.readers) for one in asked}
        kinds.append(Kind(name, bench, found))
    rows = [row for kind in kinds for row in _rows(spec, kind, repairs)]
    first = kinds[0].bench
    table = Table(
        spec.name,
        spec.title,
        _protocol(spec, kinds, repairs),
        [column for column in spec.columns if any(column.key in row.figures for row in rows)],
        rows,
        {
            "kinds": {kind.name or ALL: details(kind, repairs) for kind in kinds},
            "data_sha256": dict(first.faces.digests),
            "networks": {
                one.name: one.digest for one in [*repairs.trained, *repairs.readers.values()]
            },
        },
    )
    write_report(table, folder)
    if len(spec.conditions) > 1:
        text = "\n".join(markdown(part) for part in _by_hole(table, kinds, repairs))
        write_text(folder / "by-hole.md", text)
    grouped = [
        row
        for kind in kinds
        for name, some in table.details["kinds"][kind.name or ALL]["shipped_by_group"].items()
        for row in group_rows(f"{kind.name or ALL}, {label_of(name)}", some)
    ]
    if grouped:
        title = f"{spec.title}: {SHIPPED}, by group"
        columns = [COUNT, *(column for column in table.columns if column.key not in spec.paired)]
        write_text(
            folder / "groups.md",
            markdown(replace(table, title=title, columns=columns, rows=grouped)),
        )
    for kind in kinds:
        _draw(folder, spec, kind, table.columns)
        _draw_samples(folder, spec, kind, repairs)
    return table


def per_face(bench: Bench, repairs: Repairs, one: Condition, readers: Sequence[str]) -> PerFace:
    """Figures of each face under each repair that is trained.

    ``psnr``, ``psnr_hole``, ``ssim``, ``ssim_hole``; ``accuracy`` and ``judge``: whether the
    shipped recogniser, or the judge, reads the label; ``kept``: whether the judge reads what it
    reads on the clean face. Without a judge, nothing about expressions.
    """
    reading = repairs.reading(readers)
    clean = {}
    if reading:
        clean = bench.read(clean_method(reading), condition("clean", bench.seed))
    figures: PerFace = {CLEAN: _readings(clean, clean, bench.faces.labels)}
    figures[CLEAN].pop("kept", None)
    for name, arrays in answers(bench, repairs, one, readers).items():
        near = {column.key: arrays[column.key] for column in NEARNESS}
        figures[name] = near | _readings(arrays, clean, bench.faces.labels)
    return figures


def answers(
    bench: Bench, repairs: Repairs, one: Condition, readers: Sequence[str], only: Sequence[str] = ()
) -> dict[str, Arrays]:
    """What `repair_method` gives, by repair: objects are found, other holes are known."""
    found = None
    if one.protocol == OBJECTS:
        masks = bench.read(repairs.finder, one)["mask"]
        found = dict(zip(bench.faces.ids, masks, strict=True))
    reading = repairs.reading(readers)
    taken = {way.name: repair_method(way, reading, found) for way in repairs.trained}
    if found is not None:
        end = f" {repairs.finder.name} {repairs.finder.digest}"
        taken = {name: replace(how, digest=how.digest + end) for name, how in taken.items()}
    return {name: bench.read(how, one) for name, how in taken.items() if not only or name in only}


def _readings(arrays: Arrays, clean: Arrays, labels: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    figures = {}
    for name, figure in ((RECOGNISER, "accuracy"), (JUDGE, "judge")):
        if f"read {name}" in arrays:
            figures[figure] = arrays[f"read {name}"].argmax(1) == labels
    if f"read {JUDGE}" in arrays:
        same = arrays[f"read {JUDGE}"].argmax(1) == clean[f"read {JUDGE}"].argmax(1)
        figures["kept"] = same.astype(float)
    return figures


def together(conditions: Sequence[PerFace]) -> PerFace:
    """Each face's mean over several conditions."""
    return {
        name: {key: np.mean([one[name][key] for one in conditions], axis=0) for key in figures}
        for name, figures in conditions[0].items()
    }


def label_of(name: str) -> str:
    """A condition as tables name it."""
    return f"{name.removeprefix('irregular-')} %" if name in BINS else name


def _rows(spec: RepairTable, kind: Kind, repairs: Repairs) -> list[Row]:
    """A row for every repair in every part of the table; differences are paired."""
    parts = {label_of(name): found for name, found in kind.found.items()}
    if spec.together:
        holes = [found for name, found in kind.found.items() if name in BINS]
        rest = {name: found for name, found in kind.found.items() if name not in BINS}
        parts = {"": together(holes), **rest}
    elif len(parts) == 1:
        parts = {"": next(iter(parts.values()))}
    rows, shown = [], {column.key for column in spec.columns}
    for number, (label, found) in enumerate(parts.items()):
        # The paper's faces are in colour, and hidden in one way.
        paper = spec.paper if kind.name in ("", "colour") and not (spec.together and number) else {}
        prefix = ", ".join(part for part in (kind.name, label) if part)
        prefix = f"{prefix}: " if prefix else ""
        if not kind.name:
            rows.append(Row(f"{prefix}{CLEAN}", _means(found[CLEAN], kind.among, shown)))
        for way in repairs.repairers:
            title, beside = f"{prefix}{way.name}", paper.get(way.name, {})
            if way.note:
                rows.append(Row(title, paper=beside, note=way.note))
                continue
            figures = _means(found[way.name], kind.among, shown)
            for key, (figure, more, less) in spec.paired.items():
                names = [way.name if name == THIS else name for name in (more, less)]
                pair = [found.get(name, {}).get(figure) for name in names]
                if names[0] != names[1] and pair[0] is not None and pair[1] is not None:
                    figures[key] = kind.among.mean(pair[0].astype(float) - pair[1])
            free = label != OBJECTS and OBJECTS not in spec.conditions[:1]
            note = LOSES_LESS if way.name == NONE and free else ""
            rows.append(Row(title, figures, beside, note))
    return rows


def _means(
    figures: Mapping[str, NDArray[Any]], among: Intervals, shown: set[str]
) -> dict[str, Figure]:
    return {key: among.mean(values) for key, values in figures.items() if key in shown}


def _protocol(spec: RepairTable, kinds: Sequence[Kind], repairs: Repairs) -> dict[str, Any]:
    first = kinds[0].bench
    n = " + ".join(f"{len(kind.bench.faces)} {kind.name}".strip() for kind in kinds)
    told: dict[str, Any] = {"split": first.faces.about["split"], "n": n}
    holes = [label_of(name) for name in spec.conditions if name in BINS]
    if holes:
        told["holes"] = f"irregular, {', '.join(holes)} of the pixels, true mask"
    if OBJECTS in spec.conditions:
        told["objects"] = f"unseen ones, mask found by the detector {repairs.detector!r}"
    told["seed"] = first.seed
    notes = {name: repairs.readers[name].note for name in spec.readers}
    return told | {name: note for name, note in notes.items() if note}


def details(kind: Kind, repairs: Repairs) -> dict[str, Any]:
    """Counts, and the figures of every repair in every condition, by group too."""
    labels = kind.bench.faces.labels
    counts = np.bincount(labels[labels >= 0], minlength=8).tolist()
    conditions = {}
    for name, found in kind.found.items():
        one = condition(name, kind.bench.seed)
        part: dict[str, Any] = {
            "share_of_pixels_hidden": float(kind.bench.read(TRUTH, one)["coverage"].mean()),
            "repairers": {
                repairer: {key: kind.among.mean(values) for key, values in figures.items()}
                for repairer, figures in found.items()
            },
        }
        if one.protocol == OBJECTS:
            flagged = kind.bench.read(repairs.finder, one)["mask"].mean(axis=(1, 2))
            part["share_of_patches_repaired"] = float(flagged.mean())
            part["share_of_faces_repaired"] = float((flagged > 0).mean())
        conditions[name] = part
    grouped = [name for name in kind.found if name in GROUPED] or list(kind.found)
    return {
        "n": len(labels),
        "count_by_label": dict(zip(EXPRESSIONS, counts, strict=True)),
        "conditions": conditions,
        "shipped_by_group": {name: shipped_by_group(kind, name) for name in grouped},
    }


def shipped_by_group(kind: Kind, name: str) -> dict[str, dict[str, Any]]:
    """Figures of the shipped repair in one condition, by group of people and of what hides.

    Returns
    -------
    dict
        By name of the group: ``"n"``, ``"small"`` where it is, and the figures of `per_face`.
    """
    members = groups(kind.bench.faces.tags)
    # All holes of a condition are of one kind and size, objects are not.
    if name == OBJECTS:
        truth = kind.bench.read(TRUTH, condition(name, kind.bench.seed))
        members |= occluder_groups(truth["category"].tolist(), truth["coverage"])
    figures = kind.found[name][SHIPPED]
    report = {}
    for group, some in members.items():
        among = kind.among.take(some)
        report[group] = size_of(some) | {
            key: among.mean(values[some]) for key, values in figures.items()
        }
    return report


def _by_hole(table: Table, kinds: Sequence[Kind], repairs: Repairs) -> list[Table]:
    """One table a figure: rows are kinds and repairers, columns are the conditions."""
    tables = []
    for column in table.columns:
        conditions = [replace(column, key=name, title=label_of(name)) for name in kinds[0].found]
        rows = []
        for kind in kinds:
            for way in repairs.trained:
                figures = {
                    name: kind.among.mean(found[way.name][column.key])
                    for name, found in kind.found.items()
                    if column.key in found[way.name]
                }
                if figures:
                    title = f"{kind.name}: {way.name}" if kind.name else way.name
                    rows.append(Row(title, figures))
        if rows:
            title = f"{column.title}, by share of hidden pixels"
            tables.append(replace(table, title=title, columns=conditions, rows=rows))
    return tables


def _draw(folder: Path, spec: RepairTable, kind: Kind, columns: Sequence[Column]) -> None:
    """Lines against the size of the hole, or bars of accuracy in the only condition."""
    holes = [name for name in kind.found if name in BINS]
    names = [name for name in next(iter(kind.found.values())) if name != CLEAN]
    start = f"{kind.name}-" if kind.name else ""
    if len(holes) > 1:
        for column in columns:
            lines = {
                name: _line([kind.found[hole][name][column.key] for hole in holes], kind, column)
                for name in names
                if column.key in kind.found[holes[0]][name]
            }
            if lines:
                title = f"{column.title.partition(',')[0]}, {kind.name or ALL} faces"
                middles = [50 * sum(HOLES[hole.removeprefix("irregular-")]) for hole in holes]
                path = folder / f"{start}{column.key.replace('_', '-')}.png"
                axes = ("hidden pixels (%)", column.title)
                lines_with_bands(path, title, middles, lines, axes)
    elif "accuracy" in next(iter(kind.found.values()))[CLEAN]:
        (found,) = kind.found.values()
        series = {
            title: _line([found[name][key] for name in found], kind, READ[0])
            for key, title in (("accuracy", "shipped recogniser"), ("judge", "judge"))
            if key in found[CLEAN]
        }
        labels = [name.replace(" ", "\n", 1) for name in found]
        bars(folder / "accuracy.png", spec.title, labels, series, "accuracy (%)")


def _line(values: Sequence[NDArray[Any]], kind: Kind, column: Column) -> dict[str, list[float]]:
    means = [kind.among.mean(one) for one in values]
    return {key: [column.scale * mean[key] for mean in means] for key in ("value", "low", "high")}


def _draw_samples(folder: Path, spec: RepairTable, kind: Kind, repairs: Repairs) -> None:
    """A row for each condition, or several of one: clean, hidden, and under each repair.

    Row k shows the k-th face, so that none comes twice.
    """
    columns: dict[str, list[NDArray[np.uint8]]] = {}
    names = list(kind.found)
    for row in range(min(max(SHEET_ROWS, len(names)), len(kind.bench.faces))):
        one = condition(names[row % len(names)], kind.bench.seed)
        batch = kind.bench.hidden(one).batch([row])
        mask = batch.hole
        if one.protocol == OBJECTS:
            mask = kind.bench.read(repairs.finder, one)["mask"][[row]]
        columns.setdefault("clean", []).append(batch.clean[0])
        columns.setdefault("hidden", []).append(batch.shown[0])
        for way in repairs.trained:
            if way.name != NONE:
                face = repaired_by(way, batch.shown, mask)[0][0]
                columns.setdefault(way.name.replace(" (", "\n("), []).append(face)
    path = folder / (f"{kind.name}-samples.png" if kind.name else "samples.png")
    sample_sheet(path, f"{spec.title} ({kind.name or ALL} faces)", columns)
