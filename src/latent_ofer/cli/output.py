"""What the commands write: lines for people on the terminal, files of lines that outlast a stop."""

import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TextIO

import typer

from latent_ofer.cli.stopping import Stopped
from latent_ofer.files import to_disk, write_text


def one_line(text: str) -> str:
    """The text on one line, nothing in it that could steer a terminal."""
    flat = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "?" for letter in flat)


def say(text: str) -> None:
    """Print text on stdout; that nobody can be told spoils nothing that was done."""
    _print(text, sys.stdout)


def complain(text: str) -> None:
    """Print one line on stderr, where there is one."""
    _print(f"latent-ofer: {one_line(text)}", sys.stderr)


def _print(text: str, stream: TextIO | None) -> None:
    if stream is None:
        return
    try:
        typer.echo(text, stream)
    except OSError as error:
        # The interpreter would fail on it again, and say so, when it ends.
        with suppress(OSError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            complain(f"standard output: {error.strerror or error}")


def speak_any_encoding() -> None:
    """Let stdout and stderr write as escapes what their encoding lacks, in place of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def make_folder(path: Path) -> None:
    """Make a folder and those above it; an existing one is fine. Raises OSError."""
    path.mkdir(parents=True, exist_ok=True)


@contextmanager
def kept_lines(path: Path) -> Iterator[IO[bytes]]:
    """Open a file of lines that takes the place of `path` at the end, or when told to stop.

    Until then they are beside it, in a file that ends in ``.part``. After any other failure what
    is written stays there, and the file that was there before stays as it was. Raises OSError.
    """
    part = part_of(path)
    stopped: Stopped | None = None
    try:
        with part.open("wb") as stream:
            try:
                yield stream
            except Stopped as stop:
                stopped = stop
            to_disk(stream)
        if stopped is None or part.stat().st_size:
            os.replace(part, path)
    finally:
        _drop_if_empty(part)
    if stopped is not None:
        raise stopped


def _drop_if_empty(path: Path) -> None:
    with suppress(OSError):
        if not path.stat().st_size:
            path.unlink()


def part_of(path: Path) -> Path:
    """Where the lines of a file are while they are written."""
    return path.with_name(f"{path.name}.part")


def write_lines(stream: IO[bytes], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSON lines, all or none when told to stop, and hand them to the system at once."""
    lines = [json.dumps(row, allow_nan=False).encode() + b"\n" for row in rows]
    stream.write(b"".join(lines))
    stream.flush()


def print_report(figures: Mapping[str, Any], output: Path | None) -> None:
    """Print figures as JSON, and write them to a file where one is named. Raises OSError."""
    text = json.dumps(figures, indent=2)
    say(text)
    if output is not None:
        write_text(output, f"{text}\n")
