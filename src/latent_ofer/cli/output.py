"""What the commands write: lines for people on the terminal, and files that are whole or absent."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import typer


def one_line(text: str) -> str:
    """The text on one line, nothing in it that could steer a terminal."""
    flat = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "?" for letter in flat)


def complain(text: str) -> None:
    """Print one line on stderr."""
    typer.echo(f"latent-ofer: {one_line(text)}", err=True)


def make_folder(path: Path) -> None:
    """Make a folder and those above it; an existing one is fine. Raises OSError."""
    path.mkdir(parents=True, exist_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of `path` at the end, whole, or not at all.

    Ctrl-C counts as an end: what is written so far is kept. After any other failure the file
    that was there before stays as it was. Raises OSError.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as stream:
            try:
                yield stream
            finally:
                stream.flush()
                os.fsync(stream.fileno())
    except KeyboardInterrupt:
        os.replace(partial, path)
        raise
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    os.replace(partial, path)


def write_line(stream: IO[bytes], row: Mapping[str, Any]) -> None:
    """Write one JSON line and hand it to the system at once."""
    stream.write(json.dumps(row, allow_nan=False).encode() + b"\n")
    stream.flush()


def print_report(figures: Mapping[str, Any], output: Path | None) -> None:
    """Print figures as JSON, and write them to a file where one is named. Raises OSError."""
    text = json.dumps(figures, indent=2)
    typer.echo(text)
    if output is not None:
        make_folder(output.parent)
        with replacing(output) as stream:
            stream.write(f"{text}\n".encode())
