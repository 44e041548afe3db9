"""What lies below a folder: links followed, loops and all; what is hidden left out and counted."""

import os
from collections import Counter
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Final

_SYSTEM: Final = frozenset(
    [
        *("@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),
        *("__macosx", "$recycle.bin", "system volume information", "lost+found"),
    ]
)
"""Folders of network drives and systems, in lower case: thumbnails, what was deleted, copies."""

HIDDEN: Final = "hidden or of the system"
LISTED: Final = "listed already"


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is no one's picture: ``._a.jpg``, ``@eaDir`` ..."""
    return name.startswith(".") or name.lower() in _SYSTEM


def files_below(
    top: str | os.PathLike[str],
    seen: set[str],
    left_out: Counter[str],
    suffixes: Container[str] | None = None,
    every_name: bool = False,
) -> Iterator[Path]:
    """Files below a folder, all levels deep; a folder that cannot be listed stands for its files.

    Links are followed; each real folder counts once, under its own name where that lies below the
    folder too, and so does each real file.

    Parameters
    ----------
    top : path
    seen : set of str
        Real paths of what is listed already; grows.
    left_out : Counter of str
        How many wanted files and folders are left out, by the reason; grows.
    suffixes : container of str, optional
        Of the files that are wanted, in lower case; all by default.
    every_name : bool
        Take a file under each of its names: links to it, and listed ones.
    """
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
            if not (is_folder or suffixes is None or Path(entry.name).suffix.lower() in suffixes):
                continue
            if is_hidden(entry.name):
                left_out[HIDDEN] += 1
            elif is_folder and entry.is_symlink():
                linked_folders.append((entry.path, os.path.realpath(entry.path)))
            elif is_folder:
                folders.append((entry.path, os.path.join(real, entry.name)))
            elif every_name:
                yield Path(entry.path)
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
