"""Tables 2, 8 and 9 on drawn faces and stand-ins: figures known beforehand, measured once."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import repair_tables
from quality import mean_fill, quality
from repair_tables import (
    BINS,
    REPAIR,
    TABLE_2,
    TABLE_8,
    TABLE_9,
    Kind,
    evaluate_repairs,
    shipped_by_group,
    together,
)
from repairers import MEAN_FILL, SHIPPED, Repairs, Way

from chosen import bench_of, chosen_faces
from latent_ofer.datasets.sources import Sources
from latent_ofer.evaluation.bootstrap import Intervals
from latent_ofer.evaluation.faces import kinds_of
from latent_ofer.evaluation.report import Table
from latent_ofer.occlusion.irregular import BINS as SHARES
from latent_ofer.occlusion.irregular import irregular_mask
from latent_ofer.occlusion.patches import patch_pixels, touched_patches
from latent_ofer.occlusion.seeds import image_rng
from repair_benches import (
    CENTRE,
    NOTE,
    Mask,
    Pixels,
    kinds,
    known_repairs,
    labelled,
    write_measured,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_measured(tmp_path_factory.mktemp("measured"))


@pytest.fixture
def unplotted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots take longer than all the rest."""
    for name in ("_draw", "_draw_samples"):
        monkeypatch.setattr(repair_tables, name, lambda *_: None)


def table2(data: Path, folder: Path, repairs: Repairs) -> Table:
    return evaluate_repairs(TABLE_2, labelled(data, folder), repairs, folder / "report")


def with_repair(repairs: Repairs, way: Way) -> Repairs:
    ways = [way if one.name == way.name else one for one in repairs.repairers]
    return replace(repairs, repairers=ways)


def test_accuracy_and_its_differences_are_those_of_the_repairs(data: Path, tmp_path: Path) -> None:
    table = table2(data, tmp_path, known_repairs(data)[0])
    rows = {row.name: row for row in table.rows}
    value = {
        name: {key: figure["value"] for key, figure in row.figures.items()}
        for name, row in rows.items()
    }
    assert value["clean face"] == {"accuracy": 1, "judge": 1}
    assert value["none"]["accuracy"] == value["none"]["kept"] == 0
    assert value["MAE only"]["accuracy"] == value["MAE only"]["kept"] == 1
    assert value["MAE only"]["minus_none"] == 1 and "minus_mae" not in value["MAE only"]
    assert value["mean fill"]["minus_mae"] == -1 and value["mean fill"]["minus_none"] == 0
    assert rows["CSA"].figures == {} and rows["CSA"].note == NOTE
    assert rows["CSA"].paper == {"accuracy": 75.6}
    # Of six faces one has no vote that counts and one is no face to most.
    assert table.protocol["n"] == "4" and table.protocol["seed"] == 7
    written = json.loads((tmp_path / "report" / "summary.json").read_text())
    found = written["details"]["kinds"]["labelled"]
    assert found["shipped_by_group"]["objects"]["occluder: hand"]["n"] == 4
    assert found["conditions"]["objects"]["share_of_faces_repaired"] == 1
    for name in ("table.md", "groups.md", "accuracy.png", "samples.png"):
        assert (tmp_path / "report" / name).stat().st_size > 100


def test_the_detector_finds_what_is_repaired_and_the_reader_is_told(
    data: Path, tmp_path: Path, unplotted: None
) -> None:
    repairs, known = known_repairs(data)
    table2(data, tmp_path, repairs)
    assert all((mask == CENTRE).all() for _, mask in known.seen)
    told = {mask.any() and bool((mask == CENTRE).all()) for mask in known.repaired_patches}
    assert told == {True, False}


def test_a_second_run_measures_nothing_and_another_repair_only_itself(
    data: Path, tmp_path: Path, unplotted: None
) -> None:
    before = table2(data, tmp_path, known_repairs(data)[0])
    again, known = known_repairs(data)
    assert table2(data, tmp_path, again).rows == before.rows
    assert known.reads == known.repairs == []
    more, known = known_repairs(data)
    table = table2(data, tmp_path, with_repair(more, Way("CSA", "another", known.repair)))
    assert known.reads == [4, 4]
    assert next(row for row in table.rows if row.name == "CSA").figures["accuracy"]["value"] == 1


@pytest.mark.parametrize("what", ["reader", "detector"])
def test_other_weights_are_measured_anew(
    what: str, data: Path, tmp_path: Path, unplotted: None
) -> None:
    table2(data, tmp_path, known_repairs(data)[0])
    changed, known = known_repairs(data)
    if what == "reader":
        reader = replace(changed.readers["recogniser"], digest="r2")
        changed = replace(changed, readers={**changed.readers, "recogniser": reader})
    else:
        changed = replace(changed, finder=replace(changed.finder, digest="c2"))
    table2(data, tmp_path, changed)
    # Four repairs, and with other readers the clean faces too.
    assert len(known.reads) == 2 * (5 if what == "reader" else 4)


def test_a_run_that_is_stopped_goes_on_where_it_was(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unplotted: None
) -> None:
    two = lambda *given: replace(method(*given), batch=2)  # noqa: E731
    method = repair_tables.repair_method
    monkeypatch.setattr(repair_tables, "repair_method", two)
    repairs, known = known_repairs(data)

    def stopping(faces: Pixels, mask: Mask) -> Pixels:
        if known.repairs:
            raise KeyboardInterrupt
        return known.repair(faces, mask)

    with pytest.raises(KeyboardInterrupt):
        table2(data, tmp_path, with_repair(repairs, Way("MAE only", "perfect", stopping)))
    resumed, known = known_repairs(data)
    table = table2(data, tmp_path, resumed)
    assert known.repairs == [2]
    assert table2(data, tmp_path / "fresh", known_repairs(data)[0]).rows == table.rows


def test_without_a_judge_its_columns_are_left_out_and_the_protocol_says_why(
    data: Path, tmp_path: Path, unplotted: None
) -> None:
    table = table2(data, tmp_path, known_repairs(data, judge=False)[0])
    assert table.protocol["judge"] == "train judge"
    assert all("kept" not in row.figures and "judge" not in row.figures for row in table.rows)
    assert table.rows[1].figures["accuracy"]["value"] == 0


def test_repair_gets_the_true_mask_and_a_hole_in_the_mean_colour(
    data: Path, tmp_path: Path, unplotted: None
) -> None:
    repairs, known = known_repairs(data)
    spec = replace(TABLE_9, conditions=("irregular-20-30",))
    evaluate_repairs(spec, labelled(data, tmp_path), repairs, tmp_path / "report")
    assert known.seen
    for faces, masks in known.seen:
        for face, mask in zip(faces, masks, strict=True):
            clean = known.clean[known.row_of(face)]
            changed = (face != clean).any(-1)
            assert not changed[~patch_pixels(mask, 112)].any()
            assert 0.15 < changed.mean() <= 0.3
            colour = np.rint(clean.reshape(-1, 3).mean(0)).astype(np.uint8)
            assert (face[changed] == colour).all()


def test_holes_of_all_sizes_stand_apart(data: Path, tmp_path: Path, unplotted: None) -> None:
    repairs, _ = known_repairs(data)
    table = evaluate_repairs(TABLE_9, labelled(data, tmp_path), repairs, tmp_path / "report")
    values = {row.name: row.figures for row in table.rows}
    assert len(table.rows) == len(BINS) * 6
    for name in ("1-10", "50-60"):
        assert values[f"{name} %: MAE only"]["accuracy"]["value"] == 1
        assert values[f"{name} %: MAE only"]["minus_none"]["value"] == 1
        assert values[f"{name} %: CSA"] == {}
    wide, narrow = (values[f"{name} %: mean fill"]["psnr"]["value"] for name in ("1-10", "50-60"))
    assert wide > narrow
    conditions = table.details["kinds"]["labelled"]["conditions"].values()
    shares = [part["share_of_pixels_hidden"] for part in conditions]
    assert shares == sorted(shares)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("table8")


@pytest.fixture(scope="module")
def table8(data: Path, folder: Path) -> Table:
    repairs, _ = known_repairs(data)
    return evaluate_repairs(TABLE_8, kinds(data, folder), repairs, folder / "report")


def test_the_figures_of_mean_fill_are_those_of_a_plain_loop(data: Path, table8: Table) -> None:
    rows = {row.name: row for row in table8.rows}
    pool = kinds_of(Sources(data, data / "cache").pool("val"))["grey"]
    truth = pool.batch(np.arange(len(pool)))
    psnr = []
    for share in SHARES:
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
    assert rows["grey: CSA"].paper == rows["colour, objects: CSA"].paper == {}
    assert "loses the hidden pixels only" in rows["grey: none"].note
    assert rows["grey, objects: none"].note == ""


def test_everything_that_is_promised_lies_in_the_folder(folder: Path, table8: Table) -> None:
    assert table8.protocol["n"] == "5 colour + 6 grey"
    text = (folder / "report" / "by-hole.md").read_text()
    assert text.count("| 1-10 % | 10-20 % |") == 5 and text.count("| grey: MAE only |") == 5
    names = {path.name for path in (folder / "report").iterdir()}
    assert {"summary.json", "table.md", "colour-psnr.png", "grey-samples.png"} <= names
    assert not [name for name in names if name.startswith(".")]
    conditions = table8.details["kinds"]["colour"]["conditions"]
    assert list(conditions) == [*BINS, "objects"]
    for (low, high), name in zip(SHARES, conditions, strict=False):
        assert low < conditions[name]["share_of_pixels_hidden"] <= high


def test_the_shipped_repair_is_shown_by_group(folder: Path, table8: Table) -> None:
    found = table8.details["kinds"]["colour"]["shipped_by_group"]
    assert list(found) == ["irregular-20-30", "objects"]
    # Nobody's age, sex or race is known among the drawn faces.
    assert found["irregular-20-30"] == {}
    assert found["objects"]["occluder: hand"]["n"] == 5
    row = {row.name: row for row in table8.rows}[f"colour, objects: {SHIPPED}"]
    assert found["objects"]["occluder: hand"]["psnr"] == row.figures["psnr"]
    text = (folder / "report" / "groups.md").read_text()
    (line,) = [line for line in text.splitlines() if "colour, objects, occluder: hand" in line]
    assert line.split(" | ")[1] == "5" and "fewer than 100" in line
    assert f"{row.figures['psnr']['value']:.2f} [" in line


def test_a_group_of_people_has_the_mean_of_its_own_faces(tmp_path: Path) -> None:
    faces = chosen_faces(4, [{"sex": "0"}, {"sex": "1"}, {"sex": "1"}, {}])
    figures = {"psnr": np.array([20.0, 30.0, 34.0, 90.0]), "kept": np.array([1.0, 1, 0, 0])}
    kind = Kind("colour", bench_of(tmp_path, faces), {"irregular-20-30": {SHIPPED: figures}})
    found = shipped_by_group(kind, "irregular-20-30")
    assert list(found) == ["sex: male", "sex: female"]
    assert found["sex: female"]["n"] == 2 and found["sex: female"]["small"] is True
    assert found["sex: female"]["psnr"]["value"] == 32
    assert found["sex: female"]["kept"]["value"] == 0.5
    assert found["sex: male"]["kept"]["value"] == 1


def test_bins_are_averaged_face_by_face() -> None:
    one = {"a": {"psnr": np.array([1.0, 3.0])}}
    other = {"a": {"psnr": np.array([3.0, 9.0])}}
    assert together([one, other])["a"]["psnr"].tolist() == [2, 6]


def test_the_repair_test_sets_the_shipped_repair_against_mean_fill(
    data: Path, tmp_path: Path, unplotted: None
) -> None:
    repairs, known = known_repairs(data)
    ways = [Way(MEAN_FILL, "m", mean_fill), Way(SHIPPED, "s", known.repair)]
    spec = replace(REPAIR, conditions=("irregular-20-30",))
    repairs = replace(repairs, repairers=ways)
    table = evaluate_repairs(spec, kinds(data, tmp_path), repairs, tmp_path / "report")
    rows = {row.name: row.figures for row in table.rows}
    assert list(rows) == [f"{kind}: {way.name}" for kind in ("colour", "grey") for way in ways]
    fill = rows["grey: mean fill"]
    assert fill["gain_psnr"]["value"] == pytest.approx(100 - fill["psnr"]["value"])


def test_intervals_are_those_of_resampled_means() -> None:
    values = np.random.default_rng(0).normal(size=60)
    members = np.arange(60) < 40
    found = Intervals.of([""] * 60, 7).take(members).mean(values[members])
    rng = np.random.default_rng(7)
    means = []
    for _ in range(1000):
        drawn = rng.integers(60, size=60)
        means.append(values[drawn][members[drawn]].mean())
    assert found["value"] == pytest.approx(values[:40].mean())
    assert [found["low"], found["high"]] == pytest.approx(np.percentile(means, [2.5, 97.5]))
