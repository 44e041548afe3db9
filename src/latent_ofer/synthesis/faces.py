"""The faces of a data set by its name and place, with labels and landmarks."""

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from latent_ofer.datasets.face_set import FaceSet
from latent_ofer.datasets.faces import read_faces
from latent_ofer.datasets.ferplus import read_ferplus
from latent_ofer.datasets.prepare import prepare, summary
from latent_ofer.datasets.registry import data_set, open_set
from latent_ofer.errors import DataError
from latent_ofer.labels import WORDS, index_of_word

Split = Literal["train", "val", "test"]
LANDMARKS = {"faces": "index.csv", "ferplus": "landmarks.csv"}
"""Archives that bring landmarks of their own, and the table that holds them."""


@dataclass(frozen=True)
class Found:
    """Faces of one split of a data set.

    Attributes
    ----------
    faces : list of FaceSet
        One, or two for training faces: those that are not dev, then dev.
    note : str
        How many of the set's pictures have no face to work with; empty for the two archives.
    """

    faces: list[FaceSet]
    note: str = ""


def faces_of(
    name: str, path: Path, split: Split, cache: Path, codes: str | None = None, workers: int = 1
) -> Found:
    """Faces of one split of a data set.

    The two archives that bring landmarks, ``faces.zip`` and ``ferplus.zip``, are taken as they
    are; of any other set the faces are found and aligned.

    Parameters
    ----------
    name : str
        In the registry.
    path : Path
        The set's folder, archive or table.
    split : {"train", "val", "test"}
    cache : Path
        Folder of decoded pictures.
    codes : str or None
        Name of the table of label codes for class folders that are bare digits.
    workers : int
        Processes that read pictures.

    Raises
    ------
    DataError
        When there are none, or the set is missing or broken.
    """
    known = data_set(name)
    parts: tuple[Literal["train", "dev", "val", "test"], ...] = (
        ("train", "dev") if split == "train" else (split,)
    )
    if not _has_landmarks(known.name, path):
        listing = open_set(known.name, path, codes)
        made = [prepare(listing, part, cache, crops=known.crops, workers=workers) for part in parts]
        return Found(made, str(summary(listing, cache, crops=known.crops)))
    return Found([_archived(known.name, path, part, cache) for part in parts])


def _archived(
    name: str, path: Path, part: Literal["train", "dev", "val", "test"], cache: Path
) -> FaceSet:
    if part == "test":
        raise DataError(f"{path}: holds no test faces, only train and val.")
    if name == "ferplus":
        return read_ferplus(path.parent, part, cache).as_face_set()
    return _with_labels(read_faces(path.parent, part, cache, path.name).as_face_set())


def _has_landmarks(name: str, path: Path) -> bool:
    """Whether this is one of the two archives, under the name that their readers know."""
    if name not in LANDMARKS or path.suffix != ".zip" or not zipfile.is_zipfile(path):
        return False
    if name == "ferplus" and path.name != "ferplus.zip":
        return False
    with zipfile.ZipFile(path) as archive:
        return LANDMARKS[name] in archive.namelist()


def _with_labels(faces: FaceSet) -> FaceSet:
    """The raters' labels of an index, which training leaves aside: they are noisy."""
    words = [tags.get("expression", "").lower() for tags in faces.tags]
    labels = [index_of_word(word) if word in WORDS else -1 for word in words]
    return replace(faces, labels=np.array(labels, dtype=np.int64))
