"""The door for tools in any language: a shell command that reads paths and prints answers."""

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from latent_ofer.errors import DataError
from latent_ofer.evaluation.answers import Arrays, Method, digest_of
from latent_ofer.evaluation.conditions import Batch
from latent_ofer.evaluation.prediction_lines import matched, read_prediction_lines
from latent_ofer.evaluation.predictions import MISSING

BATCH = 1024
"""Starting a command may take longer than its answer."""
TIMEOUT = 1800.0
"""Seconds that a command may take for one batch."""


def command_recogniser(command: str, timeout: float = TIMEOUT) -> Method:
    """A shell command that reads paths of PNG files, one a line, and prints a line for each.

    The lines are those of `prediction_lines`. Its digest is that of its text: what the tool
    itself may have become since is not seen. It fails with a DataError where the command fails,
    takes too long, or leaves a face without a line.
    """

    def answer(batch: Batch) -> Arrays:
        with tempfile.TemporaryDirectory(prefix="latent-ofer-") as folder:
            paths = [Path(folder) / f"{row:06d}.png" for row in range(len(batch.ids))]
            for path, picture in zip(paths, batch.shown, strict=True):
                Image.fromarray(picture).save(path)
            printed = _run(command, "".join(f"{path}\n" for path in paths), timeout)
            lines = read_prediction_lines(printed.splitlines(), f"output of {command!r}")
            found = matched(lines, [path.as_posix() for path in paths], command)
        missing = np.flatnonzero(found.labels == MISSING)
        if len(missing):
            raise DataError(
                f"{command!r} printed no line for {len(missing)} of {len(paths)} pictures "
                f"(the first is {paths[missing[0]].name}, line {missing[0] + 1} of its input)"
            )
        return found.arrays()

    return Method(f"command:{command}", digest_of(command), answer, batch=BATCH)


def _run(command: str, text: str, timeout: float) -> str:
    """Standard output of a command.

    The shell runs it because its user typed it on his own machine. It gets a process group, so
    that what it started ends with it.
    """
    with subprocess.Popen(
        command,
        shell=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            printed, complaints = process.communicate(text, timeout)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise DataError(f"{command!r}: no answer after {timeout:g} s") from error
            raise
    if process.returncode:
        last = (complaints.strip().splitlines() or ["it said nothing"])[-1]
        raise DataError(f"{command!r}: exit code {process.returncode} ({last})")
    return printed
