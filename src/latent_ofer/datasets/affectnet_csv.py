"""AffectNet's old release: ``training.csv`` and ``validation.csv``, with or without a header."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Final

from latent_ofer.datasets.findings import capped, missing_images, read_code, unlisted_images
from latent_ofer.datasets.listing import Problem, Sample, Split
from latent_ofer.datasets.tree import Tree

CSV_SPLITS: Final[Mapping[str, Split]] = {"training.csv": "train", "validation.csv": "val"}
COLUMNS: Final = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
"""Of a file without header; a header may have them in another order."""

PATH, EXPRESSION = COLUMNS[0], COLUMNS[6]
TAGS: Final = ("valence", "arousal")


def read_tables(
    tree: Tree, tables: Mapping[str, str], codes: str
) -> tuple[list[Sample], list[Problem], list[str]]:
    """Samples, problems and notes of the CSV files.

    The published boxes are of the original pictures while most copies hold crops, so that no
    sample has a box.

    Parameters
    ----------
    tables : mapping of str to str
        Name in `CSV_SPLITS` -> path of that file in the tree.
    """
    samples: list[Sample] = []
    problems: list[Problem] = []
    missing_all: list[Problem] = []
    left = _pictures(tree)
    first_place: dict[str, str] = {}
    for name, split in CSV_SPLITS.items():
        if name not in tables:
            message = f"{name}: no such file; its pictures are left out."
            problems.append(Problem("missing_file", name, message))
            continue
        missing: list[tuple[str, str]] = []
        listed = 0
        for place, row in _rows(tree, tables[name], problems):
            key = row[PATH].replace("\\", "/").lower()
            before = first_place.setdefault(key, place)
            if before != place:
                message = f"{place}: {row[PATH]} is in {before} already, which counts."
                problems.append(Problem("duplicate", place, message))
                continue
            listed += 1
            path = left.pop(key, None)
            label = read_code(row[EXPRESSION], codes, place)
            if isinstance(label, Problem):
                problems.append(label)
                continue
            if path is None:
                missing.append((place, f"Manually_Annotated_Images/{row[PATH]}"))
                continue
            tags = {tag: row[tag] for tag in TAGS if row.get(tag)}
            samples.append(Sample(path, split, label, row[EXPRESSION], tags=tags))
        if not listed:
            message = f"{tables[name]}: no usable row, expected {', '.join(COLUMNS)}."
            problems.append(Problem("bad_file", tables[name], message))
        missing_all += missing_images(split, missing, listed)
    unlisted = unlisted_images(list(left.values()), f"named in {' or '.join(tables)}")
    notes = [f"Labels from {' and '.join(tables.values())}."]
    return samples, capped(problems) + missing_all + unlisted, notes


def _pictures(tree: Tree) -> dict[str, str]:
    """Pictures by the last two parts of their paths in lower case, as the tables write them."""
    return {
        "/".join(path.lower().split("/")[-2:]): path
        for path in reversed(tree.pictures())
        if "automatically_annotated" not in path.lower()
    }


def _rows(tree: Tree, table: str, problems: list[Problem]) -> Iterator[tuple[str, dict[str, str]]]:
    """Place and columns of each row; what is no row goes to `problems`."""
    # A stream, not a list of lines: training.csv has some 400 MB, mostly landmarks.
    text = io.TextIOWrapper(
        io.BytesIO(tree.data(table)), encoding="utf-8-sig", errors="replace", newline=""
    )
    rows = csv.reader(text)
    columns: list[str] = []
    for fields in rows:
        place = f"{table}:{rows.line_num}"
        if not fields:
            continue
        if not columns:
            has_header = len(fields) < 2 or not _is_number(fields[1])
            columns = _header(fields) if has_header else list(COLUMNS)
            if PATH not in columns or EXPRESSION not in columns:
                message = (
                    f"{place}: neither a row of {len(COLUMNS)} columns nor a header with "
                    f"{PATH} and {EXPRESSION}."
                )
                problems.append(Problem("bad_file", place, message))
                return
            if has_header:
                continue
        row = dict(zip(columns, (field.strip() for field in fields), strict=False))
        if row.get(PATH) and EXPRESSION in row:
            yield place, row
        else:
            message = f"{place}: {len(fields)} columns, expected {len(columns)}."
            problems.append(Problem("bad_file", place, message))


def _header(fields: list[str]) -> list[str]:
    spelt = {column.lower(): column for column in COLUMNS}
    return [spelt.get(field.strip().lower(), field) for field in fields]


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
