"""A camera of drawn pictures."""

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray


class FakeCamera:
    """What PyAV opens: gives one picture after the other, each when `wait` has returned."""

    def __init__(self, pictures: Iterator[NDArray[np.uint8]], wait: Callable[[], object]) -> None:
        self._pictures, self._wait = pictures, wait
        self.streams = SimpleNamespace(video=[SimpleNamespace(average_rate=25)])
        self.closed = False

    def decode(self, video: int) -> Iterator[av.VideoFrame]:
        assert video == 0
        for picture in self._pictures:
            self._wait()
            yield av.VideoFrame.from_ndarray(picture)

    def __enter__(self) -> "FakeCamera":
        return self

    def __exit__(self, *_: Any) -> None:
        self.closed = True


def at_25_a_second(pictures: Iterator[NDArray[np.uint8]]) -> FakeCamera:
    """A camera with its own pace."""
    return FakeCamera(pictures, lambda: time.sleep(0.04))
