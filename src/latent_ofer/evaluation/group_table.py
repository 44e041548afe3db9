"""`groups.md`: the figures of one method by group of faces, beside a table's own report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from latent_ofer.evaluation.grouping import SMALL
from latent_ofer.evaluation.report import Column, Row, Table, markdown
from latent_ofer.files import write_text

COUNT = Column("n", "faces", 1, 0)


def write_groups(
    folder: Path,
    title: str,
    protocol: Mapping[str, Any],
    columns: Sequence[Column],
    kinds: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> None:
    """Write `groups.md`: a row for each group, marked where it is small.

    Parameters
    ----------
    folder : Path
    title : str
    protocol : mapping
        As in `Table`.
    columns : sequence of Column
        Figures that a group lacks show as "-".
    kinds : mapping
        By kind of faces, then by name of the group: ``"n"``, ``"small"`` and the figures.
    """
    rows = []
    for kind, groups in kinds.items():
        for name, group in groups.items():
            figures = {COUNT.key: {"value": group["n"]}}
            figures |= {column.key: group[column.key] for column in columns if column.key in group}
            note = f"small: fewer than {SMALL} faces" if group.get("small") else ""
            rows.append(Row(f"{kind}, {name}", figures, note=note))
    table = Table("groups", title, protocol, (COUNT, *columns), rows)
    write_text(folder / "groups.md", markdown(table))
