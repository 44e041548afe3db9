"""Table 8 on drawn faces and repairs whose figures are known beforehand."""

from pathlib import Path

import numpy as np
import pytest

from latent_ofer.datasets.sources import Sources
from latent_ofer.evaluation.repair import mean_fill, quality
from latent_ofer.evaluation.report import Table
from latent_ofer.evaluation.table8 import evaluate_table8, kinds_of, together
from latent_ofer.occlusion.irregular import BINS, irregular_mask
from latent_ofer.occlusion.patches import touched_patches
from latent_ofer.occlusion.seeds import image_rng
from repair_benches import NOTE, known_bench, write_measured


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_measured(tmp_path_factory.mktemp("measured"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("table8")


@pytest.fixture(scope="module")
def table(data: Path, folder: Path) -> Table:
    return evaluate_table8(known_bench(data, folder)[0], folder / "report")


def test_the_figures_of_mean_fill_are_those_of_a_plain_loop(data: Path, table: Table) -> None:
    rows = {row.name: row for row in table.rows}
    pool = kinds_of(Sources(data, data / "cache").pool("val"))["grey"]
    truth = pool.batch(np.arange(len(pool)))
    psnr = []
    for share in BINS:
        masks = []
        for row in range(len(pool)):
            face = pool.native(row)
            rng = image_rng(7, "irregular", face.source, face.name)
            masks.append(touched_patches(irregular_mask(rng, 112, share)))
        mask = np.stack(masks)
        psnr.append(quality(mean_fill(truth, mask), truth, mask).psnr)
    mean = float(np.mean(psnr))
    assert rows["grey: mean fill"].figures["psnr"]["value"] == pytest.approx(mean)
    assert rows["grey: MAE only"].figures["psnr"]["value"] == 100
    gain = rows["grey: MAE only"].figures["gain_psnr"]["value"]
    assert gain == pytest.approx(mean - 100)
    assert rows["colour: MAE only"].figures["kept"]["value"] == 1
    assert rows["colour: mean fill"].figures["kept"]["value"] == 0
    assert "gain_psnr" not in rows["colour: self-assembly (shipped)"].figures
    assert rows["colour: CSA"].note == NOTE and rows["colour: CSA"].paper["psnr"] == 25.48
    assert rows["grey: CSA"].paper == {}


def test_colour_and_grey_are_apart_and_grey_photos_are_neither(data: Path) -> None:
    kinds = kinds_of(Sources(data, data / "cache").pool("val"))
    assert {name: len(pool) for name, pool in kinds.items()} == {"colour": 5, "grey": 6}
    assert kinds["colour"].colour.all() and not kinds["grey"].colour.any()
    named = kinds_of(kinds["grey"])
    assert list(named) == ["grey"]


def test_everything_that_is_promised_lies_in_the_folder(folder: Path, table: Table) -> None:
    assert table.protocol["n"] == "5 colour + 6 grey"
    text = (folder / "report" / "by-hole.md").read_text()
    assert text.count("| 1-10 % | 10-20 % |") == 5 and text.count("| grey: MAE only |") == 5
    names = {path.name for path in (folder / "report").iterdir()}
    assert {"summary.json", "table.md", "colour-psnr.png", "grey-samples.png"} <= names
    assert not [name for name in names if name.startswith(".")]
    conditions = table.details["kinds"]["colour"]["conditions"]
    assert list(conditions) == ["1-10", "10-20", "20-30", "30-40", "40-50", "50-60", "objects"]
    for (low, high), name in zip(BINS, conditions, strict=False):
        assert low < conditions[name]["share_of_pixels_hidden"] <= high


def test_bins_are_averaged_face_by_face() -> None:
    one = {"a": {"psnr": np.array([1.0, 3.0])}}
    other = {"a": {"psnr": np.array([3.0, 9.0])}}
    assert together([one, other])["a"]["psnr"].tolist() == [2, 6]
