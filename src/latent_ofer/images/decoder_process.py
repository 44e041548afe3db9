"""The process behind `GuardedDecoder`: one image after another, under limits.

Questions come on standard input, a line of JSON each: a path, how many bytes of a file follow, a
video to open, or that the next frame of it is wanted. Answers go to standard output: a line of
JSON, then the pixels where there are any.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import ImageError
from latent_ofer.images.load import load_image
from latent_ofer.images.video import Choice, Frame, Video

_Answer = tuple[dict[str, Any], NDArray[np.uint8] | None]


def main(memory: int, seconds: int) -> None:
    """Answer until nobody asks any more; see `GuardedDecoder` for the limits."""
    with os.fdopen(os.dup(1), "wb") as answers, open(os.devnull, "r+b") as nowhere:
        # What a decoder prints must not be taken for an answer, nor reach the terminal.
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)
        _limit_memory(memory)
        _write(answers, b"ready\n")
        decoder = _Decoder(sys.stdin.buffer)
        with suppress(BrokenPipeError):
            for line in sys.stdin.buffer:
                _limit_time(seconds)
                try:
                    answer, pixels = decoder.answer(json.loads(line))
                except ImageError as error:
                    answer, pixels = {"code": error.code, "message": error.message}, None
                shape = {} if pixels is None else {"shape": pixels.shape[:2]}
                _write(answers, json.dumps({**answer, **shape}).encode() + b"\n")
                if pixels is not None:
                    _write(answers, pixels.data)


class _Decoder:
    """Answers questions; of videos, one at a time is open."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._video: Video | None = None
        self._frames: Iterator[Frame] = iter(())

    def answer(self, question: dict[str, Any]) -> _Answer:
        """Raises ImageError."""
        if "video" in question:
            return self._open(question), None
        if "next" in question:
            return self._next()
        source = question["path"] if "path" in question else self._stream.read(question["bytes"])
        return {}, load_image(source)

    def _open(self, question: dict[str, Any]) -> dict[str, Any]:
        if self._video is not None:
            self._video.close()
        self._frames = iter(())
        only = frozenset(question["only"])
        choice = Choice(question["every"], question["per_second"], only)
        self._video = Video(question["video"], choice, question["after"])
        self._frames = iter(self._video)
        return {"expected": self._video.expected}

    def _next(self) -> _Answer:
        frame = next(self._frames, None)
        if frame is None:
            return {"end": True}, None
        return {"frame": frame.number, "time": frame.time}, frame.pixels


def _write(answers: IO[bytes], *parts: bytes | memoryview) -> None:
    for part in parts:
        answers.write(part)
    answers.flush()


def _limit_memory(memory: int) -> None:
    """Limit what is taken from here on; nothing is written to a file, a core dump neither."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for nothing in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(nothing, (0, 0))
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _limit_time(seconds: int) -> None:
    with suppress(ImportError):
        import resource

        most = int(time.process_time()) + seconds + 1
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
