"""What the program says, to whomever listens: a poor encoding, a full disk, nobody at all."""

import errno
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fakes import FakeFinder, fake_model
from helpers import drawn_face
from latent_ofer import LatentOFER
from latent_ofer.cli.main import main

FACE, LANDMARKS = drawn_face()
NAME = "r\u00e9sultats \u2192 \N{SMILING FACE WITH SUNGLASSES}"


@pytest.fixture(autouse=True)
def fake_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = fake_model(FakeFinder([LANDMARKS]))
    monkeypatch.setattr(LatentOFER, "from_pretrained", lambda *_, **__: model)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / f"{NAME}.png"
    Image.fromarray(FACE).save(path)
    return path


def run(*arguments: object) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code


class Listener(io.BytesIO):
    """Takes in what is said until it fails."""

    def __init__(self, failure: int | None) -> None:
        super().__init__()
        self.failure = failure

    def write(self, data: Any) -> int:
        if self.failure is not None:
            raise OSError(self.failure, os.strerror(self.failure))
        return super().write(data)


def listen(
    monkeypatch: pytest.MonkeyPatch, name: str, encoding: str, failure: int | None = None
) -> Listener:
    listener = Listener(failure)
    monkeypatch.setattr(sys, name, io.TextIOWrapper(listener, encoding, errors="strict"))
    return listener


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp932", "utf-8"])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_names_that_the_terminal_cannot_write_become_escapes(
    encoding: str, stream: str, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = listen(monkeypatch, stream, encoding)
    missing = tmp_path / "missing" / NAME
    assert run("predict", photo, missing, "--output", tmp_path / NAME) == 1
    rows = (tmp_path / NAME / "results.jsonl").read_text().splitlines()
    assert [json.loads(row)["status"] for row in rows] == ["ok", "error"]
    told = listener.getvalue().decode(encoding)
    assert told.count("results.jsonl" if stream == "stdout" else "missing") >= 1
    if stream == "stdout":
        assert ("\\u2192" in told) == (encoding in ("ascii", "cp1252"))
        assert told.rstrip().endswith("results.jsonl")


@pytest.mark.parametrize("words", [["--help"], ["predict", "--help"], ["data", "list"]])
def test_help_and_tables_can_be_told_in_ascii(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = listen(monkeypatch, "stdout", "ascii")
    assert run(*words) == 0
    assert len(listener.getvalue().splitlines()) > 5


@pytest.mark.parametrize(
    ("failure", "told"), [(errno.EPIPE, ""), (errno.ENOSPC, "standard output: No space left")]
)
def test_a_listener_that_fails_or_is_gone_spoils_nothing(
    failure: int,
    told: str,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    listen(monkeypatch, "stdout", "utf-8", failure)
    assert run("predict", photo, "--output", tmp_path / "out") == 0
    assert told in capsys.readouterr().err
    listen(monkeypatch, "stderr", "utf-8", failure)
    assert run("predict", photo, tmp_path / "missing", "--output", tmp_path / "out") == 1


def test_no_stdout_and_no_stderr_spoil_nothing(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert run("predict", photo, tmp_path / "missing", "--output", tmp_path / "out") == 1
    assert len((tmp_path / "out" / "results.jsonl").read_text().splitlines()) == 2
