"""Being told to stop: by Ctrl-C, by a system that shuts down, by a terminal that closes."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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

    def first(*_: object) -> None:
        before.close()
        end()

    with ExitStack() as before:
        before.enter_context(_handled(first))
        yield


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` in the block where a signal would end the program, so that it can finish.

    Signals that are ignored, as by nohup, stay so. Does nothing but in the main thread.
    """
    told: dict[int, float] = {}

    def stop(number: int, _: object) -> None:
        now = time.monotonic()
        if all(now - moment >= _GRACE for moment in told.values()):
            told[number] = now
            raise Stopped(number)

    with _handled(stop):
        try:
            yield
        except Exception as error:
            # What was being imported may have taken the stop for its own failure.
            if told:
                raise Stopped(next(iter(told))) from error
            raise


@contextmanager
def _handled(handler: Callable[[int, object], None]) -> Iterator[None]:
    """Have the signals that would end the program handled in the block, and as before after it.

    Those that are ignored stay so. Does nothing but in the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    before = {n: known for n, known in handlers.items() if known not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, known in before.items():
            signal.signal(number, known)
