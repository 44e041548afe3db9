"""Every layout of every data set, written once, and copies of them to break."""

from collections.abc import Callable
from pathlib import Path

import pytest

from whole_sets import LAYOUTS, copied, write_whole


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Writes each layout once."""
    written: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in written:
            place = tmp_path_factory.mktemp("whole") / "set"
            written[name] = write_whole(LAYOUTS[name], place)
        return written[name]

    return folder


@pytest.fixture
def broken(whole: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a layout for a test to break."""
    return lambda name: copied(whole(name), tmp_path / "set")
