"""All tables and figures one after another, and a page that leads to each."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from latent_ofer.errors import LatentOFERError
from latent_ofer.evaluation.report import Column, shown
from latent_ofer.files import write_text

INDEX: Final = "index.md"
SHOWN: Final = 4
"""Figures of a table that the index repeats at most."""


@dataclass(frozen=True)
class Step:
    """One table or figure.

    Attributes
    ----------
    name : str
        Also of its folder.
    row : str
        How the name of the row begins whose figures the index repeats.
    run : callable
        Measures, and writes its report into the folder that it is given.
    """

    name: str
    row: str
    run: Callable[[Path], object]


@dataclass(frozen=True)
class Outcome:
    """How a step went.

    Attributes
    ----------
    step : Step
    seconds : float
    error : str
        In one line; empty where all went well.
    """

    step: Step
    seconds: float
    error: str = ""


def run_steps(
    steps: Sequence[Step], folder: Path, about: Mapping[str, object], say: Callable[[Outcome], None]
) -> list[Outcome]:
    """Run one step after another; one that fails does not keep the others from running.

    Parameters
    ----------
    steps : sequence of Step
    folder : Path
        Gets a folder for each step and the index, which is up to date after every step.
    about : mapping
        What all steps have in common, for the index.
    say : callable
        Told how each step went, at once.

    Raises
    ------
    OSError
        If the index cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    for step in steps:
        start, error = perf_counter(), ""
        try:
            step.run(folder / step.name)
        except Exception as raised:
            error = _reason(raised)
        outcomes.append(Outcome(step, perf_counter() - start, error))
        say(outcomes[-1])
        write_text(folder / INDEX, index_text(outcomes, folder, about))
    return outcomes


def index_text(outcomes: Sequence[Outcome], folder: Path, about: Mapping[str, object]) -> str:
    """The index as Markdown: what was measured, a few figures with their intervals, seconds."""
    lines = ["# Evaluation", "", "; ".join(f"{key}: {value}" for key, value in about.items()), ""]
    lines += ["| report | what it measures | figures in short | seconds |", "|---|---|---|---:|"]
    for outcome in outcomes:
        step = outcome.step
        if outcome.error:
            cells = [step.name, "", f"failed: {_cell(outcome.error)}"]
        else:
            report = json.loads((folder / step.name / "summary.json").read_text(encoding="utf-8"))
            link = f"[{step.name}]({step.name}/table.md)"
            cells = [link, report["title"], _cell(_in_short(report, step.row))]
        lines.append("| " + " | ".join([*cells, f"{outcome.seconds:.0f}"]) + " |")
    total = sum(outcome.seconds for outcome in outcomes)
    failed = sum(bool(outcome.error) for outcome in outcomes)
    lines += ["", f"Total: {total:.0f} seconds; {failed} failed. Square brackets: 95 % intervals."]
    return "\n".join(lines) + "\n"


def _in_short(report: Mapping[str, Any], name: str) -> str:
    """The first figures of a row, or why it has none."""
    row = next((one for one in report["rows"] if one["name"].startswith(name)), None)
    if row is None:
        return ""
    columns = [Column(**one) for one in report["columns"] if one["key"] in row["figures"]]
    figures = [f"{one.title}: {shown(row['figures'][one.key], one)}" for one in columns[:SHOWN]]
    return f"{row['name']}: {'; '.join(figures) or row['note']}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _reason(error: Exception) -> str:
    if isinstance(error, LatentOFERError | ValueError | ImportError | OSError):
        return str(error)
    return f"internal error ({type(error).__name__}: {error}); please report it"
