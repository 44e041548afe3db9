"""AffectNet's new release: numbered pictures, and small numpy files with what is known of each."""

import io
import re
from functools import lru_cache
from typing import Final

import numpy as np

from latent_ofer.datasets.findings import capped, missing_images, read_code
from latent_ofer.datasets.listing import Problem, Sample, Split
from latent_ofer.datasets.tree import Tree
from latent_ofer.errors import DataError
from latent_ofer.progress import track

PICTURE = re.compile(r"(?P<home>(.*/)?(?P<split>train|val)_set)/images/(?P<id>[^/]+)\.\w+", re.I)
EXPRESSION = re.compile(
    r"(?P<home>(.*/)?(?P<split>train|val)_set)/annotations/(?P<id>.+)_exp.npy", re.I
)
SPLITS: Final[dict[str, Split]] = {"train": "train", "val": "val"}
TAGS: Final = {"val": "valence", "aro": "arousal"}


def new_pictures(tree: Tree) -> list[re.Match[str]]:
    """Pictures of the new release, as matches of `PICTURE`, ordered by path."""
    found = (PICTURE.fullmatch(path) for path in tree.pictures())
    return [match for match in found if match]


def read_annotations(
    tree: Tree, pictures: list[re.Match[str]], codes: str
) -> tuple[list[Sample], list[Problem], list[str]]:
    """Samples, problems and notes of the pictures and of the annotations without a picture.

    Parameters
    ----------
    pictures : list of re.Match
        What `new_pictures` found.
    """
    samples: list[Sample] = []
    problems: list[Problem] = []
    for picture in track(pictures, len(pictures), "reading AffectNet's annotations"):
        result = _sample(tree, picture, codes)
        if isinstance(result, Sample):
            samples.append(result)
        else:
            problems.append(result)
    problems = capped(problems) + _without_picture(tree, pictures)
    return samples, problems, ["Labels from the files annotations/*_exp.npy."]


def _sample(tree: Tree, picture: re.Match[str], codes: str) -> Sample | Problem:
    stem = f"{picture['home']}/annotations/{picture['id']}"
    place = f"{stem}_exp.npy"
    if not tree.exists(place):
        message = f"{place}: no such file, expected the expression of {picture[0]}."
        return Problem("missing_file", place, message)
    code = _value(tree, place)
    if code is None:
        message = f"{place}: not a numpy file of one value, expected a code such as 3."
        return Problem("bad_file", place, message)
    label = read_code(code, codes, place)
    if isinstance(label, Problem):
        return label
    tags = {}
    for end, tag in TAGS.items():
        value = _value(tree, f"{stem}_{end}.npy")
        if value is not None:
            tags[tag] = value
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


def _without_picture(tree: Tree, pictures: list[re.Match[str]]) -> list[Problem]:
    there = {_key(picture) for picture in pictures}
    problems: list[Problem] = []
    found = [match for path in tree.paths if (match := EXPRESSION.fullmatch(path))]
    for name, split in SPLITS.items():
        of_split = [match for match in found if match["split"].lower() == name]
        missing = [
            (match[0], f"{match['home']}/images/{match['id']}.jpg")
            for match in of_split
            if _key(match) not in there
        ]
        problems += missing_images(split, missing, len(of_split))
    return problems


def _key(match: re.Match[str]) -> tuple[str, str]:
    return match["home"].lower(), match["id"].lower()
