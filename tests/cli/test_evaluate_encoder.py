"""`latent-ofer evaluate encoder` on drawn faces and an untrained network."""

import json
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from archives import write_archives, write_recipes
from latent_ofer.cli.main import app, main
from latent_ofer.encoder.train import MaeRecipe
from latent_ofer.training.checkpoint import save_weights
from latent_ofer.training.recipe import load_recipe


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    write_archives(folder / "data")
    config = write_recipes(folder / "tiny")
    untrained = load_recipe(MaeRecipe, str(config), "mae").build()
    save_weights(folder / "runs" / "mae", untrained.state_dict(), {})
    return folder


def words(place: Path, *more: object) -> list[str]:
    given = ("--data", place / "data", "--runs", place / "runs", "--config", place / "tiny", *more)
    return ["evaluate", "encoder", *(str(word) for word in given)]


def test_figures_and_samples_are_written_where_they_are_wanted(place: Path) -> None:
    report, sheet = place / "new" / "encoder.json", place / "other" / "sheet.png"
    command = words(place, "--limit", 6, "--output", report, "--samples", sheet)
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    written = json.loads(report.read_text())
    assert json.loads(result.stdout) == written
    assert (written["figure"], written["limit"]) == ("encoder", 6)
    assert written["probe"]["n_train"] == 6
    with Image.open(sheet) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")


def test_an_encoder_that_is_not_trained_is_one_line(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words(place, "--runs", tmp_path))
    assert stop.value.code == 2
    assert capsys.readouterr().err.endswith("Train that stage first: train mae.\n")


def test_a_missing_library_is_named_with_what_installs_it(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("latent_ofer.evaluation.encoder")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(SystemExit) as stop:
        main(words(place))
    assert stop.value.code == 2
    assert 'pip install "latent-ofer[train,evaluate]"' in capsys.readouterr().err
