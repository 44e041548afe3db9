"""FER2013: ``fer2013.csv`` with the pixels as text, or copies of it as class folders."""

import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.class_folders import known_folders, outside
from latent_ofer.datasets.findings import capped, not_the_set, read_code
from latent_ofer.datasets.folder_names import class_folders, samples_of
from latent_ofer.datasets.listing import Listing, Problem, Sample, Split
from latent_ofer.datasets.tree import BROKEN, Tree
from latent_ofer.errors import DataError, ImageError

FILE = "fer2013.csv"
SIDE = 48
COLUMNS = ("emotion", "pixels", "usage")
USAGES: dict[str, Split] = {"training": "train", "publictest": "val", "privatetest": "test"}
"""Usage in lower case -> split."""


class PixelTable:
    """Pictures that are rows of text in ``fer2013.csv``; row k is read on demand.

    Only the places of the rows are held, and the file is opened anew in each process and thread.

    Attributes
    ----------
    root : Path
        The file, or the zip archive that holds it.
    member : str or None
        Its name inside the archive.
    starts : (n,) int64
        Byte at which each row starts.
    column : int
        Which column holds the pixels.
    """

    def __init__(
        self, root: Path, member: str | None, starts: NDArray[np.int64], column: int
    ) -> None:
        self.root = root
        self.member = member
        self.starts = starts
        self.column = column
        self._local = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_local"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._local = threading.local()

    def path(self, row: int) -> str:
        """What `read` takes for a row, counted from 0 below the header."""
        return f"{FILE}#{row}"

    def exists(self, path: str) -> bool:
        """Whether the table has such a row."""
        name, _, row = path.partition("#")
        return name == FILE and row.isdigit() and int(row) < len(self.starts)

    def read(self, path: str) -> NDArray[np.uint8]:
        """One picture, (48, 48) uint8.

        Raises
        ------
        ImageError
            When there is no such row, or it does not hold 2,304 values of 0-255.
        """
        if not self.exists(path):
            message = f"{self.root}: no row {path}; the table has {len(self.starts)} rows from 0."
            raise ImageError("not_found", path, message)
        start = int(self.starts[int(path.partition("#")[2])])
        try:
            stream = self._stream()
            stream.seek(start)
            fields = _fields(stream.readline())
        except BROKEN as error:
            message = f"{self.root}: cannot read {path} ({error}); copy the file again."
            raise ImageError("corrupt", path, message) from error
        return self._pixels(fields, path)

    def _stream(self) -> IO[bytes]:
        opened: IO[bytes] | None = getattr(self._local, "stream", None)
        if opened is None:
            opened = self._local.stream = open_table(self.root, self.member)
        return opened

    def _pixels(self, fields: list[bytes], path: str) -> NDArray[np.uint8]:
        try:
            values = [int(value) for value in fields[self.column].split()]
        except (ValueError, IndexError):
            message = f"{self.root}: {path}: the pixels are not whole numbers."
            raise ImageError("corrupt", path, message) from None
        if len(values) != SIDE * SIDE:
            message = f"{self.root}: {path}: {len(values)} pixels, expected {SIDE * SIDE}."
            raise ImageError("corrupt", path, message)
        if min(values) < 0 or max(values) > 255:
            message = f"{self.root}: {path}: a pixel is out of 0-255."
            raise ImageError("corrupt", path, message)
        return np.array(values, dtype=np.uint8).reshape(SIDE, SIDE)


@dataclass(frozen=True)
class Rows:
    """What one pass over ``fer2013.csv`` found.

    Attributes
    ----------
    table : PixelTable
    lines : list of int
        Line of each row in the file, counted from 1.
    codes, usages : list of str
        As the file writes them; empty where a row lacks the column.
    """

    table: PixelTable
    lines: list[int]
    codes: list[str]
    usages: list[str]


def read(root: Path, codes: str | None) -> Listing:
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
    if root.is_file() and root.suffix.lower() == ".csv":
        return _from_table(root, read_rows(root, None))
    tree = Tree(root)
    found = find_table(tree)
    if found is not None:
        return _from_table(root, read_rows(*found))
    return _from_folders(root, tree, codes)


def find_table(tree: Tree) -> tuple[Path, str | None] | None:
    """File, and member of a zip archive, that is ``fer2013.csv``; None where there is none."""
    name = min(tree.ending(FILE), key=lambda path: (path.count("/"), path), default=None)
    if name is None:
        return None
    return (tree.root / name, None) if tree.root.is_dir() else (tree.root, name)


def open_table(root: Path, member: str | None) -> IO[bytes]:
    """Open a file, or a member of a zip archive, for reading and seeking."""
    return root.open("rb") if member is None else zipfile.ZipFile(root).open(member)


def read_rows(root: Path, member: str | None) -> Rows:
    """Find all rows in one pass over the file; nothing of their pixels is kept.

    Raises
    ------
    DataError
        When the file cannot be read or its header lacks emotion, pixels or Usage.
    """
    try:
        with open_table(root, member) as stream:
            header = [
                field.decode("latin-1").lower()
                for field in _fields(stream.readline().removeprefix(b"\xef\xbb\xbf"))
            ]
            if not set(COLUMNS) <= set(header):
                raise DataError(
                    f"{member or root}: the first line is no header emotion,pixels,Usage; "
                    f"it starts with {','.join(header)[:40]!r}."
                )
            emotion, pixels, usage = (header.index(name) for name in COLUMNS)
            starts, lines, codes, usages = [], [], [], []
            for line, start, fields in _scan(stream):
                starts.append(start)
                lines.append(line)
                whole = len(fields) == len(header)
                codes.append(fields[emotion].decode("latin-1") if whole else "")
                usages.append(fields[usage].decode("latin-1") if whole else "")
    except BROKEN as error:
        raise DataError(f"{root}: cannot read {FILE} ({error}). Copy it again.") from error
    table = PixelTable(root, member, np.array(starts, dtype=np.int64), pixels)
    return Rows(table, lines, codes, usages)


def _scan(stream: IO[bytes]) -> Iterator[tuple[int, int, list[bytes]]]:
    """Line number, first byte and fields of each line after the header that is not empty."""
    start = stream.tell()
    for line, text in enumerate(stream, start=2):
        if text.strip():
            yield line, start, _fields(text)
        start += len(text)


def _fields(line: bytes) -> list[bytes]:
    return [field.strip(b' "\r\n') for field in line.split(b",")]


def _from_table(root: Path, rows: Rows) -> Listing:
    samples, problems = [], []
    for row, line in enumerate(rows.lines):
        place = f"{FILE}:{line}"
        split = split_of_usage(rows.usages[row], place)
        if isinstance(split, Problem):
            problems.append(split)
            continue
        label = read_code(rows.codes[row], "fer2013", place)
        if isinstance(label, Problem):
            problems.append(label)
            continue
        samples.append(Sample(rows.table.path(row), split, label, rows.codes[row]))
    return Listing("fer2013", root, rows.table, samples, capped(problems))


def split_of_usage(usage: str, place: str) -> Split | Problem:
    """Split that a Usage means, or what is wrong with it."""
    split = USAGES.get(usage.lower())
    if split is not None:
        return split
    if not usage:
        return Problem("bad_file", place, f"{place}: not the columns emotion, pixels and Usage.")
    message = f'{place}: Usage "{usage}" is none of Training, PublicTest and PrivateTest.'
    return Problem("unknown_code", place, message)


def _from_folders(root: Path, tree: Tree, codes: str | None) -> Listing:
    if not class_folders(tree):
        raise not_the_set(tree, "FER2013", f"{FILE}, or class folders such as train/angry")
    folders = known_folders(tree, "FER2013", codes)
    samples, problems, notes = samples_of(folders, codes or "fer2013", lambda path: "test")
    problems += outside(tree, samples, folders)
    notes.append(
        "Class folders instead of fer2013.csv: such copies merge PublicTest and PrivateTest in "
        "one test folder, so their test is not the one that papers report."
    )
    return Listing("fer2013", root, tree, samples, capped(problems), notes)
