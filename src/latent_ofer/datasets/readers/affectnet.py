"""AffectNet: the old release's CSV files, the new one's numpy files, or a copy in class folders."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from latent_ofer.datasets.listing import Listing, Sample, Split
from latent_ofer.datasets.readers.findings import Fault, Findings, read_code
from latent_ofer.datasets.readers.folders import SPLITS, class_folders, take_copy
from latent_ofer.datasets.tree import Tree
from latent_ofer.errors import DataError
from latent_ofer.progress import track

OLD_FOLDER: Final = "Manually_Annotated_Images"
OPTIONAL: Final = frozenset({"contempt"})
"""What copies of seven classes leave out."""
CSV_SPLITS: Final[Mapping[str, Split]] = {"training.csv": "train", "validation.csv": "val"}
COLUMNS: Final = (
    *("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height"),
    *("facial_landmarks", "expression", "valence", "arousal"),
)
"""Of a file without header; a header may have them in another order."""
SPELT: Final = {column.lower(): column for column in COLUMNS}
NUMBER = re.compile(r"\s*[-+]?\.?\d")
"""Start of a number, which the second column has where there is no header."""
PATH, EXPRESSION = COLUMNS[0], COLUMNS[6]
NEW = r"(?P<home>(.*/)?(?P<split>train|val)_set)/"
PICTURE = re.compile(NEW + r"images/(?P<id>[^/]+)\.\w+", re.I)
ANNOTATION = re.compile(NEW + r"annotations/(?P<id>.+)_exp.npy", re.I)
TAGS: Final = {"val": "valence", "aro": "arousal"}
"""End of an annotation's name -> tag; the tags are columns of the tables too."""


def read(root: Path, codes: str | None) -> Listing:
    """List AffectNet, from its own folder or one above it, or from a zip of it.

    The public validation part is the split "val"; there is no public test part. Faces that the
    set marks as none, uncertain or no face have the label None. The published boxes are of the
    original pictures while most copies hold crops, so that no sample has a box.

    Parameters
    ----------
    root : Path
    codes : str or None
        Name of a map in `labels.CODES`, for class folders in another order than AffectNet's own.

    Raises
    ------
    DataError
        When none of the three layouts is there.
    """
    found = Findings(root)
    tree = found.tree
    own = codes or "affectnet"
    tables = {name: paths[0] for name in CSV_SPLITS if (paths := tree.ending(name))}
    if tables:
        _read_tables(found, tables, own)
    elif pictures := [match for path in tree.pictures() if (match := PICTURE.fullmatch(path))]:
        _read_annotations(found, pictures, own)
    elif any(f"/{OLD_FOLDER.lower()}/" in f"/{path.lower()}" for path in tree.pictures()):
        why = f"no such file beside {OLD_FOLDER}; the labels are needed from it."
        found.wrong("missing_file", "training.csv", why)
    elif folders := class_folders(tree):
        take_copy(found, folders, own, optional=OPTIONAL)
    else:
        raise found.not_the_set(
            "AffectNet",
            "training.csv and validation.csv, train_set/images with train_set/annotations, or "
            "class folders such as train/0",
        )
    unused = sum(sample.label is None for sample in found.samples)
    if unused:
        found.notes.append(
            f"{unused:,} faces are marked none, uncertain or no face: without label."
        )
    return found.listing("affectnet")


def _read_tables(found: Findings, tables: Mapping[str, str], codes: str) -> None:
    """The old release; `tables` has the path of each table in `CSV_SPLITS` that is there."""
    # By the last two parts of their paths in lower case, as the tables write them.
    left = {
        "/".join(path.lower().split("/")[-2:]): path
        for path in reversed(found.tree.pictures())
        if "automatically_annotated" not in path.lower()
    }
    for name, split in CSV_SPLITS.items():
        if name not in tables:
            found.wrong("missing_file", name, "no such file; its pictures are left out.")
            continue
        usable = False
        for place, row in _rows(found, tables[name]):
            with found.telling():
                key = row[PATH].replace("\\", "/").lower()
                if before := found.met_before(key, place):
                    why = f"{row[PATH]} is in {before} already, which counts."
                    raise Fault("duplicate", place, why)
                usable, path = True, left.pop(key, "")
                label = read_code(row[EXPRESSION], codes, place)
                tags = {tag: row[tag] for tag in TAGS.values() if row.get(tag)}
                sample = Sample(path, split, label, row[EXPRESSION], tags=tags)
                found.listed(place, f"{OLD_FOLDER}/{row[PATH]}", sample)
        if not usable:
            found.wrong("bad_file", tables[name], f"no usable row, expected {', '.join(COLUMNS)}.")
    found.unlisted(left.values(), f"named in {' or '.join(tables)}")
    found.notes.append(f"Labels from {' and '.join(tables.values())}.")


def _rows(found: Findings, table: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Place and columns of each row; what is no row is told."""
    # A stream, not a list of lines: training.csv has some 400 MB, mostly landmarks.
    text = io.TextIOWrapper(
        io.BytesIO(found.tree.data(table)), encoding="utf-8-sig", errors="replace", newline=""
    )
    rows = csv.reader(text)
    columns: list[str] = []
    for fields in filter(None, rows):
        place = f"{table}:{rows.line_num}"
        if not columns:
            has_header = not NUMBER.match("".join(fields[1:2]))
            columns = [SPELT.get(field.strip().lower(), field) for field in fields]
            columns = columns if has_header else list(COLUMNS)
            if PATH not in columns or EXPRESSION not in columns:
                why = (
                    f"neither a row of {len(COLUMNS)} columns nor a header with "
                    f"{PATH} and {EXPRESSION}."
                )
                found.wrong("bad_file", place, why)
                return
            if has_header:
                continue
        row = dict(zip(columns, (field.strip() for field in fields), strict=False))
        if row.get(PATH) and EXPRESSION in row:
            yield place, row
        else:
            found.wrong("bad_file", place, f"{len(fields)} columns, expected {len(columns)}.")


def _read_annotations(found: Findings, pictures: list[re.Match[str]], codes: str) -> None:
    """The new release; the pictures are matches of `PICTURE`."""
    for picture in track(pictures, len(pictures), "reading AffectNet's annotations"):
        with found.telling():
            found.listed("", "", _annotated(found.tree, picture, codes))
    there = {_key(picture) for picture in pictures}
    for path in found.tree.paths:
        match = ANNOTATION.fullmatch(path)
        if match and _key(match) not in there:
            wanted = f"{match['home']}/images/{match['id']}.jpg"
            found.listed(path, wanted, Sample("", SPLITS[match["split"].lower()], None))
    found.notes.append("Labels from the files annotations/*_exp.npy.")


def _annotated(tree: Tree, picture: re.Match[str], codes: str) -> Sample:
    stem = f"{picture['home']}/annotations/{picture['id']}"
    place = f"{stem}_exp.npy"
    if not tree.exists(place):
        why = f"no such file, expected the expression of {picture[0]}."
        raise Fault("missing_file", place, why)
    code = _value(tree, place)
    if code is None:
        raise Fault("bad_file", place, "not a numpy file of one value, expected a code such as 3.")
    label = read_code(code, codes, place)
    known = {tag: _value(tree, f"{stem}_{end}.npy") for end, tag in TAGS.items()}
    tags = {tag: value for tag, value in known.items() if value is not None}
    return Sample(picture[0], SPLITS[picture["split"].lower()], label, code, tags=tags)


def _value(tree: Tree, path: str) -> str | None:
    try:
        return _text_of(tree.data(path))
    except DataError:
        return None


@lru_cache(maxsize=10_000)
def _text_of(content: bytes) -> str | None:
    """The one value in a numpy file; a text, whole number or float; None where there is none."""
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        return None
    return str(array.item()).strip() if array.size == 1 else None


def _key(match: re.Match[str]) -> tuple[str, str]:
    return match["home"].lower(), match["id"].lower()
