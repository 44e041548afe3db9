"""JPEG, strictly: libjpeg fills in with grey whatever a damaged file lacks, and only warns.

Pillow keeps those warnings to itself; simplejpeg, the same libjpeg-turbo with the same pixels,
turns the first of them into an error. So that no harmless one comes first, the decoder gets the
file without what has nothing to do with its pixels.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from latent_ofer.images.damage import DamagedError, has_blank_block

_SOF: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SOS: Final = 0xDA
_TABLES: Final = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD, *_SOF})
_JFIF: Final = b"JFIF\0\1\1\0\0\1\0\1\0\0"
_PASS: Final = re.compile(rb"\xff\xda..[\x01-\x04]", re.DOTALL)

_ENDS_EARLY: Final = re.compile(r"premature end of", re.IGNORECASE)
_DAMAGED: Final = re.compile(
    r"bad Huffman code|bad arithmetic code|instead of RST|Inconsistent progression"
)
_EXTRANEOUS: Final = re.compile(r"(\d+) extraneous bytes before marker 0x(..)")
_PADDING: Final = 8
"""Bytes that some encoders leave over between the last pixel and the end mark."""
_BLANK_BYTES: Final = 256
"""Half a disk sector: the smallest hole that a failing disk or transfer leaves, at any place."""
_OVERWRITTEN: Final = "a part of it was overwritten"
_FLAT: Final = 0
"""The symbol of "no change of brightness" and of "nothing more in this block"."""


@dataclass(frozen=True)
class _Head:
    """What stands before the first scan's data."""

    clean: bytes
    components: bytes
    progressive: bool
    one_pass: bool  # sequential, all components together
    zeros_are_flat: bool
    scans: bytes  # from the first SOS segment to the end mark


@dataclass(frozen=True)
class _Pass:
    """One pass over the picture: which coefficients of which components, down to which bit."""

    components: bytes
    first: int
    last: int
    bit: int
    data: bytes


def strict_pixels(data: bytes, mode: str) -> NDArray[np.uint8] | None:
    """Decode a JPEG, or refuse it, if anything of its pixels is missing or damaged.

    Parameters
    ----------
    data : bytes
        The whole file.
    mode : str
        Pillow's mode of the picture.

    Returns
    -------
    (H, W, 3) uint8, (H, W) uint8 or None
        RGB or grey as stored, neither turned nor converted; None where this decoder cannot read
        the file or its mode, which Pillow then has to do.

    Raises
    ------
    DamagedError
        If the file was cut, even if somebody put an end mark after the cut, or if a part of it is
        missing or overwritten.
    """
    head = _head(data)
    if head is None:
        return None
    if not head.one_pass and not _passes_are_complete(head):
        raise _shortened(head, "the last passes over the picture are missing")
    space = {"RGB": "RGB", "L": "GRAY"}.get(mode, mode)
    try:
        # Pillow reads the other modes; here they are only checked, at an eighth of the size.
        factor = 1 if mode in ("RGB", "L") else 8
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            head.clean + head.scans, space, min_factor=factor
        )
    except ValueError as problem:
        _raise_if_damaged(str(problem), head)
        return None
    if _is_blanked(head):
        raise DamagedError("corrupt", _OVERWRITTEN)
    if mode == "L":
        pixels = pixels[..., 0]
    return pixels if mode in ("RGB", "L") else None


def _raise_if_damaged(warning: str, head: _Head) -> None:
    extra = _EXTRANEOUS.search(warning)
    padding = extra is not None and int(extra[1]) <= _PADDING and extra[2] == "d9"
    if _DAMAGED.search(warning) or (extra and not padding):
        raise DamagedError("corrupt", "a part of it is missing or was overwritten")
    if _ENDS_EARLY.search(warning):
        raise _shortened(head, "its data end before the picture does")


def _shortened(head: _Head, reason: str) -> DamagedError:
    if _is_blanked(head):
        return DamagedError("corrupt", _OVERWRITTEN)
    return DamagedError("truncated", reason)


def _is_blanked(head: _Head) -> bool:
    """Whether zeroes stand where the encoder cannot have written them."""
    if head.one_pass:
        parts = [] if head.zeros_are_flat else [head.scans]
    else:
        # The passes of the mean brightness hold bare bits, and these may be zeroes.
        parts = [each.data for each in _passes(head) if head.progressive and each.first > 0]
    return any(has_blank_block(part, _BLANK_BYTES, b"\0") for part in parts)  # 0xFF may pad


def _head(data: bytes) -> _Head | None:
    """Read the segments up to the first scan; None where they are not what they should be."""
    clean, first_symbols = [b"\xff\xd8"], list[int]()
    components, progressive = b"", False
    position = 2
    while 0 <= (position := data.find(b"\xff", position)) < len(data) - 4:
        marker = data[position + 1]
        if marker in (0x00, 0x01, 0xFF, *range(0xD0, 0xD9)):
            position += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        body = data[position + 4 : position + 2 + length]
        if length < 2 or len(body) < length - 2:
            return None
        if marker == _SOS:
            end = data.find(b"\xff\xd9", position)
            return _Head(
                clean=b"".join(clean),
                components=components,
                progressive=progressive,
                one_pass=not progressive and body[:1] == bytes((len(components),)),
                zeros_are_flat=all(symbol == _FLAT for symbol in first_symbols),
                scans=data[position : end + 2 if end >= 0 else None],
            )
        if marker in _SOF:
            components = body[6 : 6 + 3 * body[5] : 3] if len(body) > 5 else b""
            progressive = marker in _PROGRESSIVE
        if marker == 0xC4:
            first_symbols += _first_symbols(body)
        if marker == 0xE0 and body.startswith(b"JFIF\0"):
            body = _JFIF
        elif marker not in _TABLES and not (marker == 0xEE and body.startswith(b"Adobe")):
            body = b""
        if body:
            clean.append(bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body)
        position += 2 + length
    return None


def _first_symbols(tables: bytes) -> list[int]:
    """Of each Huffman table in a DHT segment, what its code of nothing but zeros stands for."""
    symbols = []
    position = 0
    while position + 17 < len(tables):
        symbols.append(tables[position + 17])
        position += 17 + sum(tables[position + 1 : position + 17])
    return symbols


def _passes(head: _Head) -> Iterator[_Pass]:
    starts = [match.start() for match in _PASS.finditer(head.scans)]
    for start, end in zip(starts, [*starts[1:], len(head.scans)], strict=True):
        data = head.scans[start:end]
        number = data[4]
        parameters = data[5 + 2 * number : 8 + 2 * number] if head.progressive else b"\0\x3f\0"
        if len(parameters) == 3:
            first, last, bits = parameters
            yield _Pass(data[5 : 5 + 2 * number : 2], first, last, bits & 0x0F, data)


def _passes_are_complete(head: _Head) -> bool:
    """Whether they bring every coefficient of every component to its last bit."""
    missing = {component: np.ones(64, dtype=bool) for component in head.components}
    for each in _passes(head):
        for component in each.components:
            if component in missing and each.bit == 0:
                missing[component][each.first : each.last + 1] = False
    return not any(left.any() for left in missing.values())
