"""Reports, and their figures as cells of a table."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REPORTS = Path(__file__).resolve().parent.parent / "docs" / "reports"

Report = Mapping[str, Any]


NOT_YET = "not measured yet"


def read(name: str) -> Report:
    """One report by its name; empty where it was not made."""
    if not (REPORTS / f"{name}.json").exists():
        return {}
    report: Report = json.loads((REPORTS / f"{name}.json").read_text(encoding="utf-8"))
    return report


def share(figure: Report, digits: int = 1, sign: str = "") -> str:
    """A share in per cent with its interval, such as ``87.4 [86.2, 88.5]``."""
    return _spread(figure, 100, digits, sign)


def plain(figure: Report, digits: int = 3) -> str:
    """A figure with its interval, as it is."""
    return _spread(figure, 1, digits, "")


def _spread(figure: Report, scale: float, digits: int, sign: str) -> str:
    if "value" not in figure:
        return "-"
    shown = f"{figure['value'] * scale:{sign}.{digits}f}"
    if "low" not in figure:
        return shown
    low, high = (f"{figure[end] * scale:{sign}.{digits}f}" for end in ("low", "high"))
    return f"{shown} [{low}, {high}]"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
