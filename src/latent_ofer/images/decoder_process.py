"""The process behind `GuardedDecoder`: one image after another, under limits.

Questions come on standard input, a line of JSON each: a path, or how many bytes of a file follow.
Answers go to standard output: a line of JSON, then the pixels.
"""

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from latent_ofer.errors import ImageError
from latent_ofer.images.load import load_image


def main(memory: int, seconds: int) -> None:
    """Answer until nobody asks any more; see `GuardedDecoder` for the limits."""
    with os.fdopen(os.dup(1), "wb") as answers, open(os.devnull, "r+b") as nowhere:
        # What a decoder prints must not be taken for an answer, nor reach the terminal.
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)
        _limit_memory(memory)
        _write(answers, b"ready\n")
        with suppress(BrokenPipeError):
            for line in sys.stdin.buffer:
                _limit_time(seconds)
                _answer(json.loads(line), sys.stdin.buffer, answers)


def _answer(question: dict[str, Any], stream: IO[bytes], answers: IO[bytes]) -> None:
    source = question["path"] if "path" in question else stream.read(question["bytes"])
    try:
        pixels = load_image(source)
    except ImageError as error:
        answer = {"code": error.code, "message": error.message}
        _write(answers, json.dumps(answer).encode() + b"\n")
        return
    _write(answers, json.dumps({"shape": pixels.shape[:2]}).encode() + b"\n", pixels.data)


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
