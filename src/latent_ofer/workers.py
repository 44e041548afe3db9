"""A function over many items on worker processes: in order, in bounded memory, never hanging."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any, Final, TypeVar

from latent_ofer.errors import DataError, ImageError

T = TypeVar("T")
R = TypeVar("R")

CHUNK: Final = 8
"""Items whose results come back together."""
AHEAD: Final = 2
"""Chunks under way for each worker: it fills one while the other is taken from it."""

PATIENCE: Final = 0.5
"""Seconds between two looks at the signals while a result is waited for."""

_function: Callable[[Any], Any]
"""What a worker process applies; it gets it once, as it may hold a network."""


def mapped(
    function: Callable[[T], R], items: Sequence[T], workers: int = 1
) -> Generator[R | ImageError, None, None]:
    """What `function` gives for each item, in order.

    Memory holds a few chunks of results, however many items there are. The workers end with
    the iterator: at its end, when it is closed, and on Ctrl-C.

    Parameters
    ----------
    function : callable
        Takes one item. With several workers it must be picklable, such as a method of a picklable
        object; so must its results.
    items : sequence
    workers : int
        Processes; with 1 everything happens in this one. They are started afresh ("spawn"), so a
        script that uses them needs the usual ``if __name__ == "__main__":``.

    Yields
    ------
    result of `function`, or the ImageError that it raised

    Raises
    ------
    DataError
        When a worker dies.
    Exception
        Any other that `function` raises.
    """
    chunks = (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
    workers = min(workers, -(-len(items) // CHUNK))
    if workers <= 1:
        yield from (_outcome(function, item) for item in items)
        return
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(function,)
    )

    def ours() -> list[BaseProcess]:
        return [process for process in multiprocessing.active_children() if process not in others]

    def submitted(some: Sequence[T]) -> "Future[list[R | ImageError]]":
        with _interrupts_held():  # a submission may start a worker
            return pool.submit(_outcomes, some)

    started: list[BaseProcess] = []
    try:
        under_way = deque(submitted(chunk) for chunk in islice(chunks, AHEAD * workers))
        started = ours()
        while under_way:
            yield from _awaited(under_way.popleft())
            under_way.extend(submitted(chunk) for chunk in islice(chunks, 1))
    except BrokenProcessPool:
        pool.shutdown()
        codes = {process.exitcode for process in started} - {0, None}
        code = (codes - {-signal.SIGTERM} or codes or {None}).pop()  # the others were told to end
        raise DataError(
            f"A worker process ended early (exit code {code}), perhaps for "
            "lack of memory. Start again, with fewer workers."
        ) from None
    finally:
        for process in ours():
            process.terminate()
        pool.shutdown(cancel_futures=True)


def _awaited(result: "Future[R]") -> R:
    """A result when it is there; signals are looked at in between.

    One that comes right before a wait would otherwise be noticed at its end alone.
    """
    while not wait([result], PATIENCE).done:
        pass
    return result.result()


def _outcome(function: Callable[[T], R], item: T) -> R | ImageError:
    try:
        return function(item)
    except ImageError as error:
        return error


def _outcomes(items: Sequence[Any]) -> list[Any]:
    return [_outcome(_function, item) for item in items]


def _begin(function: Callable[[Any], Any]) -> None:
    """Make a worker ready: deaf to Ctrl-C, and gone when the process that started it is."""
    global _function
    _function = function
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let what is started here never see what a terminal sends to all of its processes.

    That is Ctrl-C, and the hang-up of a terminal that closes.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Its own start, which the first process's would bring about, lets Ctrl-C in again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
