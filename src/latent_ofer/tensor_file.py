"""A safetensors file looked at without trust: what is in it, where, and that it is numbers."""

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np

from latent_ofer.errors import WeightsError

_MAX_HEADER: Final = 100_000_000
_SIZES: Final = {"F16": 2, "F32": 4, "I64": 8}
_EXPONENT: Final = {"F16": 0x7C00, "F32": 0x7F800000}
"""Bits that are all set where a float is infinite or no number."""


@dataclass(frozen=True)
class Place:
    """One tensor of a file.

    Attributes
    ----------
    dtype : str
        ``"F16"``, ``"F32"`` or ``"I64"``.
    shape : tuple of int
    offset, length : int
        Bytes from the start of the file, and how many.
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


def tensor_places(path: Path) -> dict[str, Place]:
    """Read where each tensor lies, and refuse what is no whole safetensors file.

    Raises
    ------
    WeightsError
        Names the file, and the tensor where one is at fault.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(_MAX_HEADER, size - 8):
            raise _refused(path, "no safetensors file")
        try:
            header = json.loads(stream.read(length))
            entries = [item for item in header.items() if item[0] != "__metadata__"]
        except (ValueError, AttributeError, RecursionError):
            raise _refused(path, "no safetensors file") from None
    start = 8 + length
    places = {name: _place(path, name, entry, start) for name, entry in entries}
    end = start
    for name, place in sorted(places.items(), key=lambda item: item[1].offset):
        if place.offset != end:
            raise _refused(path, f"'{name}' does not begin where the tensor before it ends")
        end += place.length
    if end != size:
        raise _refused(path, f"{size} bytes, where its tensors end after {end}")
    return places


def check_tensors(path: Path, expected: dict[str, str]) -> None:
    """Refuse a file that holds other tensors than expected, or values that are no finite numbers.

    Parameters
    ----------
    expected : dict of str to str
        Each tensor's ``str(Place)``, such as ``"F16[96,3,8,8]"``.

    Raises
    ------
    WeightsError
        Names the file and the tensor.
    """
    found = tensor_places(path)
    for name in sorted(expected.keys() | found.keys()):
        has, wanted = str(found.get(name, "nothing")), expected.get(name, "nothing")
        if has != wanted:
            raise _refused(path, f"'{name}' is {has} where the manifest says {wanted}")
    content = np.memmap(path, dtype=np.uint8, mode="r")
    for name, place in found.items():
        if place.dtype in _EXPONENT:
            raw = content[place.offset : place.offset + place.length].tobytes()
            bits = np.frombuffer(raw, dtype=f"<u{_SIZES[place.dtype]}")
            exponent = _EXPONENT[place.dtype]
            if np.any(bits & exponent == exponent):
                raise _refused(path, f"'{name}' holds values that are no finite numbers")


def _place(path: Path, name: str, entry: Any, start: int) -> Place:
    try:
        dtype, shape, (first, last) = entry["dtype"], entry["shape"], entry["data_offsets"]
        whole = all(type(number) is int and number >= 0 for number in (*shape, first, last))
        sound = whole and last - first == prod(shape) * _SIZES[dtype]
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise _refused(path, f"the entry of '{name}' is malformed")
    return Place(dtype, tuple(shape), start + first, last - first)


def _refused(path: Path, reason: str) -> WeightsError:
    return WeightsError(f"{path}: {reason}; get the weights again")
