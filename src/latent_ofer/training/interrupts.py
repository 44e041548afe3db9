"""Signals that wait until a training has kept what it did."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@contextmanager
def held_back() -> Iterator[Callable[[], bool]]:
    """Hold back the signals that would stop the program, until the block ends.

    It is given a function that says whether one came. A second one takes effect at once. Ignored
    signals stay ignored, and outside of the main thread nothing is held back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    held = {n: known for n, known in handlers.items() if known not in (None, signal.SIG_IGN)}

    def release() -> None:
        for number, handler in held.items():
            signal.signal(number, handler)

    def hold(number: int, _: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            release()
            signal.raise_signal(number)

    for number in held:
        signal.signal(number, hold)
    try:
        yield lambda: bool(came)
    finally:
        release()
    if came:
        signal.raise_signal(came[0])
