"""Which images a user means who names files and folders: each file once, and nothing in silence."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from latent_ofer.errors import ImageError, image_error
from latent_ofer.figure import is_figure
from latent_ofer.images import formats

_SUFFIXES: Final = formats.SUPPORTED_SUFFIXES | formats.UNSUPPORTED_SUFFIXES
_SYSTEM: Final = frozenset(
    [
        *("@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),
        *("__macosx", "$recycle.bin", "system volume information", "lost+found"),
    ]
)
"""Folders of network drives and systems, in lower case: thumbnails, what was deleted, copies."""

HIDDEN: Final = "hidden or of the system"
LISTED: Final = "listed already"
OURS: Final = "of the figures that latent-ofer has drawn"


@dataclass(frozen=True)
class Inputs:
    """What is to be read, and what below the folders is not.

    Attributes
    ----------
    images : list of (Path, ImageError or None)
        In order; an error stands in the place of a folder that has no image or cannot be listed.
    left_out : Counter of str
        How many images and folders were left out, by the reason.
    """

    images: list[tuple[Path, ImageError | None]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def find_images(paths: Iterable[Path]) -> Inputs:
    """Replace folders by the images in them, all levels deep, sorted within each folder given.

    Files that are named stay as they are, whatever and how often. Below a folder, those count
    that have the suffix of an image (known formats that cannot be read among them) and are not
    named elsewhere. Links are followed; each real file and folder counts once, under its own
    name where that lies below the folder too. What is hidden or of the system is left out, and so
    are figures of this package.
    """
    paths = list(paths)
    inputs = Inputs()
    seen = {os.path.realpath(path) for path in paths if not os.path.isdir(path)}
    for path in paths:
        if not os.path.isdir(path):
            inputs.images.append((path, None))
            continue
        before = inputs.left_out[LISTED]
        found = sorted(_below(path, seen, inputs.left_out))
        inputs.images.extend((image, None) for image in found)
        if not found and inputs.left_out[LISTED] == before:
            remedy = "name a folder with JPEG or PNG files"
            error = image_error("empty", os.fspath(path), "no image in this folder", remedy)
            inputs.images.append((path, error))
    return inputs


def _below(top: Path, seen: set[str], left_out: Counter[str]) -> Iterator[Path]:
    """Images below a folder; `seen` holds the real paths of what is listed already."""
    folders: list[tuple[str, str]] = [(os.fspath(top), os.path.realpath(top))]
    linked_folders: list[tuple[str, str]] = []
    linked_files: list[tuple[str, str]] = []
    # Links last, so that what has a name of its own below the folder goes by that.
    while folders or linked_folders:
        path, real = folders.pop() if folders else linked_folders.pop(0)
        if _is_listed(real, seen, left_out):
            continue
        try:
            with os.scandir(path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            yield Path(path)  # reading it will say why
            continue
        for entry in entries:
            is_folder = _is_folder(entry)
            if not is_folder and Path(entry.name).suffix.lower() not in _SUFFIXES:
                continue
            if _is_hidden(entry.name):
                left_out[HIDDEN] += 1
            elif is_folder and entry.is_symlink():
                linked_folders.append((entry.path, os.path.realpath(entry.path)))
            elif is_folder:
                folders.append((entry.path, os.path.join(real, entry.name)))
            elif is_figure(entry.path):
                left_out[OURS] += 1
            elif entry.is_symlink():
                linked_files.append((entry.path, os.path.realpath(entry.path)))
            elif not _is_listed(os.path.join(real, entry.name), seen, left_out):
                yield Path(entry.path)
    for path, real in linked_files:
        if not _is_listed(real, seen, left_out):
            yield Path(path)


def _is_listed(real: str, seen: set[str], left_out: Counter[str]) -> bool:
    if real in seen:
        left_out[LISTED] += 1
        return True
    seen.add(real)
    return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM
