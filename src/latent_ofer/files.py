"""Files that are whole or absent, however the program ends, and their hashes."""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Final

_PARTIAL: Final = re.compile(r"\.[0-9a-f]{16}(\.\w+)?")
"""Name of a file that is being written; see `whole_file`."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give another path in the same folder; what is written there takes the place of `path`.

    It keeps the ending, for writers that go by it. When the block fails, the file that was there
    before stays as it was. Makes the folder. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not by the number of the process, which another container may have as well.
    partial = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    try:
        partial.touch(exist_ok=False)
        mode = partial.stat().st_mode
        yield partial
        # Some writers put a file in its place that nobody else may read.
        partial.chmod(mode)
        with partial.open("rb") as stream:
            to_disk(stream)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def remove_partial(folder: Path) -> None:
    """Remove what writers that were killed left in a folder; nobody may be writing there now."""
    for path in folder.glob(".*"):
        if _PARTIAL.fullmatch(path.name):
            path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all. Raises OSError."""
    with whole_file(path) as partial:
        partial.write_bytes(text.encode())


def to_disk(stream: IO[bytes]) -> None:
    """Have what was written on the disk before going on."""
    stream.flush()
    os.fsync(stream.fileno())


def read_sha256(path: Path | str) -> str:
    """Hex SHA-256 of what a file holds now. Raises OSError."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file; each file is read once. Raises OSError."""
    return read_sha256(path)
