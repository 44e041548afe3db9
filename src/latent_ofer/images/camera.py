"""Frames of a camera, the newest one each time; by the optional package PyAV."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import DataError, image_error
from latent_ofer.images.load import check_size
from latent_ofer.images.video import INSTALL, Choice, Frame, can_read_video

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

    _Shot = tuple[int, float, VideoFrame]

SYSTEMS: Final = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""Which of FFmpeg's devices reads cameras where."""
_REMEDY: Final = "see that it is connected, that nothing else uses it, and that you may"


class Camera:
    """An opened camera.

    Frames that come while nobody asks are dropped, so that what is read is what is seen now.

    Parameters
    ----------
    device : str
        Its number, from 0 (not on Windows); or its name: a path such as /dev/video0 on Linux,
        what the system calls it elsewhere.
    choice : Choice
        Which frames are wanted.
    seconds : float, optional
        After which it ends; by default it goes on until it is closed.

    Attributes
    ----------
    name : str
        What rows call it.

    Raises
    ------
    DataError
        If it cannot be opened.
    """

    def __init__(self, device: str, choice: Choice, seconds: float | None = None) -> None:
        self.name = f"camera:{device}"
        self._choice, self._seconds = choice, seconds
        self._container = opened(device)
        self._changed = threading.Condition()
        self._newest: _Shot | None = None
        self._ended = self._broken = False
        self._grabber = threading.Thread(target=self._grab, daemon=True)

    @property
    def expected(self) -> int:
        """About how many frames are wanted; 0 where nobody knows."""
        rate = float(self._container.streams.video[0].average_rate or 25)
        seconds = self._seconds or 0
        return self._choice.share(round(rate * seconds), seconds)

    def close(self) -> None:
        """Let no more frames come."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Frame]:
        """The wanted frames, each the newest when it is asked for; once only.

        Raises ImageError behind the last one where the camera stopped by itself.
        """
        self._grabber.start()
        taken = -1
        while (shot := self._wanted(taken)) is not None:
            number, moment, frame = shot
            taken = self._choice.place(number, moment)
            check_size(frame.width, frame.height, self.name)
            pixels: NDArray[Any] = frame.to_ndarray(format="rgb24")
            yield Frame(number, round(moment, 6), np.ascontiguousarray(pixels))
        if self._broken:
            raise image_error("truncated", self.name, "the camera gives no more frames", _REMEDY)

    def _wanted(self, taken: int) -> "_Shot | None":
        """The newest frame that is wanted, as soon as there is one; None where none will come."""
        with self._changed:
            while not self._ended:
                shot = self._newest
                if shot is not None and self._choice.place(*shot[:2]) > taken:
                    return shot
                self._changed.wait()
        return None

    def _grab(self) -> None:
        """Keep the newest frame, on a thread of its own."""
        import av

        over = False
        with suppress(av.FFmpegError), self._container as frames:
            started = 0.0
            for number, frame in enumerate(frames.decode(video=0)):
                now = time.monotonic()
                started = started if number else now
                moment = now - started
                over = self._seconds is not None and moment >= self._seconds
                with self._changed:
                    if over or self._ended:
                        break
                    self._newest = number, moment, frame
                    self._changed.notify_all()
        with self._changed:
            self._broken, self._ended = not (over or self._ended), True
            self._changed.notify_all()


def opened(device: str) -> "InputContainer":
    """The camera of that number or name. Raises DataError where it cannot be had."""
    system = SYSTEMS.get(sys.platform)
    if system is None:
        raise DataError(f"--camera: not known how on {sys.platform}; record a video and read that")
    if not can_read_video():
        raise DataError(f"--camera: PyAV reads cameras; {INSTALL}")
    import av

    named = {"v4l2": f"/dev/video{device}" if device.isdecimal() else device}
    named["dshow"] = f"video={device}"
    try:
        return av.open(named.get(system, device), "r", system)
    except (av.FFmpegError, OSError) as problem:
        reason = str(problem).partition("\n")[0]
        raise DataError(f"camera {device}: cannot be opened ({reason}); {_REMEDY}") from problem
