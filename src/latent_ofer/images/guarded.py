"""Decoding in a process of its own, under limits: a file that kills its decoder costs one error."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from io import BufferedReader
from types import TracebackType
from typing import Any, Final, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import ImageError, LatentOFERError, image_error
from latent_ofer.images.load import MAX_PIXELS, MAX_SIDE
from latent_ofer.images.video import Choice, Frame

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

T = TypeVar("T")
_Taken = Callable[[Mapping[str, Any], NDArray[np.uint8] | None], T]
"""What is made of an answer and its pixels."""


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
        if isinstance(source, bytes):
            return self._ask(None, _picture, {"bytes": len(source)}, source)
        name = os.fspath(source)
        return self._ask(name, _picture, {"path": name})

    def open_video(
        self, path: str | os.PathLike[str], choice: Choice, after: int = -1
    ) -> tuple[int, Iterator[Frame]]:
        """Open a video, as `video.Video`; the limits are for each frame.

        Returns
        -------
        expected : int
            About how many frames are wanted, as the header has it; 0 where it does not say.
        frames : iterator of Frame
            Raises ImageError in the place of the first one that is not whole; to be used up
            before another video is opened, or not at all.

        Raises
        ------
        ImageError, LatentOFERError
            As `read`.
        """
        name = os.fspath(path)
        wanted = {"every": choice.every, "per_second": choice.per_second}
        question = {"video": name, "after": after, **wanted, "only": sorted(choice.only)}
        expected = self._ask(name, _expected, question)
        return expected, iter(lambda: self._ask(name, _frame, {"next": True}), None)

    def _ask(
        self, name: str | None, as_what: _Taken[T], question: Mapping[str, Any], data: bytes = b""
    ) -> T:
        with self._one_at_a_time:
            if self._closed:
                raise image_error("internal", name, "its decoder was closed", "make a new one")
            self.start()
            try:
                return self._answer(name, as_what, json.dumps(question).encode() + b"\n" + data)
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

    def _answer(self, name: str | None, as_what: _Taken[T], question: bytes) -> T:
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
            process.stdin.write(question)
            process.stdin.flush()
            answer: Mapping[str, Any] = json.loads(process.stdout.readline())
            if "code" not in answer:
                return as_what(answer, _pixels(cast(BufferedReader, process.stdout), answer))
            refused = ImageError(answer["code"], name, str(answer["message"]))
        except (OSError, ValueError, EOFError, LookupError, TypeError):
            how = self._how(self._end(), late.is_set())
            remedy = "try it alone, and report it if it comes back"
            raise image_error("internal", name, f"its decoder {how}", remedy) from None
        finally:
            timer.cancel()
        raise refused

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


def _pixels(stream: BufferedReader, answer: Mapping[str, Any]) -> NDArray[np.uint8] | None:
    """The pixels of an answer, None where it has none; nothing that it says is believed unseen."""
    if "shape" not in answer:
        return None
    height, width = (int(side) for side in answer["shape"])
    if min(height, width) < 1 or max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
        raise ValueError("no such picture")
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    if stream.readinto(pixels.data.cast("B")) != pixels.size:
        raise EOFError
    return pixels


def _picture(answer: Mapping[str, Any], pixels: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    if pixels is None:
        raise ValueError("no picture")
    return pixels


def _expected(answer: Mapping[str, Any], pixels: NDArray[np.uint8] | None) -> int:
    return int(answer["expected"])


def _frame(answer: Mapping[str, Any], pixels: NDArray[np.uint8] | None) -> Frame | None:
    return None if "end" in answer else Frame(int(answer["frame"]), float(answer["time"]), pixels)
