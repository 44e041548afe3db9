"""Decoding in a process of its own, under limits: a file that kills its decoder costs one error."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from io import BufferedReader
from types import TracebackType
from typing import IO, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import ImageError, LatentOFERError, image_error
from latent_ofer.images.load import MAX_PIXELS, MAX_SIDE

SECONDS: Final = 9
"""Of processor time for one image; the largest that are read need two."""
_PATIENCE: Final = 3
"""Times as long may it take by the clock: other work or a slow network is no fault of the file."""
MEMORY: Final = 2**30
"""Bytes for one image."""

_PROGRAM: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from latent_ofer.images.decoder_process import main; main(*map(int, sys.argv[2:]))"
)


class GuardedDecoder:
    """`load_image` of files and bytes in a process of its own, which may hang, bloat or crash.

    The process starts with the first image, or with `start`, takes about a second of a busy
    processor to do so, and serves one image at a time; after a file that killed it, a new one is
    started. Threads may share a decoder: they wait for each other. It is no member of the
    program's process group, so that Ctrl-C is the program's alone, and ends when the program does.

    Parameters
    ----------
    seconds : int
        Limit of one image's processor time, give or take one (not on Windows); by the clock it may
        take three times as long.
    memory : int
        Limit of the bytes that it may take, where the system knows such limits (Linux).

    Notes
    -----
    Relative paths start where the program stood when the decoder was made.
    """

    def __init__(self, seconds: int = SECONDS, memory: int = MEMORY) -> None:
        self._seconds = seconds
        self._memory = memory
        self._folder = os.getcwd()
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._closed = False

    def start(self) -> None:
        """Start the process without waiting for it, to have it ready for the first image."""
        if self._process is None and not self._closed:
            limits = (str(self._memory), str(self._seconds))
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, json.dumps([*map(str, sys.path)]), *limits],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=self._folder,
                # Threads of numpy's, which nobody needs here, would count as memory.
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,
            )
            self._ready = False

    def read(self, source: str | os.PathLike[str] | bytes) -> NDArray[np.uint8]:
        """Decode one image, upright, over white, in sRGB.

        Parameters
        ----------
        source : path or bytes

        Returns
        -------
        (H, W, 3) uint8
            RGB.

        Raises
        ------
        ImageError
            As `load_image`; `internal` where the decoder was killed, by a limit or otherwise.
        LatentOFERError
            If no process can be started.
        """
        with self._one_at_a_time:
            name = None if isinstance(source, bytes) else os.fspath(source)
            if self._closed:
                raise image_error("internal", name, "its decoder was closed", "make a new one")
            self.start()
            try:
                return self._answer(source, name)
            except ImageError:
                raise
            except BaseException:  # an answer half read would be taken for the next one's
                self._end()
                raise

    def close(self) -> None:
        """End the process, whatever it is at; what is being read becomes an `ImageError`."""
        self._closed = True
        if (process := self._process) is not None:
            process.kill()
        with self._one_at_a_time:
            self._end()

    def __enter__(self) -> "GuardedDecoder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _answer(
        self, source: str | os.PathLike[str] | bytes, name: str | None
    ) -> NDArray[np.uint8]:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        if not self._ready and process.stdout.readline() != b"ready\n" and not self._closed:
            code = self._end()
            raise LatentOFERError(f"no process can be started to decode images (exit code {code})")
        self._ready = True
        late = threading.Event()

        def too_late() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(_PATIENCE * self._seconds, too_late)
        timer.daemon = True
        timer.start()
        try:
            _ask(process.stdin, source)
            answer: Mapping[str, Any] = json.loads(process.stdout.readline())
            pixels = _pixels(cast(BufferedReader, process.stdout), answer)
        except (OSError, ValueError, EOFError, LookupError, TypeError):
            how = self._how(self._end(), late.is_set())
            remedy = "try it alone, and report it if it comes back"
            raise image_error("internal", name, f"its decoder {how}", remedy) from None
        finally:
            timer.cancel()
        if pixels is None:
            raise ImageError(answer["code"], name, str(answer["message"]))
        return pixels

    def _how(self, code: int | None, late: bool) -> str:
        if late:
            return f"took longer than {_PATIENCE * self._seconds} s"
        if code == -getattr(signal, "SIGXCPU", 0):
            return f"took more than {self._seconds} s of processor time"
        return f"broke down (exit code {code})"

    def _end(self) -> int | None:
        """Kill the process if it has not ended by itself; gives its exit code."""
        process, self._process = self._process, None
        if process is None:
            return None
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):  # of what was still to be sent
                    stream.close()
        try:
            return process.wait(0.2)  # a crash is told from what is killed here
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _ask(stream: IO[bytes], source: str | os.PathLike[str] | bytes) -> None:
    question = {"bytes": len(source)} if isinstance(source, bytes) else {"path": os.fspath(source)}
    stream.write(json.dumps(question).encode() + b"\n")
    if isinstance(source, bytes):
        stream.write(source)
    stream.flush()


def _pixels(stream: BufferedReader, answer: Mapping[str, Any]) -> NDArray[np.uint8] | None:
    """The pixels of an answer, None for an error; nothing that it says is believed unseen."""
    if "code" in answer:
        return None
    height, width = (int(side) for side in answer["shape"])
    if min(height, width) < 1 or max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
        raise ValueError("no such picture")
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    if stream.readinto(pixels.data.cast("B")) != pixels.size:
        raise EOFError
    return pixels
