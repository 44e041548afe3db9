"""Small videos, made here."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from latent_ofer.images.guarded import GuardedDecoder
from latent_ofer.images.video import Choice, Frame, Video


def write_video(
    path: Path, pictures: Iterable[NDArray[np.uint8]], rate: int = 25, turned: int = 0, **more: Any
) -> Path:
    """Write (H, W, 3) uint8 frames; `turned` are degrees that a player turns them by."""
    pictures = list(pictures)
    with av.open(path, "w", options=more.pop("options", {})) as container:
        stream = container.add_stream(more.pop("codec", "mpeg4"), rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.bit_rate = 4_000_000
        stream.gop_size = 5
        if turned:
            stream.set_display_rotation(turned)
        for name, value in more.items():
            setattr(stream, name, value)
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    return path


def plain(count: int, size: tuple[int, int] = (64, 48)) -> Iterator[NDArray[np.uint8]]:
    """Frames that say their number: each 8 levels brighter than the one before."""
    for number in range(count):
        yield np.full((size[1], size[0], 3), 8 * number, np.uint8)


def open_here(
    decoder: GuardedDecoder, path: str | os.PathLike[str], choice: Choice, after: int = -1
) -> tuple[int, Iterator[Frame]]:
    """As `GuardedDecoder.open_video`, in this process, which is quicker to start."""
    video = Video(os.fspath(path), choice, after)
    return video.expected, iter(video)
