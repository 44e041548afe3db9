"""Any CSV, TSV or Parquet file with a column of paths and a column of labels."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.findings import capped, checked_codes, missing_images
from latent_ofer.datasets.folder_names import SPLITS
from latent_ofer.datasets.listing import Listing, Problem, Sample, Split
from latent_ofer.datasets.words_or_codes import is_code, need_a_map, read_label
from latent_ofer.errors import DataError, ImageError
from latent_ofer.images.load import load_image

COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "path": ("path", "file", "filename", "image", "image_path", "name"),
    "label": ("label", "expression", "emotion", "class"),
    "split": ("split", "subset", "usage"),
    "subject": ("subject", "person", "id"),
}
"""What each column may be called, in lower case; the first name that is there counts."""
USAGES: Final[Mapping[str, Split]] = {"publictest": "val", "privatetest": "test"}
PARQUET = frozenset({".parquet", ".pq"})
TEXT = frozenset({".csv", ".tsv", ".txt"})


@dataclass(frozen=True)
class FolderPictures:
    """Picture files whose paths are relative to a folder, or absolute.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    def read(self, path: str) -> NDArray[np.uint8]:
        """One picture, upright: (H, W, 3) uint8.

        Raises
        ------
        ImageError
            When it is missing or cannot be read.
        """
        try:
            return load_image(self.folder / path)
        except ImageError as error:
            raise ImageError(error.code, path, error.message) from error

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return (self.folder / path).is_file()


def read(root: Path, codes: str | None) -> Listing:
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
    if codes is not None:
        checked_codes(codes)
    header, lines, rows = _rows(root)
    where = _columns(header, root)
    if codes is None:
        bare = [row[where["label"]] for row in rows if len(row) == len(header)]
        if any(is_code(label) for label in bare):
            raise need_a_map(root, (label for label in bare if is_code(label)))
    pictures = FolderPictures(root.parent)
    samples: list[Sample] = []
    problems: list[Problem] = []
    missing: dict[Split, list[tuple[str, str]]] = {}
    sizes: Counter[Split] = Counter()
    for line, row in zip(lines, rows, strict=True):
        place = f"{root.name}:{line}"
        sample = _sample(row, len(header), where, codes, place)
        if isinstance(sample, Problem):
            problems.append(sample)
            continue
        sizes[sample.split] += 1
        if not pictures.exists(sample.path):
            missing.setdefault(sample.split, []).append((place, sample.path))
        else:
            samples.append(sample)
    problems = capped(problems)
    for split, places in missing.items():
        problems += missing_images(split, places, sizes[split])
    notes = [] if "split" in where else ["No column split: every picture is in the split test."]
    return Listing("table", root, pictures, samples, problems, notes)


def _sample(
    row: Sequence[str], width: int, where: Mapping[str, int], codes: str | None, place: str
) -> Sample | Problem:
    if len(row) != width:
        message = f"{place}: {len(row)} columns, expected {width} as in the header."
        return Problem("bad_file", place, message)
    values = {name: row[column] for name, column in where.items()}
    split: Split | None = "test"
    if "split" in values:
        word = values["split"].lower()
        split = SPLITS.get(word) or USAGES.get(word)
    if split is None:
        message = f'{place}: split "{values["split"]}" is none of train, val and test.'
        return Problem("unknown_code", place, message)
    label = read_label(values["label"], codes, place)
    if isinstance(label, Problem):
        return label
    path = values["path"].replace("\\", "/")
    return Sample(path, split, label, values["label"], values.get("subject", ""))


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


def _rows(root: Path) -> tuple[list[str], list[int], list[list[str]]]:
    """Header, line of each row and the rows themselves, as stripped text."""
    suffix = root.suffix.lower()
    if not root.is_file() or suffix not in PARQUET | TEXT:
        raise DataError(f"{root}: no table. Give the .csv, .tsv or .parquet file itself.")
    if suffix in PARQUET:
        return _parquet(root)
    text = _text(root).splitlines()
    first = text[0] if text else ""
    delimiter = max("\t;,", key=lambda mark: (first.count(mark), mark == ","))
    reader = csv.reader(text, delimiter=delimiter)
    header = [name.strip() for name in next(reader, [])]
    found = [(reader.line_num, [field.strip() for field in row]) for row in reader if row]
    return header, [line for line, _ in found], [row for _, row in found]


def _text(root: Path) -> str:
    try:
        raw = root.read_bytes()
    except OSError as error:
        raise DataError(f"{root}: cannot be read ({error.strerror}).") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _parquet(root: Path) -> tuple[list[str], list[int], list[list[str]]]:
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
    return [str(name) for name in frame.columns], list(range(1, len(rows) + 1)), rows
