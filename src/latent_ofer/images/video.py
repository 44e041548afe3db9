"""Frames of a video, one after the other, upright; by the optional package PyAV."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import ImageError, image_error
from latent_ofer.images.containers import ends_early, video_kind
from latent_ofer.images.load import check_size

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

INSTALL: Final = "pip install 'latent-ofer[video]'"
_COPY: Final = "get a complete copy"
_WIDEST_PIXEL: Final = 4
"""Times as wide as high, or the other way, may a pixel be; beyond that its header is wrong."""


def can_read_video() -> bool:
    """Whether PyAV is installed."""
    return find_spec("av") is not None


@dataclass(frozen=True)
class Choice:
    """Which frames of a video are wanted.

    Attributes
    ----------
    every : int
        Each so manieth, from the first one on.
    per_second : float or None
        At most so many for each second of the video; then `every` counts for nothing.
    only : frozenset of int
        Their very numbers, where it is not empty; then neither counts.
    """

    every: int = 1
    per_second: float | None = None
    only: frozenset[int] = frozenset()

    def place(self, number: int, time: float) -> int:
        """Frames of one place are alike to us: the first of each is taken; none of -1."""
        if self.only:
            return number if number in self.only else -1
        if self.per_second is None:
            return number // self.every
        return math.floor(time * self.per_second + 1e-6)

    def share(self, frames: int, seconds: float) -> int:
        """About how many are taken of so many frames."""
        if self.only:
            return len(self.only)
        if self.per_second is None:
            return -(-frames // self.every)
        return min(frames, math.ceil(seconds * self.per_second))


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a video.

    Attributes
    ----------
    number : int
        From 0, in the order in which frames are shown.
    time : float
        Seconds after the first one.
    pixels : (H, W, 3) uint8 RGB, or None
        None where it is not wanted.
    """

    number: int
    time: float
    pixels: NDArray[np.uint8] | None


class Video:
    """An opened video.

    Parameters
    ----------
    path : str
    choice : Choice
    after : int
        The number of a frame: of those up to it, none is wanted.

    Attributes
    ----------
    expected : int
        About how many frames are wanted, as the header has it; 0 where it does not say.

    Raises
    ------
    ImageError
        If it cannot be used, as far as the header tells.
    """

    def __init__(self, path: str, choice: Choice, after: int = -1) -> None:
        if not can_read_video():
            raise image_error("unsupported_format", path, "a video, which PyAV reads", INSTALL)
        import av
        from av.video.stream import VideoStream

        self._path, self._choice, self._after = path, choice, after
        kind = video_kind(path)
        if kind is None:
            raise image_error("not_an_image", path, "is no video", "check the path")
        self._file = Path(path).open("rb")  # noqa: SIM115  (`close` does)
        self._short = ends_early(self._file, kind)
        self._file.seek(0)
        try:
            # No other kind of file, and no other file, whatever this one says.
            options = {"protocol_whitelist": "none"}
            self._container = av.open(self._file, "r", kind, options, buffer_size=1 << 18)
        except (av.FFmpegError, ValueError) as problem:
            self._file.close()
            raise self._damaged() from problem
        stream = self._container.streams.best("video")
        if not isinstance(stream, VideoStream):
            self.close()
            if self._short:
                raise self._damaged()
            raise image_error("not_an_image", path, "has no video track", "check the path")
        self._stream = stream
        context = stream.codec_context
        if context.width and context.height:
            check_size(context.width, context.height, path)
        context.thread_count = 1  # of several, each would keep frames in memory
        rate = float(self._stream.average_rate or 0)
        seconds = (self._container.duration or 0) / 1e6
        frames = self._stream.frames or round(seconds * rate)
        self.expected = choice.share(frames, seconds or (frames / rate if rate else 0))

    def close(self) -> None:
        """Close the file."""
        self._container.close()
        self._file.close()

    def __iter__(self) -> Iterator[Frame]:
        """All frames; raises ImageError in the place of the first one that is not whole."""
        import av

        number = 0
        try:
            taken = -1
            for frame, time in self._frames():
                place = self._choice.place(number, time)
                wanted = place > taken and number > self._after
                taken = max(taken, place)
                yield Frame(number, time, self._pixels(frame) if wanted else None)
                number += 1
        except MemoryError:
            remedy = "free some, or scale the video down"
            raise image_error("internal", self._path, "ran out of memory", remedy) from None
        except (av.FFmpegError, ValueError) as problem:
            raise self._damaged() from problem
        if self._short:
            raise self._damaged()
        if not number:
            raise image_error("empty", self._path, "a video without any frame", _COPY)

    def _frames(self) -> Iterator[tuple["VideoFrame", float]]:
        from av.video.frame import VideoFrame

        rate = float(self._stream.average_rate or 25)
        first: float | None = None
        time = 0.0
        for packet in self._container.demux(self._stream):
            if packet.is_corrupt:
                raise self._damaged()
            for frame in packet.decode():
                assert isinstance(frame, VideoFrame)
                if frame.is_corrupt:  # a part of it is filled in
                    raise self._damaged()
                shown: float | None = frame.time
                if first is None:
                    first = shown or 0.0
                # Time never stands still, whatever the file says.
                else:
                    time = max(time + 1e-6, time + 1 / rate if shown is None else shown - first)
                yield frame, round(time, 6)

    def _pixels(self, frame: "VideoFrame") -> NDArray[np.uint8]:
        check_size(frame.width, frame.height, self._path)
        ratio = float(self._stream.sample_aspect_ratio or 1)
        wide = 1 / _WIDEST_PIXEL <= ratio <= _WIDEST_PIXEL and ratio != 1
        width = max(1, round(frame.width * ratio)) if wide else frame.width
        check_size(width, frame.height, self._path)
        pixels: NDArray[Any] = frame.to_ndarray(format="rgb24", width=width, height=frame.height)
        return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))

    def _damaged(self) -> ImageError:
        if self._short:
            return image_error("truncated", self._path, "the video ends too early", _COPY)
        return image_error("corrupt", self._path, "a damaged video", "get a fresh copy")
