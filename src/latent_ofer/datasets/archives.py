"""Where the archives lie, what they hash to, and the decoded copy kept beside the runs."""

import csv
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.datasets.cache import stored
from latent_ofer.errors import DataError
from latent_ofer.progress import track

UNREADABLE = (KeyError, OSError, SyntaxError, zipfile.BadZipFile, zlib.error)
"""What a broken archive, or a broken picture in it, may raise."""


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


@cache
def file_sha256(path: Path) -> str:
    """SHA-256 of a file as a hex string."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_csv(archive_path: Path, member: str) -> list[dict[str, str]]:
    """Rows of a CSV file with a header inside a zip archive."""
    return list(csv.DictReader(read_text(archive_path, member)))


def read_text(archive_path: Path, member: str) -> list[str]:
    """Lines of a text file inside a zip archive.

    Raises
    ------
    DataError
        When the archive is broken or lacks the member.
    """
    try:
        with zipfile.ZipFile(archive_path) as bundle:
            return bundle.read(member).decode("utf-8-sig").splitlines()
    except UNREADABLE as error:
        raise DataError(
            f"{archive_path}: cannot read {member} ({error}). Copy the archive anew."
        ) from error


def decoded(
    archive_path: Path,
    members: list[str],
    shape: tuple[int, ...],
    cache_dir: Path,
) -> NDArray[np.uint8]:
    """All pictures of an archive as one read-only memory-mapped array.

    Decoded once; the copy is named after the archive's content, written beside its
    final place and renamed, so that a killed run leaves no half of it.

    Parameters
    ----------
    members : list of str
        Names inside the archive, in the order of the result.
    shape : tuple of int
        (H, W, 3) for colour or (H, W) for grey.

    Returns
    -------
    (n, *shape) uint8

    Raises
    ------
    DataError
        When a picture has another size or cannot be read, or the copy cannot be written.
    """
    key = hashlib.sha256("\n".join([file_sha256(archive_path), *members]).encode()).hexdigest()
    target = cache_dir / f"{archive_path.stem}-{key[:16]}.npy"
    rows = _decoded_rows(archive_path, members, shape)
    return stored(target, (len(members), *shape), rows)


def _decoded_rows(
    archive_path: Path, members: list[str], shape: tuple[int, ...]
) -> Iterator[NDArray[np.uint8]]:
    mode = "RGB" if len(shape) == 3 else "L"
    with zipfile.ZipFile(archive_path) as bundle:
        for member in track(members, len(members), f"decoding {archive_path.name}"):
            try:
                pixels = np.asarray(Image.open(io.BytesIO(bundle.read(member))).convert(mode))
            except UNREADABLE as error:
                raise DataError(
                    f"{archive_path}: cannot read {member} ({error}). Copy the archive anew."
                ) from error
            if pixels.shape != shape:
                raise DataError(f"{archive_path}: {member} is {pixels.shape}, expected {shape}.")
            yield pixels
