"""The door for tools in any language: a shell command that reads paths and prints answers."""

import hashlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from latent_ofer.errors import DataError
from latent_ofer.evaluation.prediction_lines import matched, read_prediction_lines
from latent_ofer.evaluation.predictions import MISSING, Pixels, Predictions

BATCH = 1024
"""Starting a command may take longer than its answer."""
TIMEOUT = 1800.0
"""Seconds that a command may take for one batch."""


@dataclass(frozen=True)
class CommandRecogniser:
    """A shell command that reads paths of PNG files, one a line, and prints a line for each.

    The lines are those of `prediction_lines`. Its digest is that of its text: what the tool
    itself may have become since is not seen.
    """

    command: str
    timeout: float = TIMEOUT
    batch_size: int = BATCH
    reads_pictures: bool = True

    @property
    def name(self) -> str:
        """The command."""
        return self.command

    @property
    def digest(self) -> str:
        """Of the command's text."""
        return hashlib.sha256(self.command.encode()).hexdigest()

    def __call__(self, pictures: Pixels, ids: Sequence[str]) -> Predictions:
        """Write the faces to a temporary folder and run the command once.

        Raises
        ------
        DataError
            If it fails, takes too long, or leaves a face without a line.
        """
        with tempfile.TemporaryDirectory(prefix="latent-ofer-") as folder:
            paths = [Path(folder) / f"{row:06d}.png" for row in range(len(ids))]
            for path, picture in zip(paths, pictures, strict=True):
                Image.fromarray(picture).save(path)
            printed = _run(self.command, "".join(f"{path}\n" for path in paths), self.timeout)
            lines = read_prediction_lines(printed.splitlines(), f"output of {self.command!r}")
            answers = matched(lines, [path.as_posix() for path in paths], self.name)
        missing = np.flatnonzero(answers.labels == MISSING)
        if len(missing):
            raise DataError(
                f"{self.command!r} printed no line for {len(missing)} of {len(ids)} pictures "
                f"(the first is {paths[missing[0]].name}, line {missing[0] + 1} of its input)"
            )
        return Predictions(
            self.name, list(ids), answers.labels, answers.probabilities, answers.knows
        )


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
