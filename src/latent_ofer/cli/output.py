"""What the commands write: lines for people on the terminal, figures for programs."""

import io
import json
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

import typer

from latent_ofer.files import write_text

_NUMBERS: Final = re.compile(r"\[\n([^\[\]{}\"]*)\]")


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


def readable_json(record: Mapping[str, Any]) -> str:
    """JSON for people to look into: indented, but each list of numbers on one line."""
    text = json.dumps(record, indent=1, allow_nan=False)
    return _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text)


def print_report(figures: Mapping[str, Any], output: Path | None) -> None:
    """Print figures as JSON, and write them to a file where one is named. Raises OSError."""
    text = json.dumps(figures, indent=2)
    say(text)
    if output is not None:
        write_text(output, f"{text}\n")
