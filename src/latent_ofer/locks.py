"""Locks on files: one process at a time, in whatever container it runs.

The system frees a lock when its process ends, however it ends: none is ever stale. Who holds one
is written in its file.
"""

import errno
import os
import platform
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from latent_ofer.errors import LatentOFERError

LOCK: Final = ".latent-ofer.lock"
"""Lies in a folder of results while a run writes there."""

_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


class InUseError(LatentOFERError):
    """A folder that another run is writing to; the message names it and the run."""


@contextmanager
def held(folder: Path, what: str) -> Iterator[None]:
    """Keep a folder of results to one run; made if it does not exist.

    Parameters
    ----------
    folder : Path
    what : str
        What is done there, for whoever comes second.

    Raises
    ------
    InUseError
        When another run holds it.
    OSError
        When it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    descriptor = _locked(path)
    if descriptor is None:
        raise InUseError(
            f"{folder}: in use by {_signature(path)}; wait for it to end, or give another folder"
        )
    with _freed(descriptor, path):
        _sign(descriptor, what)
        yield


@contextmanager
def alone(path: Path, what: str) -> Iterator[None]:
    """Hold a lock file; whoever else wants it waits, and says so on standard error.

    Parameters
    ----------
    path : Path
        The lock file; gone afterwards.
    what : str
        What is done under the lock, for the waiting one's line.
    """
    waiting = False
    while (descriptor := _locked(path)) is None:
        if not waiting:
            told = f"Another process is at it already: {what}. Waiting for it to end."
            print(told, file=sys.stderr)
            waiting = True
        time.sleep(0.2)
    with _freed(descriptor, path):
        yield


def _locked(path: Path) -> int | None:
    """The open lock file, or None while somebody else holds it."""
    # Here, not above: it is slow to import, and who only predicts in memory needs it not.
    from filelock import lock_descriptor

    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            if not lock_descriptor(descriptor, blocking=False):
                os.close(descriptor)
                return None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(descriptor)
                raise
            told = f"{path.parent}: has no locks; let no other run write there meanwhile"
            warnings.warn(told, RuntimeWarning, stacklevel=2)
            return descriptor
        if _is_same(descriptor, path):
            return descriptor
        os.close(descriptor)  # its last holder has removed it meanwhile


def _is_same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


@contextmanager
def _freed(descriptor: int, path: Path) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(OSError):  # Windows refuses while another process has it open
            path.unlink()
        os.close(descriptor)


def _sign(descriptor: int, what: str) -> None:
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    # A process number says little: in a container of its own, each may be number 1.
    text = f"{what} (process {os.getpid()} on {platform.node() or 'this machine'}, since {since})"
    os.ftruncate(descriptor, 0)
    # Not the first byte: Windows lets nobody read what is locked, and that is the one.
    os.write(descriptor, b" " + text.encode())


def _signature(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            stream.seek(1)
            return stream.read(1000).decode(errors="replace") or "another run"
    except OSError:
        return "another run"
