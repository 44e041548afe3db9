"""What the tests of broken data sets ask of a report."""

import re
from pathlib import Path

import pytest

from latent_ofer.datasets.check import CheckReport, check
from latent_ofer.datasets.listing import Listing, Problem
from latent_ofer.datasets.registry import open_set
from latent_ofer.errors import DataError
from whole_sets import LAYOUTS, Layout


def opened(layout: Layout, folder: Path) -> Listing:
    return open_set(layout.name, folder / layout.table, layout.codes)


def report_on(name: str, folder: Path, decode: bool = False) -> CheckReport:
    return check(opened(LAYOUTS[name], folder), decode=decode)


def counts(report: CheckReport) -> object:
    return report.to_dict()["splits"]


def expect(report: CheckReport, kind: str, named: str, number: int = 1) -> None:
    """Exactly so many problems, of one kind, each one sentence that names the file."""
    assert [problem.kind for problem in report.problems] == [kind] * number, report.problems
    for problem in report.problems:
        is_one_sentence(problem)
    assert any(named.lower() in problem.message.lower() for problem in report.problems)


def is_one_sentence(problem: Problem) -> None:
    assert problem.message.endswith(".")
    assert "\n" not in problem.message
    assert not re.search(r"\. [A-Z]", problem.message), problem.message


def cannot_open(name: str, folder: Path) -> str:
    layout = LAYOUTS[name]
    with pytest.raises(DataError) as caught:
        opened(layout, folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message
