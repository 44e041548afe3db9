"""`latent-ofer predict --engine ray` as processes of their own, and what is looked at meanwhile."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas
from PIL import Image

from helpers import drawn_face

CROPS = 96
BAD = (5, 40, 77)
SMALL = ("--crops", "--batch-size", "4", "--shard-size", "16")
"""Options: eight pictures a task, six shards."""


def write_crops(folder: Path) -> Path:
    """Faces, some of them no images."""
    folder.mkdir()
    for number in range(CROPS):
        path = folder / f"{number:03}.png"
        if number in BAD:
            path.write_bytes(b"text")
        else:
            Image.fromarray(drawn_face(seed=number)[0]).save(path)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """Ray starts six processes; where a parser that jsonschema looks for is, each takes longer."""
    folder.mkdir(exist_ok=True)
    (folder / "rfc3987_syntax.py").write_text("raise ImportError\n")
    paths = [str(folder), *sys.path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


def started(
    words: Sequence[object], env: dict[str, str], prefix: Sequence[str] = ()
) -> "subprocess.Popen[str]":
    """`latent-ofer predict` with these words."""
    command = [*prefix, sys.executable, "-m", "latent_ofer", "predict", *map(str, words)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=env, **pipes)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Exit code, and what was written to stdout and stderr."""
    out, told = process.communicate(timeout=800)
    return process.returncode, out, told


def rows(place: Path) -> pandas.DataFrame:
    """Rows of a table or a folder of shards, sorted."""
    return pandas.read_parquet(place).sort_values(["file", "face"]).reset_index(drop=True)


def wait(
    condition: Callable[[], Any], process: "subprocess.Popen[str]", seconds: float = 600
) -> Any:
    """What the condition gives, once that is something; an error where the process ends first."""
    end = time.monotonic() + 600
    while time.monotonic() < end:
        if found := condition():
            return found
        assert process.poll() is None, process.communicate()
        time.sleep(0.5)
    raise TimeoutError


def below(parent: int) -> Iterator[tuple[int, str]]:
    """Processes below one: number and command."""
    parents, commands = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, UnicodeDecodeError):
                continue
            parents[int(entry.name)], commands[int(entry.name)] = int(fields[1]), command
    mine = {parent}
    while more := {number for number, above in parents.items() if above in mine} - mine:
        mine |= more
    yield from ((number, commands[number]) for number in mine - {parent})


def actors(parent: int) -> list[int]:
    """Processes of the pool."""
    return sorted(number for number, command in below(parent) if "MapWorker" in command)
