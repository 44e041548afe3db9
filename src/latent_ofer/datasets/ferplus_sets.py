"""FERPlus as people have it: folders with ``label.csv``, or ``fer2013new.csv`` + ``fer2013.csv``.

The ten votes, the *Majority* rule and its counts are those of the protocol page, section
"FERPlus labels".
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from latent_ofer.datasets import fer2013
from latent_ofer.datasets.ferplus import VOTERS, majority
from latent_ofer.datasets.findings import capped, missing_images, not_the_set, unlisted_images
from latent_ofer.datasets.listing import Listing, Problem, Sample, Split
from latent_ofer.datasets.tree import Tree
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS

PARTS: dict[str, Split] = {
    "FER2013Train": "train",
    "FER2013Valid": "val",
    "FER2013Test": "test",
}
LABELS = "label.csv"
VOTES = "fer2013new.csv"
TWIN_LISTS = ("twins_of_test.txt", "train_twins_of_valid.txt")
COLUMNS = (*EXPRESSIONS, "unknown", "nf")
"""The ten vote columns in lower case."""
WHICH_TABLE = (
    "Votes from fer2013new.csv, which differs from label.csv in 1,602 rows: the majority rule "
    "gives 25,060 / 3,199 / 3,153 faces and not 25,045 / 3,191 / 3,137."
)


@dataclass
class _Found:
    """What the lines of the tables give, as long as they are read."""

    samples: list[Sample] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(root: Path, codes: str | None) -> Listing:
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
    tree = Tree(root.parent if root.suffix.lower() == ".csv" else root)
    tables = {part: found[0] for part in PARTS if (found := tree.ending(f"{part}/{LABELS}"))}
    votes = min(tree.ending(VOTES), key=lambda path: (path.count("/"), path), default=None)
    pixels = fer2013.find_table(tree)
    has_pictures = any(tree.pictures(_folder(table)) for table in tables.values())
    if tables and (has_pictures or votes is None or pixels is None):
        return _from_folders(root, tree, tables, votes is not None)
    if votes is None or pixels is None:
        expected = "FER2013Train/label.csv, or fer2013new.csv and fer2013.csv"
        raise not_the_set(tree, "FERPlus", expected)
    return _from_tables(root, tree, votes, pixels)


def read_tables(votes: Path, pixels: Path) -> Listing:
    """Read ``fer2013new.csv`` and ``fer2013.csv`` from wherever each lies; see `read`.

    Raises
    ------
    DataError
        Where one is missing or lacks its header.
    """
    for path in (votes, pixels):
        if not path.is_file():
            raise DataError(f"{path}: not found. Give the file itself.")
    return _from_tables(votes, Tree(votes.parent), votes.name, (pixels, None))


def _from_folders(root: Path, tree: Tree, tables: dict[str, str], has_other_votes: bool) -> Listing:
    found = _Found()
    for part in PARTS:
        if part in tables:
            _read_part(tree, part, tables[part], found)
        elif left := _pictures_of(tree, part):
            message = (
                f"{part}/{LABELS}: no such file beside {len(left):,} pictures such as {left[0]}."
            )
            found.problems.append(Problem("missing_file", f"{part}/{LABELS}", message))
        else:
            found.notes.append(f"{part}/{LABELS} is not here: no {PARTS[part]} split.")
    if has_other_votes:
        found.notes.append(f"Votes from {LABELS}; {VOTES} lies there too and was not used.")
    return Listing("ferplus", root, tree, found.samples, found.problems, found.notes)


def _pictures_of(tree: Tree, part: str) -> list[str]:
    inside = f"/{part.lower()}/"
    return [path for path in tree.pictures() if inside in f"/{path.lower()}"]


def _read_part(tree: Tree, part: str, table: str, found: _Found) -> None:
    split, folder = PARTS[part], _folder(table)
    rows = [
        (f"{table}:{number}", fields)
        for number, fields in enumerate(csv.reader(tree.text(table).splitlines()), start=1)
        if fields
    ]
    bad: list[Problem] = []
    listed: set[str] = set()
    missing: list[tuple[str, str]] = []
    good: list[tuple[str, tuple[int, ...]]] = []
    for place, fields in rows:
        expected = f"{folder}/{fields[0].strip()}".lstrip("/")
        path = tree.find(expected)
        votes = read_votes(fields[2:], place)
        listed.add(path or expected)
        if isinstance(votes, Problem):
            bad.append(votes)
        elif path is None:
            missing.append((place, expected))
        else:
            good.append((path, votes))
    twins = _twins(tree) if split == "train" else frozenset()
    labels = _labels([votes for _, votes in good])
    for (path, votes), label in zip(good, labels, strict=True):
        name = path.rpartition("/")[2]
        twin = {"twin": "yes"} if f"{part}/{name}".lower() in twins else {}
        found.samples.append(
            Sample(path, split, label, _word(label), votes=votes, tags={"name": name, **twin})
        )
    found.problems += capped(bad) + missing_images(split, missing, len(rows))
    unlisted = [path for path in tree.pictures(folder) if path not in listed]
    found.problems += unlisted_images(unlisted, f"named in {table}")


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _twins(tree: Tree) -> frozenset[str]:
    """Training pictures that are pixel-identical to a test or validation picture, lower case."""
    lists = [path for name in TWIN_LISTS for path in tree.ending(name)]
    return frozenset(line.lower() for path in lists for line in tree.lines(path))


def read_votes(fields: Sequence[str], place: str) -> tuple[int, ...] | Problem:
    """Ten votes of one line, or what is wrong with them."""
    if len(fields) != len(COLUMNS):
        message = f"{place}: {len(fields)} vote columns, expected {len(COLUMNS)}."
        return Problem("bad_file", place, message)
    try:
        votes = tuple(int(vote) for vote in fields)
    except ValueError:
        message = f"{place}: the votes {','.join(fields)} are not all whole numbers."
        return Problem("bad_file", place, message)
    wrong = next((vote for vote in votes if not 0 <= vote <= VOTERS), None)
    if wrong is not None:
        message = f"{place}: {wrong} votes for one column, expected 0-{VOTERS}."
        return Problem("label_out_of_range", place, message)
    return votes


def _labels(votes: Sequence[tuple[int, ...]]) -> list[int | None]:
    if not votes:
        return []
    return [None if label < 0 else int(label) for label in majority(np.array(votes))]


def _word(label: int | None) -> str:
    return "" if label is None else EXPRESSIONS[label]


def _from_tables(root: Path, tree: Tree, votes: str, pixels: tuple[Path, str | None]) -> Listing:
    rows = fer2013.read_rows(*pixels)
    table = read_vote_table(tree, votes)
    found = _Found(notes=[WHICH_TABLE])
    if len(table) == len(rows.lines):
        _join(rows, table, votes, found)
    else:
        message = (
            f"{votes}: {len(table):,} rows, but fer2013.csv has {len(rows.lines):,}; they are "
            "joined by row order, so no face was read. Both files must be whole."
        )
        found.problems.append(Problem("bad_file", votes, message))
    return Listing("ferplus", root, rows.table, found.samples, capped(found.problems), found.notes)


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
    lacking = [name for name in ("usage", "image name", *COLUMNS) if name not in header]
    if lacking:
        raise DataError(f"{tree.root}: {path}: the header lacks {', '.join(lacking)}.")
    usage, name = header.index("usage"), header.index("image name")
    columns = [header.index(column) for column in COLUMNS]
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


def _join(rows: fer2013.Rows, table: list[VoteRow], path: str, found: _Found) -> None:
    """Row k of one file belongs to row k of the other.

    Names must not be used: from row 60 on the number in a name lags the row's own.
    """
    good: list[tuple[int, Split, str, tuple[int, ...]]] = []
    blank = 0
    for number, row in enumerate(table):
        place = f"{path}:{row.line}"
        if not row.name:
            blank += 1
            continue
        votes = read_votes(row.votes, place)
        if isinstance(votes, Problem):
            found.problems.append(votes)
            continue
        if row.usage.lower() != rows.usages[number].lower():
            message = (
                f'{place}: Usage "{row.usage}", but "{rows.usages[number]}" in line '
                f"{rows.lines[number]} of fer2013.csv; the rows do not belong together."
            )
            found.problems.append(Problem("bad_file", place, message))
            continue
        split = fer2013.split_of_usage(row.usage, place)
        if isinstance(split, Problem):
            found.problems.append(split)
            continue
        good.append((number, split, row.name, votes))
    labels = _labels([votes for *_, votes in good])
    for (number, split, name, votes), label in zip(good, labels, strict=True):
        picture = rows.table.path(number)
        found.samples.append(
            Sample(picture, split, label, _word(label), votes=votes, tags={"name": name})
        )
    if blank:
        found.notes.append(f"{blank:,} rows without an image name were skipped.")
