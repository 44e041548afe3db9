"""Items made by a second thread."""

import threading
import time
from collections.abc import Iterator

import pytest

from latent_ofer.ahead import AHEAD, ahead


@pytest.mark.parametrize("count", [0, 1, AHEAD, 3 * AHEAD + 1])
def test_all_items_come_in_their_order(count: int) -> None:
    assert list(ahead(range(count))) == list(range(count))


def test_they_are_made_by_one_other_thread_before_they_are_asked_for() -> None:
    made: list[int] = []
    threads = set()
    enough = threading.Event()

    def items() -> Iterator[int]:
        for number in range(20):
            threads.add(threading.get_ident())
            made.append(number)
            if len(made) == AHEAD:
                enough.set()
            yield number

    coming = ahead(items())
    assert next(coming) == 0
    assert enough.wait(10)
    assert list(coming) == list(range(1, 20))
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_an_error_comes_where_its_item_would_have() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("broken")

    coming = ahead(items())
    assert [next(coming), next(coming)] == [1, 2]
    with pytest.raises(ValueError, match="broken"):
        next(coming)


def test_a_consumer_that_stops_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    coming = ahead(iter(range(1000)))
    next(coming)
    coming.close()
    assert threading.active_count() == before


def test_nothing_more_is_made_for_a_consumer_that_stops() -> None:
    made: list[int] = []
    go_on = threading.Event()

    def items() -> Iterator[int]:
        for number in range(10):
            made.append(number)
            yield number
            go_on.wait(10)

    coming = ahead(items())
    assert next(coming) == 0
    threading.Timer(0.1, go_on.set).start()
    coming.close()
    assert len(made) <= 2


def test_what_keeps_the_last_item_from_being_made_is_stopped_first() -> None:
    stopped = threading.Event()

    def items() -> Iterator[bool]:
        yield True
        yield stopped.wait(20)

    coming = ahead(items(), 1, stopped.set)
    begun = time.monotonic()
    assert next(coming)
    coming.close()
    assert time.monotonic() - begun < 10
