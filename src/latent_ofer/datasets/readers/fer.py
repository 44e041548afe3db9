"""FER2013, as a table of pixels or class folders, and FERPlus, the same pictures with ten votes.

FERPlus comes as folders with ``label.csv``, or as ``fer2013new.csv`` + ``fer2013.csv``. The ten
votes, the *Majority* rule and its counts are those of the protocol page, section "FERPlus labels".
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.ferplus import VOTERS, majority
from latent_ofer.datasets.listing import Landmarks, Listing, Sample, Split
from latent_ofer.datasets.readers.findings import Fault, Findings, read_code, read_landmarks
from latent_ofer.datasets.readers.folders import class_folders, take_classes
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
LANDMARKS: Final = "landmarks.csv"
"""What our own archive has besides: five points of each crop where they were found."""
TWIN_LISTS: Final = ("twins_of_test.txt", "train_twins_of_valid.txt")
VOTE_COLUMNS: Final = (*EXPRESSIONS, "unknown", "nf")
"""The ten vote columns in lower case."""
WHICH_TABLE: Final = (
    "Votes from fer2013new.csv, which differs from label.csv in 1,602 rows: the majority rule "
    "gives 25,060 / 3,199 / 3,153 faces and not 25,045 / 3,191 / 3,137."
)

Votes = tuple[int, ...]


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


@dataclass(frozen=True)
class Rows:
    """What ``fer2013.csv`` holds.

    Attributes
    ----------
    table : PixelTable
    lines : list of int
        Line of each row in the file, counted from 1.
    codes, usages : list of str
        As the file writes them; empty where a row lacks a column.
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
        return _from_pixels(Findings(root, root.parent), read_rows(root, None))
    found = Findings(root)
    table = _pixel_file(found.tree)
    if table is not None:
        return _from_pixels(found, read_rows(*table))
    if not class_folders(found.tree):
        raise found.not_the_set("FER2013", f"{FILE}, or class folders such as train/angry")
    take_classes(found, "FER2013", codes)
    found.notes.append(
        "Class folders instead of fer2013.csv: such copies merge PublicTest and PrivateTest in "
        "one test folder, so their test is not the one that papers report."
    )
    return found.listing("fer2013")


def _from_pixels(found: Findings, rows: Rows) -> Listing:
    for row, line in enumerate(rows.lines):
        place = f"{FILE}:{line}"
        with found.telling():
            split = split_of_usage(rows.usages[row], place)
            label = read_code(rows.codes[row], "fer2013", place)
            found.samples.append(Sample(f"{FILE}#{row}", split, label, rows.codes[row]))
    return found.listing("fer2013", rows.table)


def _pixel_file(tree: Tree) -> tuple[Path, str | None] | None:
    """File, and member of a zip archive, that is ``fer2013.csv``; None where there is none."""
    name = tree.highest(FILE)
    if name is None:
        return None
    return (tree.root / name, None) if tree.root.is_dir() else (tree.root, name)


def read_rows(root: Path, member: str | None) -> Rows:
    """Read all rows of a file, or of a member of a zip archive.

    Raises
    ------
    DataError
        When the file cannot be read or its header lacks emotion, pixels or Usage.
    """
    pictures: list[NDArray[np.uint8]] = []
    faults: dict[int, str] = {}
    lines: list[int] = []
    codes: list[str] = []
    usages: list[str] = []
    try:
        with root.open("rb") if member is None else zipfile.ZipFile(root).open(member) as stream:
            rows = csv.reader(io.TextIOWrapper(stream, "utf-8-sig", "replace", newline=""))
            header = [name.strip().lower() for name in next(rows, [])]
            if not set(COLUMNS) <= set(header):
                raise DataError(
                    f"{member or root}: the first line is no header emotion,pixels,Usage; "
                    f"it starts with {','.join(header)[:40]!r}."
                )
            where = [header.index(name) for name in COLUMNS]
            for row in filter(None, rows):
                whole = len(row) == len(header)
                code, text, usage = (row[column].strip() if whole else "" for column in where)
                try:
                    pictures.append(_picture(text))
                except ValueError as fault:
                    faults[len(lines)] = str(fault)
                    pictures.append(np.zeros((SIDE, SIDE), dtype=np.uint8))
                lines.append(rows.line_num)
                codes.append(code)
                usages.append(usage)
    except (*BROKEN, csv.Error) as error:
        raise DataError(f"{root}: cannot read {FILE} ({error}). Copy it again.") from error
    pixels = np.array(pictures, dtype=np.uint8).reshape(-1, SIDE, SIDE)
    return Rows(PixelTable(root, member, pixels, faults), lines, codes, usages)


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
    found = Findings(root, root.parent if root.suffix.lower() == ".csv" else None)
    tree = found.tree
    tables = {part: paths[0] for part in PARTS if (paths := tree.ending(f"{part}/{LABELS}"))}
    votes, pixels = tree.highest(VOTES), _pixel_file(tree)
    has_pictures = any(tree.pictures(_folder(table)) for table in tables.values())
    if tables and (has_pictures or votes is None or pixels is None):
        return _from_parts(found, tables, votes is not None)
    if votes is None or pixels is None:
        expected = "FER2013Train/label.csv, or fer2013new.csv and fer2013.csv"
        raise found.not_the_set("FERPlus", expected)
    return _from_tables(found, votes, pixels)


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
    return _from_tables(Findings(votes, votes.parent), votes.name, (pixels, None))


def _from_parts(found: Findings, tables: dict[str, str], has_other_votes: bool) -> Listing:
    points = _landmarks(found.tree)
    for part, split in PARTS.items():
        inside = f"/{part.lower()}/"
        if part in tables:
            _read_part(found, part, tables[part], points)
        elif left := [p for p in found.tree.pictures() if inside in f"/{p.lower()}"]:
            why = f"no such file beside {len(left):,} pictures such as {left[0]}."
            found.wrong("missing_file", f"{part}/{LABELS}", why)
        else:
            found.notes.append(f"{part}/{LABELS} is not here: no {split} split.")
    if has_other_votes:
        found.notes.append(f"Votes from {LABELS}; {VOTES} lies there too and was not used.")
    return found.listing("ferplus")


def _landmarks(tree: Tree) -> dict[str, Landmarks | None]:
    if not tree.exists(LANDMARKS):
        return {}
    rows = csv.DictReader(tree.text(LANDMARKS).splitlines())
    return {row["file"]: read_landmarks(row) for row in rows}


def _read_part(
    found: Findings, part: str, table: str, points: Mapping[str, Landmarks | None]
) -> None:
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
            sample = replace(sample, landmarks=points.get(sample.path))
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
    return frozenset(line.lower() for path in lists for line in tree.text(path).split())


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


def _from_tables(found: Findings, votes: str, pixels: tuple[Path, str | None]) -> Listing:
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
    return found.listing("ferplus", rows.table)


def read_vote_table(tree: Tree, path: str) -> list[tuple[int, dict[str, str]]]:
    """Line and columns, by their names in lower case, of each row of ``fer2013new.csv``.

    A row's number tells the picture, its name does not.

    Raises
    ------
    DataError
        When the header lacks a column.
    """
    rows = csv.DictReader(tree.text(path).splitlines())
    rows.fieldnames = header = [name.strip().lower() for name in rows.fieldnames or ()]
    lacking = [name for name in ("usage", "image name", *VOTE_COLUMNS) if name not in header]
    if lacking:
        raise DataError(f"{tree.root}: {path}: the header lacks {', '.join(lacking)}.")
    return [(rows.line_num, row) for row in rows]


def _join(
    found: Findings, rows: Rows, table: Sequence[tuple[int, Mapping[str, str]]], path: str
) -> None:
    """Row k of one file belongs to row k of the other.

    Names must not be used: from row 60 on the number in a name lags the row's own.
    """
    blank = 0
    for number, (line, row) in enumerate(table):
        place = f"{path}:{line}"
        with found.telling():
            if None in row or None in row.values():
                raise Fault("bad_file", place, "not the columns of the header.")
            name, usage = row["image name"].strip(), row["usage"].strip()
            if not name:
                blank += 1
                continue
            votes = read_votes([row[column] for column in VOTE_COLUMNS], place)
            if usage.lower() != rows.usages[number].lower():
                why = (
                    f'Usage "{usage}", but "{rows.usages[number]}" in line '
                    f"{rows.lines[number]} of fer2013.csv; the rows do not belong together."
                )
                raise Fault("bad_file", place, why)
            split = split_of_usage(usage, place)
            found.samples.append(_voted(f"{FILE}#{number}", split, votes, {"name": name}))
    if blank:
        found.notes.append(f"{blank:,} rows without an image name were skipped.")
