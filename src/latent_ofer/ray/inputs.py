"""What a user names for a run on Ray: files and folders, addresses of storage, tables of pictures.

Paths and addresses go to the workers, which read what is there.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from latent_ofer.errors import DataError, ImageError, image_error
from latent_ofer.images import formats
from latent_ofer.images.containers import VIDEO_SUFFIXES
from latent_ofer.predict.inputs import find_images
from latent_ofer.predict.journal import Input

_ADDRESS: Final = re.compile(r"([A-Za-z][\w+.-]+):/+(.+)", re.DOTALL)
_IMAGES: Final = formats.SUPPORTED_SUFFIXES | formats.UNSUPPORTED_SUFFIXES


@dataclass(frozen=True)
class Named:
    """An image, or a Parquet file of images.

    Attributes
    ----------
    place : str
        Path or address.
    size, changed : int or None
        Bytes, and when it was changed, ns, as far as its storage says.
    rows : int or None
        Of a Parquet file; None for an image.
    error : ImageError or None
        Stands in the place of a folder without an image, and of a video.
    """

    place: str
    size: int | None = None
    changed: int | None = None
    rows: int | None = None
    error: ImageError | None = None

    @property
    def input(self) -> Input:
        """What a run that goes on compares."""
        return self.place, self.size, self.changed


def find_inputs(paths: Iterable[Path]) -> tuple[list[Named], Counter[str]]:
    """Images of files, folders and addresses, then Parquet files; and what is left out.

    Below an address that is a folder those count that have the suffix of an image.

    Raises
    ------
    DataError
        If a Parquet file cannot be read, or has no column ``path`` or ``bytes``.
    """
    places = [(path, address_of(path)) for path in paths]
    tables = [(p, a) for p, a in places if p.suffix.lower() == ".parquet"]
    images = [(p, a) for p, a in places if p.suffix.lower() != ".parquet"]
    found = find_images(path for path, address in images if address is None)
    named = [_local(path, error) for path, error in found.images]
    for _, address in images:
        if address is not None:
            named += _stored(address)
    named += [_table(os.fspath(path) if address is None else address) for path, address in tables]
    return named, found.left_out


def address_of(path: Path) -> str | None:
    """The address that a user has given, whose slashes a `Path` has joined; None for a path."""
    found = _ADDRESS.fullmatch(os.fspath(path))
    if found is None or os.path.lexists(path):
        return None
    return f"{found[1]}:{'///' if found[1] == 'file' else '//'}{found[2]}"


def _local(path: Path, error: ImageError | None) -> Named:
    place = os.fspath(path)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        told = ("a video, which Ray does not read", "leave out --engine ray")
        error = image_error("unsupported_format", place, *told)
    if error is not None:  # also of a folder, which changes with whatever is written into it
        return Named(place, error=error)
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return Named(place)
    return Named(place, status.st_size, status.st_mtime_ns)


def _stored(address: str) -> Iterator[Named]:
    """The image at an address, or those below it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as problem:
        raise ImportError(f"{address}: {problem}: pip install 'latent-ofer[ray]'") from None
    try:
        system, path = url_to_fs(address)
        if not system.isdir(path):
            known = system.info(path) if system.exists(path) else {}
            yield Named(address, known.get("size"), _changed(known))
            return
        below: Mapping[str, Mapping[str, Any]] = system.find(path, detail=True)
    except Exception as problem:  # whatever a storage throws; also that it needs a package
        raise DataError(f"{address}: cannot be listed ({' '.join(str(problem).split())})") from None
    images = [name for name in sorted(below) if os.path.splitext(name)[1].lower() in _IMAGES]
    for name in images:
        place = system.unstrip_protocol(name)
        yield Named(place, below[name].get("size"), _changed(below[name]))
    if not images:
        remedy = "name a folder with JPEG or PNG files"
        told = image_error("empty", address, "no image in this folder", remedy)
        yield Named(address, error=told)


def _changed(known: Mapping[str, Any]) -> int | None:
    """When something was changed, ns: each kind of storage has a word of its own for it."""
    for word in ("mtime", "LastModified", "last_modified", "updated", "created"):
        moment = known.get(word)
        if isinstance(moment, datetime):
            moment = moment.timestamp()
        if isinstance(moment, int | float):
            return int(moment * 1e9)
    return None


def _table(place: str) -> Named:
    import fsspec
    from pyarrow import parquet

    try:
        system, path = fsspec.core.url_to_fs(place)
        with system.open(path, "rb") as stream:
            file = parquet.ParquetFile(stream)
            columns, rows = file.schema_arrow.names, file.metadata.num_rows
            known = system.info(path)
    except Exception as problem:
        raise DataError(f"{place}: cannot be read ({' '.join(str(problem).split())})") from None
    if not {"path", "bytes"} & set(columns):
        told = f"has neither a column path nor bytes, but {', '.join(columns)}"
        raise DataError(f"{place}: {told}")
    return Named(place, known.get("size"), _changed(known), rows)
