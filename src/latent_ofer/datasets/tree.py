"""A data set's files, in a folder or inside a zip archive, seen alike."""

import os
import threading
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import DataError, ImageError
from latent_ofer.images.folders import HIDDEN, files_below, is_hidden
from latent_ofer.images.load import load_image

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"})
"""File name endings, in lower case, that are taken for pictures."""

BROKEN = (KeyError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What reading a member of a broken archive may raise."""


class Tree:
    """Files under a root; paths are relative to it, with forward slashes.

    A lookup that does not find the very name tries it without regard to case.

    Attributes
    ----------
    root : Path
        A folder or a zip archive.
    paths : list of str
        All files, sorted, those behind links too. Hidden ones and those of systems (``._*``,
        ``@eaDir``, ``__MACOSX``) are left out, as they are from folders of photos.
    left_out : Counter of str
        How many files and folders, by the reason.
    """

    def __init__(self, root: Path) -> None:
        if not root.exists():
            raise DataError(f"{root}: no such file or folder. Give the data set's own folder.")
        if not root.is_dir() and not zipfile.is_zipfile(root):
            raise DataError(
                f"{root}: neither a folder nor a whole zip archive; it may be cut short. "
                "Copy or download it again."
            )
        self.root = root
        self.left_out = Counter[str]()
        self._in_folder = root.is_dir()
        self._local = threading.local()

    def __reduce__(self) -> tuple[type["Tree"], tuple[Path]]:
        return type(self), (self.root,)

    @cached_property
    def paths(self) -> list[str]:
        """All files, sorted."""
        if self._in_folder:
            files = files_below(self.root, set(), self.left_out, every_name=True)
            return sorted(path.relative_to(self.root).as_posix() for path in files)
        found = [name for name in self._zip().namelist() if not name.endswith("/")]
        hidden = {path: _hidden_part(path) for path in found}
        if any(hidden.values()):
            self.left_out[HIDDEN] += len({*hidden.values()} - {None})
        return sorted(path for path in found if hidden[path] is None)

    @cached_property
    def _spelt(self) -> dict[str, str]:
        """Paths as they are and in lower case -> as they are; of several the first."""
        return {path.lower(): path for path in reversed(self.paths)} | {p: p for p in self.paths}

    def find(self, path: str) -> str | None:
        """The file's own spelling of a path, or None where there is no such file."""
        return self._spelt.get(path) or self._spelt.get(path.lower())

    def ending(self, end: str) -> list[str]:
        """Files whose path ends in whole parts with `end`, without regard to case."""
        wanted = f"/{end.lower()}"
        return [path for path in self.paths if f"/{path.lower()}".endswith(wanted)]

    def highest(self, end: str) -> str | None:
        """Of the files that `ending` finds the one in the fewest folders, if there is any."""
        return min(self.ending(end), key=lambda path: (path.count("/"), path), default=None)

    def pictures(self, under: str = "") -> list[str]:
        """Files below a folder that look like pictures by their names."""
        start = f"{under.strip('/').lower()}/" if under else ""
        return [
            path
            for path in self.paths
            if path.lower().startswith(start) and os.path.splitext(path)[1].lower() in PICTURES
        ]

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return self.find(path) is not None

    def data(self, path: str) -> bytes:
        """Content of a file.

        Raises
        ------
        DataError
            When it is missing or cannot be read.
        """
        name = self.find(path)
        if name is None:
            raise DataError(f"{self.root}: no file {path}.")
        try:
            if self._in_folder:
                with open(os.path.join(self.root, name), "rb", buffering=0) as file:
                    return file.read()
            return self._zip().read(name)
        except BROKEN as error:
            raise DataError(
                f"{self.root}: cannot read {name} ({error}). Copy the data set again."
            ) from error

    def text(self, path: str) -> str:
        """Content of a text file: UTF-8 with or without a byte order mark, or else Latin-1."""
        return decoded_text(self.data(path))

    def files(self, paths: Iterable[str]) -> tuple[Path, list[str]]:
        """See `listing.Pictures`."""
        return self.root, [self.find(path) or path for path in sorted(set(paths))]

    def read(self, path: str) -> NDArray[np.uint8]:
        """One picture, upright: (H, W, 3) uint8.

        Raises
        ------
        ImageError
            When it is missing or cannot be read; it names the root and the path.
        """
        try:
            return load_image(self.data(path))
        except DataError as error:
            raise ImageError("not_found", path, str(error)) from error
        except ImageError as error:
            raise ImageError(error.code, path, f"{self.root}: {path}: {error.message}") from error

    def _zip(self) -> zipfile.ZipFile:
        opened: zipfile.ZipFile | None = getattr(self._local, "zip", None)
        if opened is None:
            try:
                opened = self._local.zip = zipfile.ZipFile(self.root)
            except BROKEN as error:
                raise DataError(
                    f"{self.root}: not a readable zip archive ({error}). Copy it again."
                ) from error
        return opened


def decoded_text(raw: bytes) -> str:
    """Text in UTF-8 with or without a byte order mark, or else in Latin-1."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _hidden_part(path: str) -> str | None:
    """The path as far as what hides it: a file or a folder."""
    parts = path.split("/")
    hides = next((place for place, part in enumerate(parts) if is_hidden(part)), None)
    return None if hides is None else "/".join(parts[: hides + 1])


class FolderPictures(Tree):
    """Picture files whose paths are relative to a folder, or absolute, and spelt as they are."""

    def find(self, path: str) -> str | None:
        """The path, or None where there is no such file."""
        return path if (self.root / path).is_file() else None

    def files(self, paths: Iterable[str]) -> tuple[Path, list[str]]:
        """See `listing.Pictures`."""
        return self.root, sorted(set(paths))
