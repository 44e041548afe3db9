"""Tables with a row for each face: any CSV, TSV or Parquet file; the archives of aligned faces."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from latent_ofer.datasets.listing import Listing, Sample, Split, read_landmarks
from latent_ofer.datasets.readers.fer2013 import USAGES
from latent_ofer.datasets.readers.findings import Fault, Findings, read_label
from latent_ofer.datasets.readers.folders import SPLITS
from latent_ofer.datasets.tree import FolderPictures, decoded_text
from latent_ofer.errors import DataError

COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "path": ("path", "file", "filename", "image", "image_path", "name"),
    "label": ("label", "expression", "emotion", "class"),
    "split": ("split", "subset", "usage"),
    "subject": ("subject", "person", "id"),
}
"""What each column may be called, in lower case; the first name that is there counts."""
PARQUET = frozenset({".parquet", ".pq"})
TEXT = frozenset({".csv", ".tsv", ".txt"})
INDEX: Final = "index.csv"
TAGS: Final = ("source", "age", "sex", "race", "kind")
GREY_SOURCES: Final = frozenset({"lfw", "imfdb"})
"""Sources whose photos are grey, though rounding leaves their channels a little apart."""


def read_table(root: Path, codes: str | None) -> Listing:
    """Read a table of paths and labels.

    Parameters
    ----------
    root : Path
        The table itself: ``.csv``, ``.tsv`` or ``.parquet``; paths in it are relative to its
        folder.
    codes : str or None
        Map in `labels.CODES` for labels that are bare numbers.

    Raises
    ------
    DataError
        Where it is no such table, lacks a path or label column, or bare numbers come without
        `codes`.
    """
    header, rows = _rows(root)
    where = _columns(header, root)
    labels = [row[where["label"]] for _, row in rows if len(row) == len(header)]
    found = Findings(root, root.parent)
    found.tree = FolderPictures(root.parent)
    found.must_have_a_map(labels, codes)
    for line, row in rows:
        place = f"{root.name}:{line}"
        with found.telling():
            if len(row) != len(header):
                why = f"{len(row)} columns, expected {len(header)} as in the header."
                raise Fault("bad_file", place, why)
            values = {name: row[column] for name, column in where.items()}
            split = _split(values.get("split", "test"), place)
            label = read_label(values["label"], codes, place)
            path = values["path"].replace("\\", "/")
            subject = values.get("subject", "")
            sample = Sample(found.find(path), split, label, values["label"], subject)
            found.listed(place, path, sample)
    if "split" not in where:
        found.notes.append("No column split: every picture is in the split test.")
    return found.listing("table")


def _split(word: str, place: str) -> Split:
    lower = word.strip().lower()
    split = SPLITS.get(lower) or USAGES.get(lower)
    if split is None:
        raise Fault("unknown_code", place, f'split "{word}" is none of train, val and test.')
    return split


def _columns(header: Sequence[str], root: Path) -> dict[str, int]:
    lower = [name.strip().lower() for name in header]
    where = {
        column: lower.index(known[0])
        for column, names in COLUMNS.items()
        if (known := [name for name in names if name in lower])
    }
    for column in ("path", "label"):
        if column not in where:
            raise DataError(
                f"{root}: no column for the {column}; looked for {', '.join(COLUMNS[column])}, "
                f"found {', '.join(header)[:80] or 'nothing'}."
            )
    return where


def _rows(root: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header, and line and fields of each row, as stripped text."""
    suffix = root.suffix.lower()
    if not root.is_file() or suffix not in PARQUET | TEXT:
        raise DataError(f"{root}: no table. Give the .csv, .tsv or .parquet file itself.")
    if suffix in PARQUET:
        return _parquet(root)
    try:
        text = decoded_text(root.read_bytes()).splitlines()
    except OSError as error:
        raise DataError(f"{root}: cannot be read ({error.strerror}).") from error
    first = text[0] if text else ""
    delimiter = max("\t;,", key=lambda mark: (first.count(mark), mark == ","))
    reader = csv.reader(text, delimiter=delimiter)
    header = [name.strip() for name in next(reader, [])]
    return header, [(reader.line_num, [field.strip() for field in row]) for row in reader if row]


def _parquet(root: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """A Parquet file has no lines: its rows are counted from 1."""
    try:
        import pandas as pd

        frame = pd.read_parquet(root)
    except ImportError as error:
        raise DataError(
            f"{root}: reading Parquet needs pandas and pyarrow (pip install pandas pyarrow); "
            "or save the table as CSV."
        ) from error
    except Exception as error:  # pyarrow raises classes of its own, which are not imported here
        message = " ".join(str(error).split())[:120]
        raise DataError(f"{root}: not a readable Parquet file ({message}).") from error
    texts = frame.astype("string").fillna("")
    rows = [[field.strip() for field in row] for row in texts.itertuples(index=False, name=None)]
    return [str(name) for name in frame.columns], list(enumerate(rows, start=1))


def read_face_archive(root: Path, codes: str | None) -> Listing:
    """Read aligned faces as this project packs them, from a zip archive or folder.

    Parameters
    ----------
    root : Path
        Such as ``faces.zip``: holds ``index.csv`` beside the pictures it names.
    codes : str or None
        Map in `labels.CODES` for an index that holds codes instead of words.

    Raises
    ------
    DataError
        Where there is no ``index.csv``, or it lacks the columns path and split.
    """
    found = Findings(root)
    tree = found.tree
    index = tree.highest(INDEX)
    if index is None:
        raise found.not_the_set("archive of aligned faces", INDEX)
    rows = csv.DictReader(tree.text(index).splitlines(), restval="")
    if not {"path", "split"} <= set(rows.fieldnames or ()):
        raise DataError(f"{root}: {index}: the header lacks the columns path and split.")
    base = index[: -len(INDEX)]
    for row in rows:
        place = f"{index}:{rows.line_num}"
        path = found.find(base + row["path"])
        with found.telling():
            split = _split(row["split"], place)
            code = row.get("expression", "").strip()
            label = read_label(code, codes, place)
            tags = {"name": PurePosixPath(row["path"]).name}
            tags |= {tag: row[tag] for tag in TAGS if row.get(tag)}
            if row.get("source") in GREY_SOURCES:
                tags["grey"] = "yes"
            subject, points = row.get("subject", ""), read_landmarks(row)
            sample = Sample(path, split, label, code, subject, landmarks=points, tags=tags)
            found.listed(place, base + row["path"], sample)
    found.unlisted(tree.pictures(base), f"named in {index}")
    return found.listing("faces")
