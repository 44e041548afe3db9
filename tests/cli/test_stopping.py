"""Told to stop, by whatever signal and whenever: what is done is kept, in one line and no more."""

import json
import signal
import time
from pathlib import Path

import pytest

from latent_ofer.cli.stopping import ended_by_signals
from slow_runs import PROGRAM, predicting, started


def names(output: Path) -> list[str]:
    lines = (output / "results.jsonl").read_text().splitlines()
    return [Path(json.loads(line)["path"]).name for line in lines]


@pytest.mark.parametrize(
    ("signals", "code"),
    [
        ([signal.SIGINT], 130),
        ([signal.SIGTERM], 143),
        ([signal.SIGHUP], 129),
        ([signal.SIGTERM, signal.SIGHUP, signal.SIGTERM], 143),
    ],
)
def test_what_is_done_is_kept_and_said(
    signals: list[signal.Signals], code: int, three_photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    process = predicting(three_photos, output, pause=60)
    process.send_signal(signals[0])
    for more in signals[1:]:
        time.sleep(0.01)
        process.send_signal(more)
    _, told = process.communicate(timeout=30)
    assert process.returncode == code
    assert told == (
        f"latent-ofer: stopped; 2 of 3 images are in {output / 'results.jsonl'}; "
        "the same command goes on from there\n"
    )
    left = sorted(path.name for path in output.iterdir())
    assert left == ["results.jsonl", "results.unfinished.jsonl"]
    assert names(output) == ["0.png", "1.png"]


def test_killed_in_the_middle_it_goes_on_where_it_was(three_photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    process = predicting(three_photos, output, pause=60)
    process.kill()
    process.communicate(timeout=30)
    assert [path.name for path in output.iterdir() if path.suffix == ".jsonl"] == [
        "results.unfinished.jsonl"
    ]
    words = ["predict", str(three_photos), "--output", str(output)]
    again = started(["-c", PROGRAM.format(pause=0), *words])
    _, told = again.communicate(timeout=60)
    assert again.returncode == 0
    assert "going on with an unfinished run: 2 of 3 images are done" in told
    assert names(output) == ["0.png", "1.png", "2.png"]
    assert [path.name for path in output.iterdir()] == ["results.jsonl"]


def ignore_hang_ups() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def test_what_is_ignored_as_by_nohup_stops_nothing(three_photos: Path, tmp_path: Path) -> None:
    process = predicting(three_photos, tmp_path / "out", pause=0.5, preexec_fn=ignore_hang_ups)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert names(tmp_path / "out") == ["0.png", "1.png", "2.png"]


@pytest.mark.parametrize("module", ["typer", "onnxruntime"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_while_it_is_still_loading_one_line_is_all(
    module: str, number: signal.Signals, code: int, three_photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / f"{module}.py").write_text(
        "import time; print('loading', flush=True)\n"
        "try:\n    time.sleep(60)\nfinally:\n    raise ImportError('half loaded')\n"
    )
    process = started(
        ["-m", "latent_ofer", "predict", str(three_photos), "--output", str(tmp_path / "out")],
        first=tmp_path / "slow",
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    process.send_signal(number)
    _, told = process.communicate(timeout=30)
    assert (told, process.returncode) == ("latent-ofer: stopped\n", code)


def test_a_camera_that_was_told_to_outlive_its_terminal_does() -> None:
    """As nohup tells it: what is ignored stays so, whatever else would end the camera."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ended: list[bool] = []
    try:
        with ended_by_signals(lambda: ended.append(True)):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            signal.raise_signal(signal.SIGHUP)
            assert ended == []
            signal.raise_signal(signal.SIGTERM)
            assert ended == [True]
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
