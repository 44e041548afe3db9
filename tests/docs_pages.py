"""The pages of the documentation, and the fenced blocks in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "reports" not in path.parts),
]

_FENCE = re.compile(r"^ *```(\w*)")
_NOT_RUN = re.compile(r"^ *<!-- not run:(.*)-->")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes
    ----------
    line : int
        Of its first line of code in the page, from 1.
    language : str
    code : str
    not_run : str or None
        Why not, from the comment ``<!-- not run: ... -->`` above it; None without such a comment.
    """

    line: int
    language: str
    code: str
    not_run: str | None


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    lines = page.read_text("utf-8").splitlines()
    above, start, language = "", 0, ""
    for number, line in enumerate(lines, start=1):
        fence = _FENCE.match(line)
        if not start and fence:
            start, language = number, fence[1]
        elif start and fence:
            reason = _NOT_RUN.match(above)
            code = "\n".join(lines[start : number - 1]) + "\n"
            yield Block(start + 1, language, code, reason[1].strip() if reason else None)
            start, above = 0, ""
        elif not start and line.strip():
            above = line


def name_of(page: Path) -> str:
    """For the names of tests and messages."""
    return page.relative_to(ROOT).as_posix()
