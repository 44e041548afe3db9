"""Table 9 on drawn faces: true masks, bins apart; and the three commands with shipped weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from latent_ofer.cli.main import app
from latent_ofer.evaluation.repair_bench import Bench
from latent_ofer.evaluation.report import Table
from latent_ofer.evaluation.table9 import evaluate_table9
from latent_ofer.occlusion.irregular import BINS
from latent_ofer.occlusion.patches import patch_pixels
from repair_benches import known_bench, write_measured


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_measured(tmp_path_factory.mktemp("measured"))


def test_repair_gets_the_true_mask_and_a_hole_in_the_mean_colour(
    data: Path, tmp_path: Path
) -> None:
    bench, known = known_bench(data, tmp_path)
    evaluate_table9(bench, tmp_path / "report", [(0.2, 0.3)])
    for faces, masks in known.seen:
        for face, mask in zip(faces, masks, strict=True):
            clean = known.clean[known.row_of(face)]
            changed = (face != clean).any(-1)
            assert not changed[~patch_pixels(mask, 112)].any()
            assert 0.15 < changed.mean() <= 0.3
            colour = np.rint(clean.reshape(-1, 3).mean(0)).astype(np.uint8)
            assert (face[changed] == colour).all()


def test_all_bins_stand_apart(data: Path, tmp_path: Path) -> None:
    bench, _ = known_bench(data, tmp_path)
    table = evaluate_table9(bench, tmp_path / "report", BINS)
    values = {row.name: row.figures for row in table.rows}
    assert len(table.rows) == len(BINS) * 6
    for name in ("1-10", "50-60"):
        assert values[f"{name} %: MAE only"]["accuracy"]["value"] == 1
        assert values[f"{name} %: MAE only"]["minus_none"]["value"] == 1
        assert values[f"{name} %: CSA"] == {}
    wide, narrow = (values[f"{name} %: mean fill"]["psnr"]["value"] for name in ("1-10", "50-60"))
    assert wide > narrow
    shares = [part["share_of_pixels_hidden"] for part in table.details["by_bin"].values()]
    assert shares == sorted(shares)
    assert (tmp_path / "report" / "accuracy.png").exists()


def test_the_command_prints_the_table_and_says_what_is_not_trained(
    data: Path, tmp_path: Path
) -> None:
    words = ["evaluate", "table9", "--data", str(data), "--runs", str(tmp_path / "runs")]
    result = CliRunner().invoke(app, [*words, "--limit", "1"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    report = tmp_path / "runs" / "reports" / "table9"
    assert (report / "table.md").read_text() in result.stdout
    assert "not trained: latent-ofer train reconstructor_csa" in result.stdout
    assert "judge: not trained: latent-ofer train judge" in result.stdout
    rows = json.loads((report / "summary.json").read_text())["rows"]
    assert rows[-1]["name"] == "self-assembly (shipped)"
    assert rows[-1]["figures"]["psnr"]["value"] > 5


@pytest.mark.parametrize("name", ["table2", "table8", "table9"])
def test_the_commands_hand_on_what_they_are_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[Bench, Path]] = []

    def evaluate(bench: Bench, folder: Path, *bins: object) -> Table:
        told.append((bench, folder))
        return Table(name, f"The title of {name}", {}, (), ())

    monkeypatch.setattr(f"latent_ofer.evaluation.{name}.evaluate_{name}", evaluate)
    words = ["evaluate", name, "--limit", "3", "--seed", "5", "--split", "train"]
    words += ["--set", "jaffe=faces", "--runs", str(tmp_path / "runs"), "-o", str(tmp_path / "o")]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert f"The title of {name}" in result.stdout
    ((bench, folder),) = told
    assert (bench.limit, bench.seed, bench.split) == (3, 5, "train")
    assert bench.sources.sets[0].name == "jaffe" and folder == tmp_path / "o"
