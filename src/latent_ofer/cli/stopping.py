"""Being told to stop: by Ctrl-C, by a system that shuts down, by a terminal that closes."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
_GRACE: Final = 2.0
"""Seconds after a signal in which another one changes nothing: they often come in pairs."""


class Stopped(BaseException):
    """The program was told to stop; no `except Exception` on the way takes it for a failure.

    Attributes
    ----------
    exit_code : int
        What shells expect: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


@contextmanager
def ended_by_signals(end: Callable[[], None]) -> Iterator[None]:
    """Have the first signal that would stop the block call `end` instead, for what has no end."""
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}

    def first(number: int, _: object) -> None:
        for each, handler in handlers.items():
            signal.signal(each, handler)
        end()

    for number in handlers:
        signal.signal(number, first)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` in the block where a signal would end the program, so that it can finish.

    Signals that are ignored, as by nohup, stay so. Does nothing but in the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told: dict[int, float] = {}

    def stop(number: int, _: object) -> None:
        now = time.monotonic()
        if all(now - moment >= _GRACE for moment in told.values()):
            told[number] = now
            raise Stopped(number)

    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    before = {n: known for n, known in handlers.items() if known not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    except Exception as error:
        # What was being imported may have taken the stop for its own failure.
        if told:
            raise Stopped(next(iter(told))) from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
