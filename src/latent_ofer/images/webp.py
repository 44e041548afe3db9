"""WebP, strictly: it has no checksums, and its decoder makes a picture of nearly any bytes."""

import struct
from collections.abc import Iterator
from typing import Final

from latent_ofer.images.damage import DamagedError, has_blank_block

_BLANK_BYTES: Final = {b"VP8 ": 256, b"VP8L": 2048}
"""Of lossy and lossless pixels; simple encoders of the latter write zeroes for a plain area."""
_BLANK_BYTES_PER_PIXEL: Final = 1 / 8000
"""Large plain areas have zeroes in their file as well: at most 0.1 for 1,000 pixels."""


def check_webp(data: bytes, pixels: int) -> None:
    """Refuse a WebP file of which a part is missing or was blanked.

    Parameters
    ----------
    data : bytes
        The whole file.
    pixels : int
        Width times height.

    Raises
    ------
    DamagedError
        If a chunk is longer than the file, or the pixels of the first picture hold a blank block
        that no encoder writes.
    """
    for name, start, length in _chunks(data, 12, len(data)):
        if start + length > len(data):
            raise DamagedError("truncated", "its data end before the picture does")
        if name in _BLANK_BYTES:
            size = max(_BLANK_BYTES[name], int(pixels * _BLANK_BYTES_PER_PIXEL))
            if has_blank_block(data[start : start + length], size):
                raise DamagedError("corrupt", "a part of it was overwritten")
            return


def _chunks(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and length of the body of each chunk, those of the first frame among them."""
    while start + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, start)
        yield name, start + 8, length
        if name == b"ANMF":
            yield from _chunks(data, start + 24, min(start + 8 + length, end))
        start += 8 + length + length % 2
