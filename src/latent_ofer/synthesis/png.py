"""PNG files that are the same bytes on every machine."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB = 0, 2
BITS = 8
LONGEST_BLOCK = 0xFFFF


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of these pixels.

    Builds of zlib compress the same data to different bytes, so nothing is compressed: the
    pixels stand in the file as they are (deflate's stored blocks), about 37 kB for 112 px RGB.

    Parameters
    ----------
    pixels : (H, W) or (H, W, 3) uint8
        Grey or RGB.
    """
    height, width = pixels.shape[:2]
    kind = RGB if pixels.ndim == 3 else GREY
    header = struct.pack(">IIBBBBB", width, height, BITS, kind, 0, 0, 0)
    # Each row begins with its filter: 0, none.
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    return SIGNATURE + b"".join(
        [_chunk(b"IHDR", header), _chunk(b"IDAT", _stored(lines)), _chunk(b"IEND", b"")]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _stored(data: bytes) -> bytes:
    """A zlib stream of stored blocks (RFC 1950, RFC 1951 section 3.2.4)."""
    parts = [b"\x78\x01"]
    starts = range(0, len(data), LONGEST_BLOCK)
    for start in starts:
        block = data[start : start + LONGEST_BLOCK]
        last = start + LONGEST_BLOCK >= len(data)
        parts.append(struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block)
    return b"".join([*parts, struct.pack(">I", zlib.adler32(data))])
