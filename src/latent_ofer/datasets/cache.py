"""What is kept from one start to the next: named after what it was made of, where there is room."""

import errno
import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from latent_ofer.datasets.listing import Pictures
from latent_ofer.errors import DataError
from latent_ofer.files import read_sha256, write_text
from latent_ofer.names import name_bytes
from latent_ofer.progress import track

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_GIB: Final = 2**30


class NoRoomError(DataError):
    """The disk is full."""


@contextmanager
def written_to(folder: Path, size: int) -> Iterator[None]:
    """Make a folder, see that there is room, and turn what goes wrong into one clear line.

    Parameters
    ----------
    folder : Path
    size : int
        Bytes that are to be written.

    Raises
    ------
    DataError
        When it cannot be written; NoRoomError when there is or becomes too little room.
    """
    needed = f"{size / _GIB:.2f} GiB"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < size:
            raise NoRoomError(
                f"{folder}: too little room: {needed} needed, {free / _GIB:.2f} GiB free. "
                "Free some, or choose a folder on another disk."
            )
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise NoRoomError(
                f"{folder}: the disk became full; {needed} needed in all. "
                "Free some, or choose a folder on another disk."
            ) from error
        raise DataError(
            f"{folder}: cannot write here ({error.strerror or error}). Choose another folder."
        ) from error


def sha256_of(lines: Iterable[str]) -> str:
    """Hex SHA-256 over lines of text, whatever names are in them."""
    return hashlib.sha256(name_bytes("\n".join(lines))).hexdigest()


def fingerprint(pictures: Pictures, paths: Iterable[str], cache_dir: Path | None = None) -> str:
    """SHA-256 over what the pictures' files hold.

    Files in a folder, and a table of pixels, count with the SHA-256 of their bytes; members of a
    zip archive with size and CRC, which its directory tells.

    Parameters
    ----------
    pictures : Pictures
    paths : iterable of str
        The pictures that count.
    cache_dir : Path, optional
        Where the files' hashes are kept: a file is read again only when its size or its time of
        change is another one.

    Returns
    -------
    str
        Hex.

    Raises
    ------
    DataError
        When a zip archive or table cannot be read, or the hashes not be written.
    """
    root, wanted = pictures.files(paths)
    if root.suffix.lower() == ".zip" or (root.is_file() and zipfile.is_zipfile(root)):
        return sha256_of(_members(root, wanted))
    return sha256_of(_hashed(root, wanted, cache_dir))


def _members(archive: Path, wanted: list[str]) -> list[str]:
    try:
        with zipfile.ZipFile(archive) as bundle:
            known = {info.filename: info for info in bundle.infolist()}
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{archive}: cannot be read ({error}). Copy it again.") from error
    return [
        f"{name}\0{known[name].file_size} {known[name].CRC:08x}" if name in known else name
        for name in wanted
    ]


def _hashed(root: Path, wanted: list[str], cache_dir: Path | None) -> list[str]:
    """Names of files below a folder with their SHA-256, or why there is none."""
    place = sha256_of([os.fspath(root.resolve())])
    sidecar = None if cache_dir is None else cache_dir / f"hashes-{place[:16]}.json"
    known: dict[str, list[int | str]] = {}
    if sidecar is not None:
        with suppress(OSError, ValueError):
            known = json.loads(sidecar.read_bytes())
    before = dict(known)
    try:
        shown = track(wanted, len(wanted), f"checking {root.name}")
        return [f"{name}\0{_hash(root, name, known)}" for name in shown]
    finally:
        if sidecar is not None and known != before:
            text = json.dumps(known)
            with written_to(sidecar.parent, len(text)):
                write_text(sidecar, text)


def _hash(root: Path, name: str, known: dict[str, list[int | str]]) -> str:
    """SHA-256 of a file; `known` holds size, time of change and hash of those read before."""
    path = os.path.join(root, name)
    try:
        status = os.stat(path)
        seen: list[int | str] = [status.st_size, status.st_mtime_ns]
        if known.get(name, [])[:2] != seen:
            known[name] = [*seen, read_sha256(path)]
    except OSError as error:
        return f"unreadable: {error.strerror}"
    return str(known[name][2])
