"""`benchmarks/encoder_figures.py` on drawn faces and a hardly trained network."""

import json
from pathlib import Path

import pytest
from encoder_figures import main
from PIL import Image

from archives import Trained


def test_figures_and_samples_are_written_where_they_are_wanted(
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report, sheet = tmp_path / "new" / "encoder.json", tmp_path / "other" / "sheet.png"
    given = ("--data", trained.data, "--cache", tmp_path, "--weights", trained.weights)
    words = [*given, "--limit", 6, "--output", report, "--samples", sheet]
    monkeypatch.setattr("sys.argv", ["encoder_figures.py", *map(str, words)])
    main()
    written = json.loads(report.read_text())
    assert json.loads(capsys.readouterr().out) == written
    assert (written["figure"], written["limit"]) == ("encoder", 6)
    assert written["probe"]["n_train"] == 6
    with Image.open(sheet) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
