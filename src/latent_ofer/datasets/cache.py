"""Files kept from one start to the next: whole or not at all, and where there is room."""

import errno
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import DataError
from latent_ofer.files import whole_file

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_GIB: Final = 2**30


class NoRoomError(DataError):
    """The disk is full."""


def stored(
    target: Path, shape: tuple[int, ...], rows: Iterable[NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """The array in a file, which is written first where it is not there.

    Written beside its final place and renamed: a killed run leaves no half of it, and of two
    processes that write it at once each leaves the whole.

    Parameters
    ----------
    target : Path
        Ends in ``.npy``.
    shape : tuple of int
    rows : iterable of (*shape[1:]) uint8
        shape[0] of them; looked at only where the file is missing.

    Returns
    -------
    (*shape) uint8
        Read-only and memory-mapped.

    Raises
    ------
    DataError
        When the file cannot be written, or the disk is full.
    """
    if not target.exists():
        room = written_to(target.parent, int(np.prod(shape)))
        with room, whole_file(target) as partial, partial.open("wb") as stream:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(stream, header)
            for row in rows:
                # Not through a memory map: on a full disk that ends in a bus error.
                stream.write(np.ascontiguousarray(row).data)
    result: NDArray[np.uint8] = np.load(target, mmap_mode="r")
    return result


@contextmanager
def written_to(folder: Path, size: int) -> Iterator[None]:
    """Make a folder, see that there is room, and turn what goes wrong into one clear line.

    Parameters
    ----------
    folder : Path
    size : int
        Bytes that are to be written.

    Raises
    ------
    DataError
        When it cannot be written; NoRoomError when there is or becomes too little room.
    """
    needed = f"{size / _GIB:.2f} GiB"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < size:
            raise NoRoomError(
                f"{folder}: too little room: {needed} needed, {free / _GIB:.2f} GiB free. "
                "Free some, or choose a folder on another disk."
            )
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise NoRoomError(
                f"{folder}: the disk became full; {needed} needed in all. "
                "Free some, or choose a folder on another disk."
            ) from error
        raise DataError(
            f"{folder}: cannot write here ({error.strerror or error}). Choose another folder."
        ) from error
