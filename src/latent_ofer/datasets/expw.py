"""ExpW: ``label.lst`` with one face a line, several faces a picture."""

from dataclasses import dataclass
from pathlib import Path

from latent_ofer.datasets.findings import (
    capped,
    missing_images,
    not_the_set,
    read_code,
    unlisted_images,
)
from latent_ofer.datasets.listing import Listing, Problem, Sample
from latent_ofer.datasets.tree import Tree

LABELS = "label.lst"
FOLDERS = frozenset({"image", "images", "origin"})
"""Folders of the pictures, in lower case."""
FORM = "name, face id, four sides of the box, confidence, label"

Sides = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Face:
    place: str
    name: str
    face: str
    sides: Sides
    confidence: str
    code: str


def read(root: Path, codes: str | None) -> Listing:
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
    tree = Tree(root)
    tables = tree.ending(LABELS)
    if not tables:
        raise not_the_set(tree, "ExpW", "label.lst")
    faces, problems = _faces(tree, tables[0])
    order, note = _order(faces)
    pictures = _pictures(tree)
    if not pictures:
        message = (
            f"{tree.root}: no pictures in a folder image or origin, expected beside label.lst."
        )
        problems.append(Problem("missing_folder", "image", message))
    samples, missing = [], []
    for face in faces:
        label = read_code(face.code, "expw", face.place)
        box = _box(face, order)
        path = pictures.get(face.name.lower())
        bad = [found for found in (label, box) if isinstance(found, Problem)]
        problems += bad
        if path is None:
            missing.append((face.place, f"image/{face.name}"))
        if path is None or isinstance(label, Problem) or isinstance(box, Problem):
            continue
        tags = {"face": face.face, "confidence": face.confidence}
        samples.append(Sample(path, "test", label, face.code, box=box, tags=tags))
    problems = capped(problems)
    if pictures:
        problems += missing_images("test", missing, len(faces))
    named = {face.name.lower() for face in faces}
    unlisted = sorted(path for name, path in pictures.items() if name not in named)
    problems += unlisted_images(unlisted, f"named in {tables[0]}")
    notes = ["ExpW has no splits of its own: every face is in the split test.", note]
    return Listing("expw", root, tree, samples, problems, notes)


def _faces(tree: Tree, table: str) -> tuple[list[_Face], list[Problem]]:
    faces, problems = [], []
    for number, line in enumerate(tree.text(table).splitlines(), start=1):
        if not line.strip():
            continue
        place = f"{table}:{number}"
        try:
            name, face, a, b, c, d, confidence, code = line.strip().rsplit(maxsplit=7)
            sides = (float(a), float(b), float(c), float(d))
        except ValueError:
            message = f"{place}: not of the form {FORM}."
            problems.append(Problem("bad_file", place, message))
            continue
        faces.append(_Face(place, name, face, sides, confidence, code))
    return faces, problems


def _order(faces: list[_Face]) -> tuple[str, str]:
    """Which order of the sides gives boxes that have an inside, and a note that says so."""
    orders = ("top left right bottom", "left top right bottom")
    fits = {order: sum(_whole(face.sides, order) for face in faces) for order in orders}
    order = max(orders, key=lambda order: fits[order])
    note = (
        f"The boxes are {order}: {fits[order]:,} of {len(faces):,} have right > left and "
        f"bottom > top so."
    )
    return order, note


def _corners(sides: Sides, order: str) -> Sides:
    """Left, top, right, bottom."""
    first, second, right, bottom = sides
    return (second, first, right, bottom) if order.startswith("top") else sides


def _whole(sides: Sides, order: str) -> bool:
    left, top, right, bottom = _corners(sides, order)
    return right > left and bottom > top


def _box(face: _Face, order: str) -> Sides | Problem:
    left, top, right, bottom = _corners(face.sides, order)
    if _whole(face.sides, order):
        return left, top, right - left, bottom - top
    message = (
        f"{face.place}: the box {face.sides} has no inside as {order}, expected right > left "
        "and bottom > top."
    )
    return Problem("bad_file", face.place, message)


def _pictures(tree: Tree) -> dict[str, str]:
    """Base name in lower case -> path, of the pictures in the set's own folders."""
    return {
        path.rpartition("/")[2].lower(): path
        for path in tree.pictures()
        if FOLDERS & set(path.lower().split("/")[:-1])
    }
