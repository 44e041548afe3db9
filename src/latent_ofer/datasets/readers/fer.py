"""FER2013, as a table of pixels or class folders, and FERPlus, the same pictures with ten votes.

FERPlus comes as folders with ``label.csv``, or as ``fer2013new.csv`` + ``fer2013.csv``. The ten
votes, the *Majority* rule and its counts are those of the protocol page, section "FERPlus labels".
"""

import csv
import threading
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.ferplus import VOTERS, majority
from latent_ofer.datasets.listing import Listing, Sample, Split
from latent_ofer.datasets.readers.findings import Fault, Findings, not_the_set, read_code
from latent_ofer.datasets.readers.folders import (
    SEVEN_CLASSES,
    class_folders,
    known_folders,
    outside,
    take_folders,
)
from latent_ofer.datasets.tree import BROKEN, Tree
from latent_ofer.errors import DataError, ImageError
from latent_ofer.labels import EXPRESSIONS

FILE: Final = "fer2013.csv"
SIDE: Final = 48
COLUMNS: Final = ("emotion", "pixels", "usage")
USAGES: Final[dict[str, Split]] = {
    "training": "train",
    "publictest": "val",
    "privatetest": "test",
}
"""Usage in lower case -> split."""

PARTS: Final[dict[str, Split]] = {
    "FER2013Train": "train",
    "FER2013Valid": "val",
    "FER2013Test": "test",
}
LABELS: Final = "label.csv"
VOTES: Final = "fer2013new.csv"
TWIN_LISTS: Final = ("twins_of_test.txt", "train_twins_of_valid.txt")
VOTE_COLUMNS: Final = (*EXPRESSIONS, "unknown", "nf")
"""The ten vote columns in lower case."""
WHICH_TABLE: Final = (
    "Votes from fer2013new.csv, which differs from label.csv in 1,602 rows: the majority rule "
    "gives 25,060 / 3,199 / 3,153 faces and not 25,045 / 3,191 / 3,137."
)

Votes = tuple[int, ...]


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
    if root.is_file() and root.suffix.lower() == ".csv":
        return _from_pixels(Findings(Tree(root.parent)), root, read_rows(root, None))
    found = Findings(Tree(root))
    table = _pixel_file(found.tree)
    if table is not None:
        return _from_pixels(found, root, read_rows(*table))
    if not class_folders(found.tree):
        raise not_the_set(found.tree, "FER2013", f"{FILE}, or class folders such as train/angry")
    folders = known_folders(found.tree, "FER2013", codes)
    take_folders(found, folders, codes or SEVEN_CLASSES)
    outside(found, folders)
    found.notes.append(
        "Class folders instead of fer2013.csv: such copies merge PublicTest and PrivateTest in "
        "one test folder, so their test is not the one that papers report."
    )
    return found.listing("fer2013", root)


def _from_pixels(found: Findings, root: Path, rows: Rows) -> Listing:
    for row, line in enumerate(rows.lines):
        place = f"{FILE}:{line}"
        with found.telling():
            split = split_of_usage(rows.usages[row], place)
            label = read_code(rows.codes[row], "fer2013", place)
            found.samples.append(Sample(rows.table.path(row), split, label, rows.codes[row]))
    return found.listing("fer2013", root, rows.table)


def _pixel_file(tree: Tree) -> tuple[Path, str | None] | None:
    """File, and member of a zip archive, that is ``fer2013.csv``; None where there is none."""
    name = tree.highest(FILE)
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


def split_of_usage(usage: str, place: str) -> Split:
    """Split that a Usage means; a Fault where it means none."""
    split = USAGES.get(usage.lower())
    if split is not None:
        return split
    if not usage:
        raise Fault("bad_file", place, "not the columns emotion, pixels and Usage.")
    why = f'Usage "{usage}" is none of Training, PublicTest and PrivateTest.'
    raise Fault("unknown_code", place, why)


def read_ferplus_set(root: Path, codes: str | None) -> Listing:
    """Read FERPlus; labels follow the *Majority* rule, the votes stay with each sample.

    Parameters
    ----------
    root : Path
        A folder or zip archive with ``FER2013Train/label.csv`` and pictures beside it, likewise
        ``FER2013Valid`` and ``FER2013Test``; or with ``fer2013new.csv`` and ``fer2013.csv``.
    codes : str or None
        Ignored: the votes have columns.

    Raises
    ------
    DataError
        Where there is neither, or a table lacks its header.
    """
    found = Findings(Tree(root.parent if root.suffix.lower() == ".csv" else root))
    tree = found.tree
    tables = {part: paths[0] for part in PARTS if (paths := tree.ending(f"{part}/{LABELS}"))}
    votes, pixels = tree.highest(VOTES), _pixel_file(tree)
    has_pictures = any(tree.pictures(_folder(table)) for table in tables.values())
    if tables and (has_pictures or votes is None or pixels is None):
        return _from_parts(found, root, tables, votes is not None)
    if votes is None or pixels is None:
        expected = "FER2013Train/label.csv, or fer2013new.csv and fer2013.csv"
        raise not_the_set(tree, "FERPlus", expected)
    return _from_tables(found, root, votes, pixels)


def read_tables(votes: Path, pixels: Path) -> Listing:
    """Read ``fer2013new.csv`` and ``fer2013.csv`` from wherever each lies; see `read_ferplus_set`.

    Raises
    ------
    DataError
        Where one is missing or lacks its header.
    """
    for path in (votes, pixels):
        if not path.is_file():
            raise DataError(f"{path}: not found. Give the file itself.")
    return _from_tables(Findings(Tree(votes.parent)), votes, votes.name, (pixels, None))


def _from_parts(
    found: Findings, root: Path, tables: dict[str, str], has_other_votes: bool
) -> Listing:
    for part, split in PARTS.items():
        inside = f"/{part.lower()}/"
        if part in tables:
            _read_part(found, part, tables[part])
        elif left := [p for p in found.tree.pictures() if inside in f"/{p.lower()}"]:
            why = f"no such file beside {len(left):,} pictures such as {left[0]}."
            found.wrong("missing_file", f"{part}/{LABELS}", why)
        else:
            found.notes.append(f"{part}/{LABELS} is not here: no {split} split.")
    if has_other_votes:
        found.notes.append(f"Votes from {LABELS}; {VOTES} lies there too and was not used.")
    return found.listing("ferplus", root)


def _read_part(found: Findings, part: str, table: str) -> None:
    tree, split, folder = found.tree, PARTS[part], _folder(table)
    twins = _twins(tree) if split == "train" else frozenset()
    named: set[str] = set()
    for number, fields in enumerate(csv.reader(tree.text(table).splitlines()), start=1):
        if not fields:
            continue
        place = f"{table}:{number}"
        expected = f"{folder}/{fields[0].strip()}".lstrip("/")
        path = tree.find(expected)
        named.add(path or expected)
        with found.telling():
            votes = read_votes(fields[2:], place)
            name = (path or expected).rpartition("/")[2]
            twin = {"twin": "yes"} if f"{part}/{name}".lower() in twins else {}
            sample = _voted(path or expected, split, votes, {"name": name, **twin})
            found.listed(place, path, expected, sample)
    unlisted = [path for path in tree.pictures(folder) if path not in named]
    found.unlisted(unlisted, f"named in {table}")


def _voted(path: str, split: Split, votes: Votes, tags: dict[str, str]) -> Sample:
    index = int(majority(np.array([votes]))[0])
    label, word = (None, "") if index < 0 else (index, EXPRESSIONS[index])
    return Sample(path, split, label, word, votes=votes, tags=tags)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _twins(tree: Tree) -> frozenset[str]:
    """Training pictures that are pixel-identical to a test or validation picture, lower case."""
    lists = [path for name in TWIN_LISTS for path in tree.ending(name)]
    return frozenset(line.lower() for path in lists for line in tree.lines(path))


def read_votes(fields: Sequence[str], place: str) -> Votes:
    """Ten votes of one line; a Fault where they are none."""
    if len(fields) != len(VOTE_COLUMNS):
        why = f"{len(fields)} vote columns, expected {len(VOTE_COLUMNS)}."
        raise Fault("bad_file", place, why)
    try:
        votes = tuple(int(vote) for vote in fields)
    except ValueError:
        why = f"the votes {','.join(fields)} are not all whole numbers."
        raise Fault("bad_file", place, why) from None
    wrong = next((vote for vote in votes if not 0 <= vote <= VOTERS), None)
    if wrong is not None:
        why = f"{wrong} votes for one column, expected 0-{VOTERS}."
        raise Fault("label_out_of_range", place, why)
    return votes


def _from_tables(
    found: Findings, root: Path, votes: str, pixels: tuple[Path, str | None]
) -> Listing:
    rows = read_rows(*pixels)
    table = read_vote_table(found.tree, votes)
    found.notes.append(WHICH_TABLE)
    if len(table) == len(rows.lines):
        _join(found, rows, table, votes)
    else:
        why = (
            f"{len(table):,} rows, but fer2013.csv has {len(rows.lines):,}; they are "
            "joined by row order, so no face was read. Both files must be whole."
        )
        found.wrong("bad_file", votes, why)
    return found.listing("ferplus", root, rows.table)


@dataclass(frozen=True)
class VoteRow:
    """One row of ``fer2013new.csv``.

    Attributes
    ----------
    line : int
        In the file, counted from 1.
    usage, name : str
        The name is empty where the row has no picture.
    votes : list of str
        The ten columns as written, fewer where the row is short.
    """

    line: int
    usage: str
    name: str
    votes: list[str]


def read_vote_table(tree: Tree, path: str) -> list[VoteRow]:
    """Rows of ``fer2013new.csv``; a row's number tells the picture, its name does not.

    Raises
    ------
    DataError
        When the header lacks a column.
    """
    lines = csv.reader(tree.text(path).splitlines())
    header = [name.strip().lower() for name in next(lines, [])]
    lacking = [name for name in ("usage", "image name", *VOTE_COLUMNS) if name not in header]
    if lacking:
        raise DataError(f"{tree.root}: {path}: the header lacks {', '.join(lacking)}.")
    usage, name = header.index("usage"), header.index("image name")
    columns = [header.index(column) for column in VOTE_COLUMNS]
    return [
        VoteRow(
            number,
            fields[usage].strip(),
            fields[name].strip(),
            [fields[column] for column in columns],
        )
        if len(fields) == len(header)
        else VoteRow(number, "", "?", fields[2:])
        for number, fields in enumerate(lines, start=2)
        if fields
    ]


def _join(found: Findings, rows: Rows, table: list[VoteRow], path: str) -> None:
    """Row k of one file belongs to row k of the other.

    Names must not be used: from row 60 on the number in a name lags the row's own.
    """
    for number, row in enumerate(table):
        place = f"{path}:{row.line}"
        if not row.name:
            continue
        with found.telling():
            votes = read_votes(row.votes, place)
            if row.usage.lower() != rows.usages[number].lower():
                why = (
                    f'Usage "{row.usage}", but "{rows.usages[number]}" in line '
                    f"{rows.lines[number]} of fer2013.csv; the rows do not belong together."
                )
                raise Fault("bad_file", place, why)
            split = split_of_usage(row.usage, place)
            tags = {"name": row.name}
            found.samples.append(_voted(rows.table.path(number), split, votes, tags))
    blank = sum(not row.name for row in table)
    if blank:
        found.notes.append(f"{blank:,} rows without an image name were skipped.")
