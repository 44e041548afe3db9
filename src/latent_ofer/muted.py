"""Standard error without what native code writes straight to it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def muted(wanted: bool = True) -> Iterator[None]:
    """Drop what anything in this process writes to standard error meanwhile, where it is wanted.

    For libraries that write there beside raising an error: a failure is to be one line.
    """
    if not wanted:
        yield
        return
    try:
        saved = os.dup(2)
    except OSError:  # no stderr at all
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
