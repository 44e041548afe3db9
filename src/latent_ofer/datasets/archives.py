"""The archives that the package trains on, in one folder: where they lie, and their faces."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from latent_ofer.datasets.pool import FacePool, FaceSet
from latent_ofer.datasets.prepare import Split, prepare
from latent_ofer.datasets.registry import open_set
from latent_ofer.errors import DataError


def archive(data: Path, name: str) -> Path:
    """Path of one archive inside the data folder.

    Raises
    ------
    DataError
        When it is not there.
    """
    path = data / name
    if not path.is_file():
        raise DataError(
            f"{path}: not found. Give the folder that holds {name} with --data "
            "or in LATENT_OFER_DATA."
        )
    return path


def read_faces(data: Path, split: Split, cache: Path, file: str = "faces.zip") -> FaceSet:
    """Aligned faces of one split of `faces.zip`, or of `masked_faces.zip`, which is laid out alike.

    Parameters
    ----------
    data, cache : Path
        Folder of the archives, and of prepared faces.
    split : {"train", "dev", "val", "test"}

    Raises
    ------
    DataError
        When the archive is missing or anything in it is.
    """
    return prepare(open_set("faces", archive(data, file)), split, cache, crops=True, whole=True)


def read_ferplus(data: Path, split: Split, cache: Path) -> FaceSet:
    """48 px crops of one split of `ferplus.zip`; parameters and errors as for `read_faces`."""
    listing = open_set("ferplus", archive(data, "ferplus.zip"))
    return prepare(listing, split, cache, crops=True, whole=True)


def read_pool(data: Path, split: Split, cache: Path) -> FacePool:
    """Clean faces of a split of both archives: first `faces.zip`, then FERPlus.

    The few labels of the former are noisy: they are left aside.
    """
    faces = read_faces(data, split, cache)
    unlabelled = replace(
        faces, labels=np.full_like(faces.labels, -1), targets=np.zeros_like(faces.targets)
    )
    return FacePool([unlabelled, read_ferplus(data, split, cache)])
