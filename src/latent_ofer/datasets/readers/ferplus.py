"""FERPlus: the pictures of FER2013 with ten votes each.

It comes as folders with ``label.csv``, or as ``fer2013new.csv`` + ``fer2013.csv``. The ten
votes, the *Majority* rule and its counts are those of the protocol page, section "FERPlus labels".
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from latent_ofer.datasets.ferplus import VOTERS, majority
from latent_ofer.datasets.listing import Landmarks, Listing, Sample, Split, read_landmarks
from latent_ofer.datasets.readers.fer2013 import FILE, Row, read_pixels, split_of_usage
from latent_ofer.datasets.readers.findings import Fault, Findings
from latent_ofer.datasets.tree import Tree
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS

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
VoteRow = tuple[int, dict[str, str]]
"""Line and columns, by their names in lower case, of a row of ``fer2013new.csv``."""


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
    votes, pixels = tree.highest(VOTES), tree.highest(FILE)
    has_pictures = any(tree.pictures(_folder(table)) for table in tables.values())
    if tables and (has_pictures or votes is None or pixels is None):
        return _from_parts(found, tables, votes is not None)
    if votes is None or pixels is None:
        expected = "FER2013Train/label.csv, or fer2013new.csv and fer2013.csv"
        raise found.not_the_set("FERPlus", expected)
    return _from_tables(found, votes, pixels)


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
    for number, fields in enumerate(csv.reader(tree.text(table).splitlines()), start=1):
        if not fields:
            continue
        place, wanted = f"{table}:{number}", f"{folder}/{fields[0].strip()}".lstrip("/")
        path = found.find(wanted)
        with found.telling():
            votes = read_votes(fields[2:], place)
            name = (path or wanted).rpartition("/")[2]
            twin = {"twin": "yes"} if f"{part}/{name}".lower() in twins else {}
            sample = _voted(path, split, votes, {"name": name, **twin})
            found.listed(place, wanted, replace(sample, landmarks=points.get(path)))
    found.unlisted(tree.pictures(folder), f"named in {table}")


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


def _from_tables(found: Findings, votes: str, pixels: str) -> Listing:
    pictures, rows = read_pixels(found.tree, pixels)
    table = read_vote_table(found.tree, votes)
    found.notes.append(WHICH_TABLE)
    if len(table) == len(rows):
        _join(found, rows, table, votes)
    else:
        why = (
            f"{len(table):,} rows, but fer2013.csv has {len(rows):,}; they are "
            "joined by row order, so no face was read. Both files must be whole."
        )
        found.wrong("bad_file", votes, why)
    return found.listing("ferplus", pictures)


def read_vote_table(tree: Tree, path: str) -> list[VoteRow]:
    """All rows of ``fer2013new.csv``.

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


def _join(found: Findings, rows: Sequence[Row], table: Sequence[VoteRow], path: str) -> None:
    """Row k of one file belongs to row k of the other.

    Names must not be used: from row 60 on the number in a name lags the row's own.
    """
    blank = 0
    for number, (pixels, (line, row)) in enumerate(zip(rows, table, strict=True)):
        place = f"{path}:{line}"
        with found.telling():
            if None in row or None in row.values():
                raise Fault("bad_file", place, "not the columns of the header.")
            name, usage = row["image name"].strip(), row["usage"].strip()
            if not name:
                blank += 1
                continue
            votes = read_votes([row[column] for column in VOTE_COLUMNS], place)
            if usage.lower() != pixels.usage.lower():
                why = (
                    f'Usage "{usage}", but "{pixels.usage}" in line {pixels.line} of fer2013.csv; '
                    "the rows do not belong together."
                )
                raise Fault("bad_file", place, why)
            split = split_of_usage(usage, place)
            found.samples.append(_voted(f"{FILE}#{number}", split, votes, {"name": name}))
    if blank:
        found.notes.append(f"{blank:,} rows without an image name were skipped.")
