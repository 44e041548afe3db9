"""What kind of file some bytes are, and whether they end too early; nothing is decoded here."""

import io
import os
import struct
from typing import IO, Final

SUPPORTED: Final = ("JPEG", "PNG", "WebP", "BMP", "GIF", "TIFF", "AVIF")

SUPPORTED_SUFFIXES: Final = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".bmp",
        ".dib",
        ".gif",
        ".tif",
        ".tiff",
        ".avif",
    ]
)
UNSUPPORTED_SUFFIXES: Final = frozenset(
    [
        ".heic",
        ".heif",
        ".svg",
        ".svgz",
        ".jxl",
        ".jp2",
        ".j2k",
        ".psd",
        ".ico",
        ".raw",
        ".dng",
        ".cr2",
        ".cr3",
        ".nef",
        ".arw",
    ]
)
"""Pictures to a user, not to us: they get an error row rather than silence."""

_SIGNATURES: Final = (
    (b"\xff\xd8", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "PSD"),
    (b"%PDF", "PDF"),
    (b"qoif", "QOI"),
    (b"DDS ", "DDS"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"\0\0\x01\0", "ICO"),
)
_TAG_BYTES: Final = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_HEIC_BRANDS: Final = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"))


def kind_of(data: bytes) -> str | None:
    """Name the format by content: one of ``SUPPORTED``, another image format, or None.

    Parameters
    ----------
    data : bytes
        The whole file; only its beginning is looked at.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        return _kind_of_boxes(data)
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[:1] == b"P" and data[1:2] in b"1234567" and data[2:3].isspace():
        return "PNM"
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<svg") or (start.startswith((b"<?xml", b"<!")) and b"<svg" in start):
        return "SVG"
    return None


def _kind_of_boxes(data: bytes) -> str | None:
    length = min(max(int.from_bytes(data[:4], "big"), 16), 512)
    brands = {data[8:12], *(data[i : i + 4] for i in range(16, length, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & _HEIC_BRANDS or data[8:12] in (b"mif1", b"msf1"):
        return "HEIC"
    return None


def is_cut_short(kind: str, data: bytes) -> bool:
    """Whether the file says that it should be longer than it is.

    A file that cannot be decoded is called truncated rather than corrupt on this ground.
    """
    if kind == "JPEG":
        return b"\xff\xd9" not in data[-4096:]
    if kind == "PNG":
        return b"IEND" not in data[-4096:]
    if kind == "GIF":
        return not data.rstrip(b"\0").endswith(b";")
    if kind == "WebP":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if kind == "BMP":
        return len(data) < int.from_bytes(data[2:6], "little")
    if kind in ("AVIF", "HEIC"):
        return boxes_reach(io.BytesIO(data)) > len(data)
    return _strips_reach(data) > len(data)


def boxes_reach(stream: IO[bytes]) -> int:
    """Return where the last top-level box of a HEIC, AVIF or MP4 file ends."""
    size, position = stream.seek(0, os.SEEK_END), 0
    while position + 8 <= size:
        stream.seek(position)
        head = stream.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        if length < 8:
            return size
        position += length
    return position + 8 * (position < size)


def _strips_reach(data: bytes) -> int:
    """Return where the last pixel strip, tile or directory of a TIFF's first page ends."""
    order = "<" if data[:2] == b"II" else ">"
    if data[2:4] not in (b"*\0", b"\0*"):
        return 0
    try:
        (directory,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, directory)
        tags = {}
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(order + "HHI", data, entry)
            tags[tag] = _numbers(data, order, kind, number, entry + 8)
    except struct.error:
        return len(data) + 1
    offsets = tags.get(273) or tags.get(324) or ()
    lengths = tags.get(279) or tags.get(325) or ()
    return max((start + length for start, length in zip(offsets, lengths, strict=False)), default=0)


def _numbers(data: bytes, order: str, kind: int, number: int, place: int) -> tuple[int, ...]:
    """Read a tag's values; those that are no whole numbers are only checked to be there."""
    size = _TAG_BYTES.get(kind, 1)
    if number * size > 4:
        (place,) = struct.unpack_from(order + "I", data, place)
    if place + number * size > len(data):
        raise struct.error
    if kind not in (3, 4):
        return ()
    return struct.unpack_from(f"{order}{number}{'H' if kind == 3 else 'I'}", data, place)


def announced_size(kind: str, data: bytes) -> tuple[int, int] | None:
    """Width and height from a WebP header: its decoder reserves the canvas as soon as it opens."""
    if kind != "WebP" or len(data) < 30:
        return None
    if data[12:16] == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        return width, int.from_bytes(data[27:30], "little") + 1
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if data[12:16] == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None
