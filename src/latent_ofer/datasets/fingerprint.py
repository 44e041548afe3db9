"""What a set's pictures hash to, quick the second time: what is cached is named after it."""

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

from latent_ofer.datasets.cache import written_to
from latent_ofer.datasets.listing import Pictures
from latent_ofer.datasets.readers.fer import PixelTable
from latent_ofer.datasets.tree import FolderPictures, Tree
from latent_ofer.errors import DataError
from latent_ofer.files import write_text
from latent_ofer.names import name_bytes
from latent_ofer.progress import track


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
    root, wanted = _files(pictures, paths)
    if root.suffix.lower() == ".zip" or (root.is_file() and zipfile.is_zipfile(root)):
        lines = _members(root, wanted)
    else:
        hashes = _Hashes(root, cache_dir)
        try:
            lines = [
                f"{name}\0{hashes.of(name)}"
                for name in track(wanted, len(wanted), f"checking {root.name}")
            ]
        finally:
            hashes.keep()
    return hashlib.sha256(name_bytes("\n".join(lines))).hexdigest()


def _files(pictures: Pictures, paths: Iterable[str]) -> tuple[Path, list[str]]:
    """Folder or archive, and the files in it that hold the pictures; each once, sorted."""
    if isinstance(pictures, PixelTable):
        if pictures.member is not None:
            return pictures.root, [pictures.member]
        return pictures.root.parent, [pictures.root.name]
    wanted = sorted(set(paths))
    if isinstance(pictures, Tree):
        return pictures.root, [pictures.find(path) or path for path in wanted]
    if isinstance(pictures, FolderPictures):
        return pictures.folder, wanted
    raise TypeError(f"no rule for what {type(pictures).__name__} reads")


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


class _Hashes:
    """SHA-256 of files below a folder, kept with their size and time of change."""

    def __init__(self, root: Path, cache_dir: Path | None) -> None:
        self._root = root
        self._changed = False
        self._known: dict[str, list[int | str]] = {}
        self._sidecar: Path | None = None
        if cache_dir is not None:
            place = hashlib.sha256(name_bytes(os.fspath(root.resolve()))).hexdigest()
            self._sidecar = cache_dir / f"hashes-{place[:16]}.json"
            self._known = _read_json(self._sidecar)

    def of(self, name: str) -> str:
        """Hex SHA-256 of a file, or why there is none."""
        path = os.path.join(self._root, name)
        try:
            status = os.stat(path)
            seen: list[int | str] = [status.st_size, status.st_mtime_ns]
            known = self._known.get(name)
            if known is not None and known[:2] == seen:
                return str(known[2])
            with open(path, "rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            return f"unreadable: {error.strerror}"
        self._known[name] = [*seen, digest]
        self._changed = True
        return digest

    def keep(self) -> None:
        """Write what is known now beside the cached pictures."""
        if self._sidecar is None or not self._changed:
            return
        text = json.dumps(self._known)
        with written_to(self._sidecar.parent, len(text)):
            write_text(self._sidecar, text)


def _read_json(path: Path) -> dict[str, list[int | str]]:
    try:
        known: dict[str, list[int | str]] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return known
