"""Table 8 on drawn faces and repairs whose figures are known beforehand."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from helpers import drawn_face
from latent_ofer.datasets.pool import FacePool, FaceSet
from latent_ofer.datasets.sources import Sources
from latent_ofer.evaluation.pools import kinds_of
from latent_ofer.evaluation.repair import mean_fill, quality
from latent_ofer.evaluation.repair_bench import Intervals
from latent_ofer.evaluation.repaired_faces import CLEAN, Measured
from latent_ofer.evaluation.repairers import SHIPPED
from latent_ofer.evaluation.report import Table
from latent_ofer.evaluation.table8 import Kind, evaluate_table8, shipped_by_group, together
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


def test_the_shipped_repair_is_shown_by_group(folder: Path, table: Table) -> None:
    found = table.details["kinds"]["colour"]["shipped_by_group"]
    assert list(found) == ["20-30", "objects"]
    # Nobody's age, sex or race is known among the drawn faces.
    assert found["20-30"] == {}
    assert found["objects"]["occluder: hand"]["n"] == 5
    row = {row.name: row for row in table.rows}[f"colour, objects: {SHIPPED}"]
    assert found["objects"]["occluder: hand"]["psnr"] == row.figures["psnr"]
    text = (folder / "report" / "groups.md").read_text()
    (line,) = [line for line in text.splitlines() if "colour, objects, occluder: hand" in line]
    assert line.split(" | ")[1] == "5" and "fewer than 100" in line
    assert f"{row.figures['psnr']['value']:.2f} [" in line


def test_a_group_of_people_has_the_mean_of_its_own_faces() -> None:
    faces = drawn_set(4, tags=[{"sex": "0"}, {"sex": "1"}, {"sex": "1"}, {}])
    psnr = np.array([20.0, 30.0, 34.0, 90.0])
    clean = {"read judge": np.eye(8)[[1, 1, 1, 1]]}
    shipped = {"psnr": psnr, "read judge": np.eye(8)[[1, 1, 2, 2]]}
    measured = Measured(np.full(4, ""), np.full(4, 0.25), np.full(4, 0.3), {})
    measured.figures.update({CLEAN: clean, SHIPPED: shipped})
    kind = Kind("colour", FacePool([faces]), {}, {"20-30": measured})
    found = shipped_by_group(kind, "20-30", Intervals(4, 7))
    assert list(found) == ["sex: male", "sex: female"]
    assert found["sex: female"]["n"] == 2 and found["sex: female"]["small"] is True
    assert found["sex: female"]["psnr"]["value"] == 32
    assert found["sex: female"]["kept"]["value"] == 0.5
    assert found["sex: male"]["kept"]["value"] == 1


def drawn_set(count: int, tags: list[Mapping[str, str]]) -> FaceSet:
    face, points = drawn_face()
    return FaceSet(
        np.stack([face] * count),
        np.stack([points] * count),
        np.ones(count, dtype=bool),
        ["utkface"] * count,
        [f"{row}.webp" for row in range(count)],
        np.full(count, -1),
        np.zeros((count, 8), dtype=np.float32),
        [""] * count,
        tags,
    )


def test_bins_are_averaged_face_by_face() -> None:
    one = {"a": {"psnr": np.array([1.0, 3.0])}}
    other = {"a": {"psnr": np.array([3.0, 9.0])}}
    assert together([one, other])["a"]["psnr"].tolist() == [2, 6]
