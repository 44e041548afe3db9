"""Signs of damage that no decoder tells: a file that lost a part without ending too early."""

from typing import Literal

import numpy as np


class DamagedError(Exception):
    """Pixels that are missing or made up; `code` is `truncated` or `corrupt`."""

    def __init__(self, code: Literal["truncated", "corrupt"], reason: str) -> None:
        super().__init__(code, reason)
        self.reason = reason
        self.code: Literal["truncated", "corrupt"] = code


def has_blank_block(data: bytes, size: int, values: bytes = b"\0\xff") -> bool:
    """Whether `size` bytes in a row, from a multiple of `size` on, all have one of the values.

    Compressed pixels look like noise; what blanks a part of a file leaves zeroes or 0xFF there.
    """
    blocks = np.frombuffer(data, dtype=np.uint8, count=len(data) // size * size)
    blocks = blocks.reshape(-1, size)
    for value in values:
        few = blocks[(blocks[:, :: size // 8] == value).all(axis=1)]  # sorts out nearly all
        if (few == value).all(axis=1).any():
            return True
    return False
