"""What kind of video file some bytes are, and whether it ends too early; nothing is decoded."""

import os
import stat
from typing import IO, Final

from latent_ofer.images import formats

VIDEO_SUFFIXES: Final = frozenset(
    [
        *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".mkv", ".webm", ".avi"),
        *(".mpg", ".mpeg", ".mts", ".m2ts", ".wmv", ".flv", ".ogv"),
    ]
)
"""Of videos below a folder; `.ts` is left out, for most of those are programs."""

_PHOTOS: Final = formats.SUPPORTED_SUFFIXES | formats.UNSUPPORTED_SUFFIXES
_HEAD: Final = 600
_QUICKTIME: Final = frozenset([b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"])
"""What a QuickTime file may begin with that is older than the box that says so."""
_SIGNATURES: Final = (
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"\0\0\x01\xba", "mpeg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"FLV\x01", "flv"),
    (b"OggS", "ogg"),
)
_PACKET: Final = 188
_SEGMENT: Final = b"\x18\x53\x80\x67"


def container_of(head: bytes) -> str | None:
    """Name the kind of video file, as FFmpeg calls what reads it; None for anything else.

    Kinds that name other files or addresses to be read, such as playlists, are not among them.
    """
    if formats.kind_of(head) is not None:
        return None
    if head[4:8] == b"ftyp" or head[4:8] in _QUICKTIME:
        return "mov"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    for first in (0, 4):  # cameras put a time of four bytes before each packet
        step = _PACKET + first
        if len(head) > first + 2 * step and head[first : first + 2 * step + 1 : step] == b"GGG":
            return "mpegts"
    return next((kind for start, kind in _SIGNATURES if head.startswith(start)), None)


def video_kind(path: str | os.PathLike[str]) -> str | None:
    """The `container_of` a file; None where it cannot be read, or its name is a photo's."""
    if os.path.splitext(path)[1].lower() in _PHOTOS:
        return None
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as stream:
            return container_of(stream.read(_HEAD))
    except (OSError, ValueError):
        return None


def ends_early(stream: IO[bytes], kind: str) -> bool:
    """Whether the lengths in a file say more than there is. Moves the place in the stream."""
    size = stream.seek(0, os.SEEK_END)
    if kind == "mov":
        return formats.boxes_reach(stream) > size
    if kind == "matroska":
        return _segment_reaches(stream) > size
    if kind == "avi":
        stream.seek(4)
        told = int.from_bytes(stream.read(4), "little")
        return 8 + told > size and told < 0xFFFFFFFF
    return False


def _segment_reaches(stream: IO[bytes]) -> int:
    """Return where the segment of a Matroska file ends; 0 where that is unknown."""
    stream.seek(4)
    header = _number(stream)
    stream.seek(header, os.SEEK_CUR)
    if stream.read(4) != _SEGMENT:
        return 0
    length = _number(stream)
    return stream.tell() + length if length else 0


def _number(stream: IO[bytes]) -> int:
    """Read a number of EBML: as many zero bits as bytes follow; all ones mean nobody knows."""
    first = (stream.read(1) or b"\0")[0]
    follow = 8 - first.bit_length()
    value = int.from_bytes(bytes([first & (0x7F >> follow)]) + stream.read(follow), "big")
    return 0 if value == (1 << 7 * (follow + 1)) - 1 else value
