"""Batches made by a second thread, while the first trains on those before them."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

AHEAD = 4
"""How many are made before they are asked for."""


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield the items in their order; a second thread makes the next few meanwhile.

    Raises
    ------
    Exception
        Whatever making an item raises, in its place.
    """
    source = iter(items)
    end = object()
    with ThreadPoolExecutor(1) as maker:
        coming = deque(maker.submit(next, source, end) for _ in range(AHEAD))
        while (item := coming.popleft().result()) is not end:
            coming.append(maker.submit(next, source, end))
            yield item  # type: ignore[misc]
