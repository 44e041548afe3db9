"""FER2013, as a table of pixels or class folders."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.listing import Listing, Sample, Split
from latent_ofer.datasets.readers.findings import Fault, Findings, read_code
from latent_ofer.datasets.readers.folders import class_folders, take_classes
from latent_ofer.datasets.tree import BROKEN, Tree
from latent_ofer.errors import DataError, ImageError

FILE: Final = "fer2013.csv"
SIDE: Final = 48
COLUMNS: Final = ("emotion", "pixels", "usage")
USAGES: Final[dict[str, Split]] = {"training": "train", "publictest": "val", "privatetest": "test"}
"""Usage in lower case -> split."""


@dataclass(frozen=True)
class PixelTable:
    """Pictures that are rows of text in ``fer2013.csv``; row k is ``fer2013.csv#k``.

    Attributes
    ----------
    root : Path
        The file, or the zip archive that holds it.
    member : str or None
        Its name inside the archive.
    pixels : (n, 48, 48) uint8
    faults : mapping of int to str
        Row -> why its pixels are none.
    """

    root: Path
    member: str | None
    pixels: NDArray[np.uint8]
    faults: Mapping[int, str]

    def files(self, paths: Iterable[str]) -> tuple[Path, list[str]]:
        """See `listing.Pictures`."""
        del paths
        home = self.root.parent if self.member is None else self.root
        return home, [self.member or self.root.name]

    def exists(self, path: str) -> bool:
        """Whether the table has such a row."""
        name, _, row = path.partition("#")
        return name == FILE and row.isdigit() and int(row) < len(self.pixels)

    def read(self, path: str) -> NDArray[np.uint8]:
        """One picture, (48, 48) uint8.

        Raises
        ------
        ImageError
            When there is no such row, or it does not hold 2,304 values of 0-255.
        """
        if not self.exists(path):
            message = f"{self.root}: no row {path}; the table has {len(self.pixels)} rows from 0."
            raise ImageError("not_found", path, message)
        row = int(path.partition("#")[2])
        if row in self.faults:
            raise ImageError("corrupt", path, f"{self.root}: {path}: {self.faults[row]}.")
        picture: NDArray[np.uint8] = self.pixels[row]
        return picture


class Row(NamedTuple):
    """What ``fer2013.csv`` says of a picture.

    Attributes
    ----------
    line : int
        In the file, counted from 1.
    code, usage : str
        As the file writes them; empty where the row lacks a column.
    """

    line: int
    code: str
    usage: str


def read_fer2013(root: Path, codes: str | None) -> Listing:
    """Read FER2013 from ``fer2013.csv``, the folder or zip archive around it, or class folders.

    Parameters
    ----------
    root : Path
    codes : str or None
        Map in `labels.CODES` for copies whose class folders are named by code.

    Raises
    ------
    DataError
        Where there is neither ``fer2013.csv`` nor a class folder, or the table lacks its header.
    """
    is_table = root.is_file() and root.suffix.lower() == ".csv"
    found = Findings(root, root.parent if is_table else None)
    table = root.name if is_table else found.tree.highest(FILE)
    if table is not None:
        return _from_pixels(found, table)
    if not class_folders(found.tree):
        raise found.not_the_set("FER2013", f"{FILE}, or class folders such as train/angry")
    take_classes(found, "FER2013", codes)
    found.notes.append(
        "Class folders instead of fer2013.csv: such copies merge PublicTest and PrivateTest in "
        "one test folder, so their test is not the one that papers report."
    )
    return found.listing("fer2013")


def _from_pixels(found: Findings, table: str) -> Listing:
    pictures, rows = read_pixels(found.tree, table)
    for number, row in enumerate(rows):
        place = f"{FILE}:{row.line}"
        with found.telling():
            split = split_of_usage(row.usage, place)
            label = read_code(row.code, "fer2013", place)
            found.samples.append(Sample(f"{FILE}#{number}", split, label, row.code))
    return found.listing("fer2013", pictures)


def read_pixels(tree: Tree, name: str) -> tuple[PixelTable, list[Row]]:
    """Read all rows of ``fer2013.csv``: the pictures, and what else it says of each.

    Raises
    ------
    DataError
        When the file cannot be read or its header lacks emotion, pixels or Usage.
    """
    root, member = (tree.root / name, None) if tree.root.is_dir() else (tree.root, name)
    pictures: list[NDArray[np.uint8]] = []
    faults: dict[int, str] = {}
    rows: list[Row] = []
    try:
        with root.open("rb") if member is None else zipfile.ZipFile(root).open(member) as stream:
            lines = csv.reader(io.TextIOWrapper(stream, "utf-8-sig", "replace", newline=""))
            header = [column.strip().lower() for column in next(lines, [])]
            if not set(COLUMNS) <= set(header):
                raise DataError(
                    f"{member or root}: the first line is no header emotion,pixels,Usage; "
                    f"it starts with {','.join(header)[:40]!r}."
                )
            where = [header.index(column) for column in COLUMNS]
            for fields in filter(None, lines):
                whole = len(fields) == len(header)
                code, text, usage = (fields[column].strip() if whole else "" for column in where)
                try:
                    pictures.append(_picture(text))
                except ValueError as fault:
                    faults[len(rows)] = str(fault)
                    pictures.append(np.zeros((SIDE, SIDE), dtype=np.uint8))
                rows.append(Row(lines.line_num, code, usage))
    except (*BROKEN, csv.Error) as error:
        raise DataError(f"{root}: cannot read {FILE} ({error}). Copy it again.") from error
    pixels = np.array(pictures, dtype=np.uint8).reshape(-1, SIDE, SIDE)
    return PixelTable(root, member, pixels, faults), rows


def _picture(text: str) -> NDArray[np.uint8]:
    try:
        values = np.array([int(value) for value in text.split()], dtype=np.int64)
    except (ValueError, OverflowError):
        raise ValueError("the pixels are not whole numbers") from None
    if values.size != SIDE * SIDE:
        raise ValueError(f"{values.size} pixels, expected {SIDE * SIDE}")
    if values.min() < 0 or values.max() > 255:
        raise ValueError("a pixel is out of 0-255")
    return values.astype(np.uint8).reshape(SIDE, SIDE)


def split_of_usage(usage: str, place: str) -> Split:
    """Split that a Usage means; a Fault where it means none."""
    split = USAGES.get(usage.lower())
    if split is not None:
        return split
    if not usage:
        raise Fault("bad_file", place, "not the columns emotion, pixels and Usage.")
    why = f'Usage "{usage}" is none of Training, PublicTest and PrivateTest.'
    raise Fault("unknown_code", place, why)
