"""One service for the tests of a module that leave it as it was."""

from collections.abc import Iterator

import pytest

from serving import Served, served


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with served() as running:
        yield running
