"""`latent-ofer serve` as a process: it says where it is, ends when told to, refuses to be open."""

import re
import signal
import socket
from urllib.request import Request, urlopen

import pytest
from typer.testing import CliRunner

from latent_ofer.cli.main import app, main
from serving import photo
from slow_runs import started

PROGRAM = """
from fakes import FakeFinder, fake_model
from helpers import drawn_face
from latent_ofer import LatentOFER
from latent_ofer.__main__ import main

LatentOFER.from_pretrained = lambda *_, **__: fake_model(FakeFinder([drawn_face()[1]]))[0]
main()
"""


@pytest.mark.guarded
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_serves_until_it_is_told_to_stop(number: signal.Signals, code: int) -> None:
    process = started(["-c", PROGRAM, "serve", "--port", "0", "--decoders", "1"])
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.match(r"Serving at (http://127\.0\.0\.1:\d+/) ", line)
        assert found, line
        asked = Request(f"{found[1]}v1/predict", photo(), {"Content-Type": "image/png"})
        with urlopen(asked, timeout=30) as answer:
            assert b'"status":"ok"' in answer.read()
    finally:
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    assert (process.returncode, told) == (code, "latent-ofer: stopped\n")


def failure(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(["serve", *words])
    assert left.value.code == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    return told.err


def test_a_port_that_is_taken_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = failure(capsys, "--port", str(port))
    assert told == (
        f"latent-ofer: 127.0.0.1:{port} cannot be listened at: Address already in use; "
        "choose another --port or --host\n"
    )


@pytest.mark.parametrize(
    "words",
    [["--host", "0.0.0.0"], ["--host", "::"], ["--allow-host", "faces.example"]],
)
def test_other_machines_are_not_let_in_without_a_token(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "give a --token, or say --insecure" in failure(capsys, *words)


@pytest.mark.parametrize("token", ["short", "with some blanks in it", "ä" * 20])
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(
    token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--token needs 16" in failure(capsys, "--token", token)


def test_who_is_let_in_follows_from_the_options() -> None:
    from latent_ofer.cli.serve import _access

    here = _access("127.0.0.1", None, False, [])
    assert here.free and not here.any_address and len(here.token) > 40
    assert here.token != _access("127.0.0.1", None, False, []).token
    told = _access("0.0.0.0", "a-long-secret-of-mine", False, ["Faces.example"])
    assert not told.free and told.any_address and "faces.example" in told.hosts
    assert _access("0.0.0.0", None, True, []).free
    assert not _access("localhost", "a-long-secret-of-mine", False, []).free


def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    assert "pip install 'latent-ofer[web]'" in failure(capsys)


def test_its_help_says_what_it_is_for_and_what_not() -> None:
    told = " ".join(CliRunner().invoke(app, ["serve", "--help"]).output.split())
    for words in ("not an emotion", "Nothing leaves the machine", "covert use"):
        assert words in told
