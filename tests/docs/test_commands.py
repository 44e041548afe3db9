"""Every `latent-ofer` command of README and the documentation exists, with its options."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from docs_pages import PAGES, blocks, name_of
from latent_ofer.cli.evaluate import NAMES
from latent_ofer.cli.main import app

_INLINE = re.compile(r"`(latent-ofer [^`]+)`")


def commands(page: Path) -> Iterator[list[str]]:
    """The words after `latent-ofer` of each command, in `sh` blocks and between backticks."""
    for block in blocks(page):
        if block.language == "sh":
            for line in block.code.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                for place, word in enumerate(words):
                    if word.rpartition("/")[2] == "latent-ofer":
                        rest = words[place + 1 :]
                        yield rest[: rest.index("&&")] if "&&" in rest else rest
    for found in _INLINE.finditer(page.read_text("utf-8")):
        yield found[1].split()[1:]


def fault(words: list[str]) -> str | None:
    """What is wrong with a command, or None."""
    command: Any = typer.main.get_command(app)
    known = {"-h", "--help"}
    while below := getattr(command, "commands", None):
        known |= _options(command)
        if not words or words[0].startswith("-"):
            break
        if words[0] not in below:
            return f"no such command: {words[0]}"
        command, words = below[words[0]], words[1:]
    if command.name == "evaluate" and words and words[0] not in NAMES:
        return f"no such measurement: {words[0]}"
    known |= _options(command)
    given = (word.partition("=")[0] for word in words)
    unknown = [name for name in given if re.match(r"--?[a-z]", name) and name not in known]
    return f"no such option of {command.name}: {', '.join(unknown)}" if unknown else None


def _options(command: Any) -> set[str]:
    return {name for param in command.params for name in (*param.opts, *param.secondary_opts)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_commands_of_a_page_exist(page: Path) -> None:
    faults = {shlex.join(words): fault(words) for words in commands(page)}
    assert not {words: what for words, what in faults.items() if what}


def test_a_wrong_command_or_option_is_noticed() -> None:
    assert fault(["predict", "photos/", "--output", "out"]) is None
    assert fault(["evaluate", "occlusion", "--limit", "5"]) is None
    assert fault(["evaluate", "table99"]) == "no such measurement: table99"
    assert fault(["foretell"]) == "no such command: foretell"
    assert fault(["predict", "a.jpg", "--outptu=out"]) == "no such option of predict: --outptu"


def test_commands_are_found_in_blocks_and_in_text() -> None:
    assert sum(1 for page in PAGES for _ in commands(page)) > 50
