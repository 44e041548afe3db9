"""Items made by a second thread, while the first is at those before them."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

AHEAD: Final = 4
"""How many are made before they are asked for, unless told otherwise."""


def ahead(
    items: Iterable[T], count: int = AHEAD, stop: Callable[[], None] = lambda: None
) -> Generator[T]:
    """Yield the items in their order; a second thread makes the next few meanwhile.

    Whoever stops early waits for the one that is being made; `stop` is called before, to have it
    made sooner.

    Raises
    ------
    Exception
        Whatever making an item raises, in its place.
    """
    source = iter(items)
    end = object()
    maker = ThreadPoolExecutor(1)
    try:
        coming = deque(maker.submit(next, source, end) for _ in range(count))
        while (item := coming.popleft().result()) is not end:
            coming.append(maker.submit(next, source, end))
            yield item  # type: ignore[misc]
    finally:
        stop()
        maker.shutdown(cancel_futures=True)
