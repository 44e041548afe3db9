"""PNG files of our own."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from latent_ofer.synthesis.png import LONGEST_BLOCK, png_bytes


@pytest.mark.parametrize("shape", [(112, 112), (112, 112, 3), (1, 1), (5, 3, 3), (300, 301)])
def test_pillow_reads_back_what_was_written(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    data = png_bytes(pixels)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.mode == ("RGB" if len(shape) == 3 else "L")
        np.testing.assert_array_equal(np.asarray(picture), pixels)
    with Image.open(io.BytesIO(data)) as picture:
        picture.verify()


def test_the_pixels_stand_in_the_file_as_they_are() -> None:
    """Nothing is left to a compressor; a size of exactly one block and one byte more included."""
    for length in (LONGEST_BLOCK - 1, LONGEST_BLOCK):
        pixels = np.random.default_rng(1).integers(0, 256, (1, length), dtype=np.uint8)
        data = png_bytes(pixels)
        assert pixels.tobytes()[: LONGEST_BLOCK - 1] in data
        stream = data[data.index(b"IDAT") + 4 : data.index(b"IEND") - 8]
        assert zlib.decompress(stream) == b"\0" + pixels.tobytes()
        blocks = -(-(length + 1) // LONGEST_BLOCK)
        assert len(stream) == 2 + 5 * blocks + length + 1 + 4


def test_the_bytes_of_a_file_are_these() -> None:
    """Written out by hand: the stream is one stored block of five bytes of overhead."""
    data = png_bytes(np.array([[7, 255]], dtype=np.uint8))
    header = b"\0\0\0\x02\0\0\0\x01\x08\0\0\0\0"
    stream = b"\x78\x01" + b"\x01\x03\0\xfc\xff" + b"\0\x07\xff" + b"\x01\x10\x01\x07"
    expected = b"\x89PNG\r\n\x1a\n"
    for kind, content in ((b"IHDR", header), (b"IDAT", stream), (b"IEND", b"")):
        checksum = zlib.crc32(kind + content).to_bytes(4, "big")
        expected += len(content).to_bytes(4, "big") + kind + content + checksum
    assert data == expected
