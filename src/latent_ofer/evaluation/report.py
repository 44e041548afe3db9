"""What a table leaves on disk: `summary.json`, `table.md` and the plots."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from latent_ofer.files import write_text

Figure = Mapping[str, float]
"""``{"value", "low", "high"}``, or only ``{"value"}`` where a figure has no interval."""

LIBRARIES = ("latent-ofer", "numpy", "pillow", "onnxruntime", "torch", "scikit-learn")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    key : str
        Of the rows' figures.
    title : str
    scale : float
        What a figure is multiplied with to be shown: 100 for per cent.
    digits : int
        After the point.
    """

    key: str
    title: str
    scale: float = 100.0
    digits: int = 1


@dataclass(frozen=True)
class Row:
    """One row: a method, its figures and the paper's.

    Attributes
    ----------
    name : str
    figures : mapping of str to Figure
        By column key; a key that is missing shows as "-".
    paper : mapping of str to float
        The paper's values for this row as printed there, by column key.
    note : str
        Why figures are missing and what to do, or what else must be known.
    """

    name: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    paper: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table of figures, as it is shown and as it is stored.

    Attributes
    ----------
    name : str
        Such as "table3".
    title : str
        What is measured, in one line.
    protocol : mapping
        Split, n, seed and whatever else the figures depend on.
    columns, rows : sequence
    details : mapping
        Everything else that was measured, plain values.
    """

    name: str
    title: str
    protocol: Mapping[str, Any]
    columns: Sequence[Column]
    rows: Sequence[Row]
    details: Mapping[str, Any] = field(default_factory=dict)


COUNT = Column("n", "faces", 1, 0)
SMALL = 100
"""Fewer faces than this: the group's figures say little, and are marked ``"small"``."""


def group_rows(kind: str, groups: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """A row for each group of faces: ``"n"``, ``"small"`` and the figures; marked where small."""
    return [
        Row(
            f"{kind}, {name}",
            {
                COUNT.key: {"value": group["n"]},
                **{key: figure for key, figure in group.items() if isinstance(figure, Mapping)},
            },
            note=f"small: fewer than {SMALL} faces" if group.get("small") else "",
        )
        for name, group in groups.items()
    ]


def shown(figure: Figure | None, column: Column) -> str:
    """A figure as text, with its interval in brackets; "-" where there is none."""
    if figure is None:
        return "-"
    numbers = [figure[key] * column.scale for key in ("value", "low", "high") if key in figure]
    texts = [f"{number:.{column.digits}f}" for number in numbers]
    return texts[0] if len(texts) == 1 else f"{texts[0]} [{texts[1]}, {texts[2]}]"


def markdown(table: Table) -> str:
    """The table as Markdown; the paper's figure stands beside ours where it has one."""
    with_paper = [c for c in table.columns if any(c.key in row.paper for row in table.rows)]
    heads, marks = ["method"], ["---"]
    for column in table.columns:
        heads.append(column.title)
        marks.append("---:")
        if column in with_paper:
            heads.append(f"{column.title}, paper")
            marks.append("---:")
    heads.append("note")
    marks.append("---")
    lines = [f"# {table.title}", "", _protocol(table.protocol), ""]
    lines += ["| " + " | ".join(heads) + " |", "| " + " | ".join(marks) + " |"]
    for row in table.rows:
        cells = [row.name]
        for column in table.columns:
            cells.append(shown(row.figures.get(column.key), column))
            if column in with_paper:
                cells.append(f"{row.paper[column.key]:g}" if column.key in row.paper else "-")
        lines.append("| " + " | ".join([*cells, row.note]) + " |")
    if with_paper:
        lines += [
            "",
            "The paper's figures come from other faces, networks and occluders: "
            "they show the order of its methods, and are no target here.",
        ]
    return "\n".join(lines) + "\n"


def _protocol(protocol: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in protocol.items()) + "."


def summary(table: Table) -> dict[str, Any]:
    """Everything of a table as plain values, with the versions that made it."""
    return {
        "table": table.name,
        "title": table.title,
        "protocol": dict(table.protocol),
        "columns": [asdict(column) for column in table.columns],
        "rows": [
            {
                "name": row.name,
                "figures": {key: dict(value) for key, value in row.figures.items()},
                "paper": dict(row.paper),
                "note": row.note,
            }
            for row in table.rows
        ],
        "details": dict(table.details),
        "versions": library_versions(),
    }


def library_versions() -> dict[str, str]:
    """Version of Python, of this package and of each installed library that figures depend on."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def write_report(table: Table, folder: Path) -> Path:
    """Write `summary.json` and `table.md` into a folder; returns the folder."""
    write_text(folder / "summary.json", json.dumps(summary(table), indent=2) + "\n")
    write_text(folder / "table.md", markdown(table))
    return folder
