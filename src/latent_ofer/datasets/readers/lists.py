"""Sets with one list of names and labels: RAF-DB's basic part, ExpW, FED-RO."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from latent_ofer.datasets.listing import Box, Listing, Problem, Sample, Split
from latent_ofer.datasets.readers.findings import Fault, Findings, read_code, read_label
from latent_ofer.datasets.readers.folders import ClassFolder, class_folders, take_classes, take_copy
from latent_ofer.datasets.tree import PICTURES, Tree
from latent_ofer.errors import DataError

RAFDB_LIST: Final = "EmoLabel/list_patition_label.txt"
"""Spelt so by the authors."""
RAFDB_PICTURE = re.compile(r"(train|test)_\d+(_aligned)?\.\w+", re.IGNORECASE)
RAFDB_SPLITS: Final[Mapping[str, Split]] = {"train": "train", "test": "test"}
RAFDB_FOLDERS: Final = (("Image/aligned", "_aligned"), ("Image/original", ""))
"""Where the faces may be, the better one first, and what its names add to those of the list."""

EXPW_LIST: Final = "label.lst"
EXPW_FOLDERS: Final = frozenset({"image", "images", "origin"})
"""Folders of the pictures, in lower case."""
EXPW_FORM: Final = "name, face id, four sides of the box, confidence, label"
EXPW_ORDERS: Final = {"top left right bottom": (1, 0), "left top right bottom": (0, 1)}
"""Copies differ in the order of a box's sides -> where left and top stand."""

FEDRO_FACES: Final = 400
FEDRO_LISTS: Final = frozenset({".txt", ".lst", ".list", ".csv"})


def read_rafdb(root: Path, codes: str | None) -> Listing:
    """List RAF-DB (basic), from its own folder or one above it, or from a zip of it.

    Parameters
    ----------
    root : Path
    codes : str or None
        Name of a map in `labels.CODES`; needed for class folders that count from 0.

    Raises
    ------
    DataError
        When there is neither the label list nor a class folder nor the folder of faces, or when
        the class folders count from 0 and no codes are given.
    """
    found = Findings(root)
    own = codes or "raf-db"
    if lists := found.tree.ending(RAFDB_LIST):
        basic = [path for path in lists if "compound" not in path.lower()]
        _read_rafdb_list(found, (basic or lists)[0], own)
    elif any("/image/aligned/" in f"/{path.lower()}" for path in found.tree.pictures()):
        why = "no such file beside Image/aligned; the labels are needed from it."
        found.wrong("missing_file", RAFDB_LIST, why)
    elif folders := class_folders(found.tree):
        _read_rafdb_copy(found, folders, codes)
    else:
        expected = f"{RAFDB_LIST}, or class folders such as train/1 and test/1"
        raise found.not_the_set("RAF-DB", expected)
    return found.listing("raf-db")


def _read_rafdb_list(found: Findings, label_list: str, codes: str) -> None:
    folder, added = _rafdb_faces(found, label_list[: -len(RAFDB_LIST)])
    for place, text in _lines(found.tree, label_list):
        with found.telling():
            name, code = _rafdb_row(text, place)
            if before := found.met_before(name.lower(), place):
                line = before.rpartition(":")[2]
                raise Fault("duplicate", place, f"{name} is in line {line} already, which counts.")
            stem, _, suffix = name.rpartition(".")
            wanted = f"{folder}/{stem}{added}.{suffix}"
            path, label = found.find(wanted), read_code(code, codes, place)
            found.listed(place, wanted, Sample(path, _split_of_name(name) or "test", label, code))
    if found.met_none:
        why = "no usable line, expected lines such as train_00001.jpg 5."
        found.wrong("bad_file", label_list, why)
    found.unlisted(found.tree.pictures(folder), f"named in {label_list}")


def _lines(tree: Tree, path: str) -> list[tuple[str, str]]:
    """Place and text of each line that is not empty."""
    lines = enumerate(tree.text(path).splitlines(), start=1)
    return [(f"{path}:{number}", line.strip()) for number, line in lines if line.strip()]


def _rafdb_faces(found: Findings, base: str) -> tuple[str, str]:
    """Folder of the faces, and what its names add to those of the list."""
    for folder, added in RAFDB_FOLDERS:
        if found.tree.pictures(base + folder):
            found.notes.append(f"Pictures from {base}{folder}, codes from {base}{RAFDB_LIST}.")
            return base + folder, added
    folder, added = RAFDB_FOLDERS[0]
    archives = [f"{base}{name}.zip" for name, _ in RAFDB_FOLDERS]
    packed = next((path for path in archives if found.tree.exists(path)), None)
    what_to_do = f"unpack {packed} there" if packed else "expected aligned faces there"
    why = f"no pictures, nor in {base}{RAFDB_FOLDERS[1][0]}; {what_to_do}."
    found.wrong("missing_folder", base + folder, why)
    return base + folder, added


def _rafdb_row(text: str, place: str) -> tuple[str, str]:
    fields = text.split()
    if len(fields) != 2:
        why = f'"{text}" is no name and code, expected train_00001.jpg 5.'
        raise Fault("bad_file", place, why)
    if not RAFDB_PICTURE.fullmatch(fields[0]):
        why = f"{fields[0]} is no RAF-DB name, expected one like train_00001.jpg."
        raise Fault("bad_name", place, why)
    return fields[0], fields[1]


def _read_rafdb_copy(found: Findings, folders: Sequence[ClassFolder], codes: str | None) -> None:
    if codes is None and any(folder.is_digits and int(folder.name) == 0 for folder in folders):
        counts = Counter(folder.name for folder in folders for _ in folder.pictures)
        told = ", ".join(f"{name}: {count:,}" for name, count in sorted(counts.items()))
        raise DataError(
            f"{found.tree.root}: class folders that count from 0 stand in either of two orders; "
            f"pictures in each: {told}. RAF-DB's largest class is happiness, here it is folder "
            f"{counts.most_common(1)[0][0]}: give --codes raf-db-from-0 where happiness is 3, "
            "--codes ma-net where it is 1."
        )
    take_copy(found, folders, codes or "raf-db", split_of=_split_of_name)


def _split_of_name(path: str) -> Split | None:
    """Split that a picture's name begins with."""
    return RAFDB_SPLITS.get(path.rpartition("/")[2].partition("_")[0].lower())


class _Face(NamedTuple):
    """One line of ExpW's list."""

    place: str
    name: str
    face: str
    sides: tuple[float, ...]
    confidence: str
    code: str


def read_expw(root: Path, codes: str | None) -> Listing:
    """Read ExpW; each sample is one face, with its box in pixels.

    Parameters
    ----------
    root : Path
        A folder or zip archive with ``label.lst`` and the pictures in ``image`` or ``origin``.
    codes : str or None
        Ignored: the set has one order of codes.

    Raises
    ------
    DataError
        Where there is no ``label.lst``.
    """
    found = Findings(root)
    tables = found.tree.ending(EXPW_LIST)
    if not tables:
        raise found.not_the_set("ExpW", EXPW_LIST)
    faces: list[_Face] = []
    for place, line in _lines(found.tree, tables[0]):
        with found.telling():
            faces.append(_expw_face(line, place))
    # The order that gives boxes an inside is meant.
    whole = {order: [face for face in faces if _box(face.sides, order)] for order in EXPW_ORDERS}
    order = max(whole, key=lambda order: len(whole[order]))
    pictures = {
        path.rpartition("/")[2].lower(): path
        for path in found.tree.pictures()
        if EXPW_FOLDERS & set(path.lower().split("/")[:-1])
    }
    if not pictures:
        message = f"{root}: no pictures in a folder image or origin, expected beside label.lst."
        found.problems.append(Problem("missing_folder", "image", message))
    for face in faces:
        path = found.find(pictures.get(face.name.lower(), ""))
        with found.telling():
            label, box = read_code(face.code, "expw", face.place), _box(face.sides, order)
            if box is None:
                why = (
                    f"the box {face.sides} has no inside as {order}, expected right > left and "
                    "bottom > top."
                )
                raise Fault("bad_file", face.place, why)
            tags = {"face": face.face, "confidence": face.confidence}
            sample = Sample(path, "test", label, face.code, box=box, tags=tags)
            if pictures:
                found.listed(face.place, f"image/{face.name}", sample)
    found.unlisted(sorted(pictures.values()), f"named in {tables[0]}")
    found.notes += [
        "ExpW has no splits of its own: every face is in the split test.",
        f"The boxes are {order}: {len(whole[order]):,} of {len(faces):,} have right > left and "
        "bottom > top so.",
    ]
    return found.listing("expw")


def _expw_face(line: str, place: str) -> _Face:
    try:
        name, face, *sides, confidence, code = line.rsplit(maxsplit=7)
        a, b, c, d = map(float, sides)
        return _Face(place, name, face, (a, b, c, d), confidence, code)
    except ValueError:
        raise Fault("bad_file", place, f"not of the form {EXPW_FORM}.") from None


def _box(sides: Sequence[float], order: str) -> Box | None:
    """Left, top, width and height of the sides in an order; None where these have no inside."""
    left, top = (sides[place] for place in EXPW_ORDERS[order])
    right, bottom = sides[2:]
    return (left, top, right - left, bottom - top) if right > left and bottom > top else None


def read_fedro(root: Path, codes: str | None) -> Listing:
    """Read FED-RO, 400 really occluded faces in a layout that is not published, as split test.

    Parameters
    ----------
    root : Path
        A folder or zip archive with class folders named by word, or with pictures and a list of
        lines ``path label``.
    codes : str or None
        Map in `labels.CODES` for labels that are bare numbers.

    Raises
    ------
    DataError
        Where there is neither, or bare numbers come without `codes`.
    """
    found = Findings(root)
    if class_folders(found.tree):
        take_classes(found, "FED-RO", codes)
        found.samples = [replace(sample, split="test") for sample in found.samples]
        found.notes.clear()
    else:
        _read_fedro_list(found, codes)
    found.notes.append("FED-RO is for testing: every picture is in the split test.")
    count = len(found.samples)
    if count != FEDRO_FACES:
        found.notes.append(f"{count:,} faces were found; the paper counts {FEDRO_FACES}.")
    return found.listing("fed-ro")


def _read_fedro_list(found: Findings, codes: str | None) -> None:
    tree = found.tree
    list_ = next((path for path in tree.paths if _is_list(tree, path)), None)
    if list_ is None:
        expected = "class folders such as happy, or a list of lines 'path label'"
        raise found.not_the_set("FED-RO", expected)
    rows = [(place, *_path_and_label(line)) for place, line in _lines(tree, list_)]
    found.must_have_a_map((label for *_, label in rows), codes)
    by_name = {PurePosixPath(path).name.lower(): path for path in tree.pictures()}
    for place, name, code in rows:
        path = found.find(name) or found.find(by_name.get(PurePosixPath(name).name.lower(), ""))
        with found.telling():
            found.listed(place, name, Sample(path, "test", read_label(code, codes, place), code))
    found.unlisted(tree.pictures(), f"named in {list_}")


def _path_and_label(line: str) -> tuple[str, str]:
    """Path and label; a line without a label is all path."""
    fields = line.replace("\t", " ").replace(",", " ").rsplit(maxsplit=1)
    return (fields[0].strip(), fields[1]) if len(fields) == 2 else (fields[0], "")


def _is_list(tree: Tree, path: str) -> bool:
    if PurePosixPath(path).suffix.lower() not in FEDRO_LISTS:
        return False
    first = next((line for _, line in _lines(tree, path)), "")
    return bool(first) and PurePosixPath(_path_and_label(first)[0]).suffix.lower() in PICTURES
