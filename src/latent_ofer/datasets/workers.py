"""A function over many items on worker processes: in order, in bounded memory, never hanging."""

import contextlib
import math
import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from ctypes import c_uint8
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import DataError, ImageError

T = TypeVar("T")
R = TypeVar("R")

CHUNK: Final = 64
"""Items whose results come back together."""
AHEAD: Final = 2
"""Chunks that a worker may have under way: it fills one while the other is taken from it."""
SLOT_BYTES: Final = 4 * 2**20
"""Shared memory for the arrays of one chunk; what does not fit goes through the pipe."""

PATIENCE: Final = 1.0
"""Seconds of one wait for an answer. Python notices Ctrl-C between two steps or when it breaks off
a wait: one that comes between the last step and the wait shows only at the wait's end."""

_Answer = tuple[str, Any]
"""``"array"`` with its start in the slot and its shape, ``"failed"`` with an ImageError's parts
(exceptions with several arguments do not survive pickling), ``"crashed"``, or ``"value"``."""


def mapped(
    function: Callable[[T], R], items: Sequence[T], workers: int = 1
) -> Generator[R | ImageError, None, None]:
    """What `function` gives for each item, in order.

    Memory holds a few chunks of 64 results, however many items there are. The workers end with
    the iterator: at its end, when it is closed, and on Ctrl-C.

    Parameters
    ----------
    function : callable
        Takes one item. With several workers it must be picklable, such as a method of a picklable
        object; uint8 arrays come back through shared memory, everything else is pickled.
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
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    workers = min(workers, len(chunks))
    if workers <= 1:
        for item in items:
            yield _outcome(function, item)
        return
    with contextlib.ExitStack() as running:
        pool = [
            running.enter_context(_started(function, chunks[first::workers]))
            for first in range(workers)
        ]
        for number, chunk in enumerate(chunks):
            yield from pool[number % workers].results(number // workers, len(chunk))


def _outcome(function: Callable[[T], R], item: T) -> R | ImageError:
    try:
        return function(item)
    except ImageError as error:
        return error


@dataclass(frozen=True)
class _Worker:
    process: SpawnProcess
    pipe: "Connection[Any, Any]"
    slots: NDArray[np.uint8]

    def results(self, turn: int, count: int) -> Iterator[Any]:
        """Results of this worker's chunk number `turn`, which holds `count` items."""
        slot = self.slots[turn % AHEAD]
        while count:
            part = self._received()
            count -= len(part)
            for kind, content in part:
                if kind == "array":
                    start, shape = content
                    yield slot[start : start + math.prod(shape)].reshape(shape).copy()
                elif kind == "failed":
                    yield ImageError(*content)
                elif kind == "crashed":
                    raise content
                else:
                    yield content
        with contextlib.suppress(OSError):  # a worker that has done its last chunk is gone
            self.pipe.send_bytes(b"the slot is free")

    def _received(self) -> list[_Answer]:
        try:
            while not self.pipe.poll(PATIENCE):
                pass
            part: list[_Answer] = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(timeout=5)
            raise DataError(
                f"A worker process ended early (exit code {self.process.exitcode}), perhaps for "
                "lack of memory. Start again, with fewer workers."
            ) from None
        return part


@contextlib.contextmanager
def _started(function: Callable[[Any], Any], chunks: Sequence[Any]) -> Iterator[_Worker]:
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    shared = context.RawArray(c_uint8, AHEAD * SLOT_BYTES)
    process = context.Process(target=_work, args=(function, chunks, theirs, shared), daemon=True)
    try:
        with _interrupts_held():
            process.start()
        theirs.close()  # held here too, it would keep a dead worker's pipe open
        yield _Worker(process, pipe, _slots(shared))
    finally:
        pipe.close()
        if process.pid is not None:
            process.terminate()
            process.join()


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


def _slots(shared: Any) -> NDArray[np.uint8]:
    return np.frombuffer(shared, dtype=np.uint8).reshape(AHEAD, SLOT_BYTES)


def _work(
    function: Callable[[Any], Any],
    chunks: Sequence[Sequence[Any]],
    pipe: "Connection[Any, Any]",
    shared: Any,
) -> None:
    """All that a worker does; it ends when the pipe breaks, however the other process ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    slots = _slots(shared)
    with contextlib.suppress(EOFError, OSError):
        for turn, chunk in enumerate(chunks):
            if turn >= AHEAD:
                pipe.recv_bytes()
            _answer(function, chunk, slots[turn % AHEAD], pipe)


def _answer(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    slot: NDArray[np.uint8],
    pipe: "Connection[Any, Any]",
) -> None:
    """Send the results of one chunk, in parts so that only one large array waits at a time."""
    part: list[_Answer] = []
    used = 0
    for item in items:
        kind, content = _answer_to(function, item)
        if kind == "array" and used + content.size <= slot.size:
            end = used + content.size
            slot[used:end] = content.reshape(-1)
            part.append((kind, (used, content.shape)))
            used = end
        elif kind == "array":
            pipe.send([*part, ("value", content)])
            part = []
        else:
            part.append((kind, content))
    if part:
        pipe.send(part)


def _answer_to(function: Callable[[Any], Any], item: Any) -> _Answer:
    try:
        result = function(item)
    except ImageError as error:
        return "failed", (error.code, error.path, error.message)
    except Exception as error:
        return "crashed", error
    is_array = isinstance(result, np.ndarray) and result.dtype == np.uint8
    return ("array" if is_array else "value"), result
