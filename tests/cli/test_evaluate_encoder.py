"""`latent-ofer evaluate encoder` on drawn faces and a hardly trained network."""

import json
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from archives import Trained
from latent_ofer.cli.main import app, main


def words(trained: Trained, folder: Path, *more: object) -> list[str]:
    given = ("--data", trained.data, "--runs", folder, "--weights", trained.weights, *more)
    return ["evaluate", "encoder", *(str(word) for word in given)]


def test_figures_and_samples_are_written_where_they_are_wanted(
    trained: Trained, tmp_path: Path
) -> None:
    report, sheet = tmp_path / "new" / "encoder.json", tmp_path / "other" / "sheet.png"
    command = words(trained, tmp_path, "--limit", 6, "--output", report, "--samples", sheet)
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    written = json.loads(report.read_text())
    assert json.loads(result.stdout) == written
    assert (written["figure"], written["limit"]) == ("encoder", 6)
    assert written["probe"]["n_train"] == 6
    with Image.open(sheet) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")


def test_weights_that_are_not_there_are_one_line(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words(trained, tmp_path, "--weights", tmp_path / "none"))
    assert stop.value.code == 2
    error = capsys.readouterr().err.strip()
    assert "manifest.json: missing" in error and "\n" not in error


def test_a_missing_library_is_named_with_what_installs_it(
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [name for name in sys.modules if name.startswith("latent_ofer.evaluation.encoder")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(SystemExit) as stop:
        main(words(trained, tmp_path))
    assert stop.value.code == 2
    assert 'pip install "latent-ofer[train,evaluate]"' in capsys.readouterr().err
