"""What a user names: paths, patterns that the shell left as they are, lists of paths."""

import codecs
import glob
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

STANDARD_INPUT: Final = Path("-")


def named_paths(arguments: Iterable[Path], lists: Iterable[Path] = ()) -> list[Path]:
    """The paths that arguments and list files stand for, in their order.

    An argument that does not exist and has `*`, `?` or `[` in it stands for what it matches, `**`
    for any number of folders; hidden files are matched by name alone, as in a shell. ``-`` is a
    list on standard input. What matches nothing stays, to be refused by name. Raises OSError.
    """
    paths: list[Path] = []
    for argument in arguments:
        if argument == STANDARD_INPUT:
            paths += listed_paths(sys.stdin.buffer.read())
        else:
            paths += _matches(os.fspath(argument)) or [argument]
    for path in lists:
        paths += listed_paths(
            sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()
        )
    return paths


def listed_paths(data: bytes) -> Iterator[Path]:
    """The paths of a list, one a line, or with NUL between them as by ``find -print0``.

    Empty lines count for nothing; all others are taken as they are. UTF-8, any other bytes that
    the system allows in a name, or UTF-16 with its mark, as PowerShell writes it.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = os.fsencode(data.decode("utf-16", "surrogatepass"))
    data = data.removeprefix(codecs.BOM_UTF8)
    entries = data.split(b"\0") if b"\0" in data else data.replace(b"\r\n", b"\n").split(b"\n")
    return (Path(os.fsdecode(entry)) for entry in entries if entry)


def _matches(pattern: str) -> list[Path]:
    if not glob.has_magic(pattern) or os.path.lexists(pattern):
        return []
    return [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]
