"""The table of a synthesised set: one row a face."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from latent_ofer.names import utf8_text
from latent_ofer.occlusion.patches import border_patches, occluded_patches


@dataclass(frozen=True)
class Row:
    """One face of a synthesised set, as text; `docs/synthesis.md` explains the columns.

    ``path``, ``label``, ``split`` and ``subject`` are what the reader of tables takes, so that a
    manifest is itself a data set.
    """

    path: str
    mask: str
    source: str
    id: str
    split: str
    label: str
    subject: str
    category: str
    occluder: str
    coverage_wanted: str
    coverage: str
    seed: str
    protocol: str
    image_sha256: str
    mask_sha256: str
    patches: str


COLUMNS = tuple(field.name for field in fields(Row))


def csv_text(rows: Iterable[Row], header: bool = True) -> str:
    """Rows as CSV, lines ended by a line feed; in it a name that is no UTF-8 is `utf8_text`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return utf8_text(text.getvalue())


def read_rows(text: str) -> list[Row]:
    """Rows of `csv_text`; one that was cut short, as by a power cut, is left out.

    A last line without its line feed counts as cut short.
    """
    whole = text[: text.rfind("\n") + 1]
    found = csv.DictReader(io.StringIO(whole))
    if tuple(found.fieldnames or ()) != COLUMNS:
        return []
    return [Row(**row) for row in found if None not in row.values() and None not in row]


def patch_text(covered: NDArray[np.bool_]) -> str:
    """Patches of covered pixels (S, S) as 14 words of 14 digits, row by row.

    2 is hidden, 1 a border patch (covered by less than a quarter), 0 visible.
    """
    states = 2 * occluded_patches(covered) + border_patches(covered).astype(int)
    return " ".join("".join(str(state) for state in row) for row in states.tolist())


def patch_states(text: str) -> NDArray[np.int64]:
    """The patches of `patch_text`: (14, 14) int, 2 hidden, 1 border, 0 visible."""
    return np.array([[int(state) for state in word] for word in text.split()])
