"""Table 9 on drawn faces: true masks, bins apart; and the three commands with shipped weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from latent_ofer.cli.main import app
from latent_ofer.evaluation.table9 import evaluate_table9
from latent_ofer.occlusion.irregular import BINS
from latent_ofer.occlusion.patches import patch_pixels
from repair_benches import known_bench, write_measured


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_measured(tmp_path / "data")
    return tmp_path


def test_repair_gets_the_true_mask_and_a_hole_in_the_mean_colour(folder: Path) -> None:
    bench, known = known_bench(folder)
    evaluate_table9(bench, folder / "report", [(0.2, 0.3)])
    for faces, masks in known.seen:
        for face, mask in zip(faces, masks, strict=True):
            clean = known.clean[known._nearest(face)]
            changed = (face != clean).any(-1)
            assert not changed[~patch_pixels(mask, 112)].any()
            assert 0.15 < changed.mean() <= 0.3
            colour = np.rint(clean.reshape(-1, 3).mean(0)).astype(np.uint8)
            assert (face[changed] == colour).all()


def test_all_bins_stand_apart(folder: Path) -> None:
    bench, _ = known_bench(folder)
    table = evaluate_table9(bench, folder / "report", BINS)
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
    assert (folder / "report" / "accuracy.png").exists()


@pytest.mark.parametrize("name", ["table2", "table8", "table9"])
def test_the_command_prints_the_table_and_says_what_is_not_trained(name: str, folder: Path) -> None:
    words = ["evaluate", name, "--data", str(folder / "data"), "--runs", str(folder / "runs")]
    result = CliRunner().invoke(app, [*words, "--limit", "1"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    report = folder / "runs" / "reports" / name
    assert (report / "table.md").read_text() in result.stdout
    assert "not trained: latent-ofer train reconstructor_csa" in result.stdout
    assert "judge: not trained: latent-ofer train judge" in result.stdout
    rows = json.loads((report / "summary.json").read_text())["rows"]
    shipped = [row for row in rows if row["name"].endswith("self-assembly (shipped)")]
    assert shipped and all(row["figures"]["psnr"]["value"] > 5 for row in shipped)
