"""Table 2 on drawn faces and stand-ins: figures known beforehand, and measured only once."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latent_ofer.evaluation import repaired_faces, table2
from latent_ofer.evaluation.repair_bench import Intervals
from latent_ofer.evaluation.repairers import Mask, Pixels, Repairer
from latent_ofer.evaluation.table2 import evaluate_table2
from repair_benches import CENTRE, NOTE, known_bench, write_measured


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_measured(tmp_path_factory.mktemp("measured"))


@pytest.fixture
def unplotted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots take longer than all the rest."""
    for name in ("draw_accuracy", "draw_samples"):
        monkeypatch.setattr(table2, name, lambda *_: None)


def test_accuracy_and_its_differences_are_those_of_the_repairs(data: Path, tmp_path: Path) -> None:
    bench, _ = known_bench(data, tmp_path)
    table = evaluate_table2(bench, tmp_path / "report")
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
    assert table.protocol["n"] == 4 and table.protocol["seed"] == 7
    written = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert written["details"]["data"].keys() == {"faces.zip", "ferplus.zip", "occluders.zip"}
    assert written["details"]["accuracy_by_group"]["occluder: hand"]["n"] == 4
    for name in ("table.md", "accuracy.png", "samples.png"):
        assert (tmp_path / "report" / name).stat().st_size > 100


def test_the_detector_finds_what_is_repaired_and_the_reader_is_told(
    data: Path, tmp_path: Path, unplotted: None
) -> None:
    bench, known = known_bench(data, tmp_path)
    evaluate_table2(bench, tmp_path / "report")
    assert all((mask == CENTRE).all() for _, mask in known.seen)
    told = {mask.any() and bool((mask == CENTRE).all()) for mask in known.repaired_patches}
    assert told == {True, False}


def test_a_second_run_measures_nothing_and_another_repairer_only_itself(
    data: Path, tmp_path: Path, unplotted: None
) -> None:
    first, _ = known_bench(data, tmp_path)
    before = evaluate_table2(first, tmp_path / "report")
    again, known = known_bench(data, tmp_path)
    assert evaluate_table2(again, tmp_path / "report").rows == before.rows
    assert known.reads == known.repairs == []

    more, known = known_bench(data, tmp_path)
    other = Repairer("CSA", "another", known.repair)
    repairers = [other if one.name == "CSA" else one for one in more.repairers]
    table = evaluate_table2(replace(more, repairers=repairers), tmp_path / "report")
    assert known.reads == [4, 4]
    assert next(row for row in table.rows if row.name == "CSA").figures["accuracy"]["value"] == 1


def test_other_weights_are_measured_anew(data: Path, tmp_path: Path, unplotted: None) -> None:
    first, _ = known_bench(data, tmp_path)
    evaluate_table2(first, tmp_path / "report")
    changed, known = known_bench(data, tmp_path)
    evaluate_table2(
        replace(changed, recogniser=replace(changed.recogniser, digest="r2")), tmp_path / "report"
    )
    assert len(known.reads) == 2 * 5


def test_a_run_that_is_stopped_goes_on_where_it_was(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unplotted: None
) -> None:
    monkeypatch.setattr(repaired_faces, "AT_ONCE", 2)
    bench, known = known_bench(data, tmp_path)

    def stopping(faces: Pixels, mask: Mask) -> Pixels:
        if known.repairs:
            raise KeyboardInterrupt
        return known.repair(faces, mask)

    repairers = [
        replace(one, repair=stopping) if one.name == "MAE only" else one for one in bench.repairers
    ]
    with pytest.raises(KeyboardInterrupt):
        evaluate_table2(replace(bench, repairers=repairers), tmp_path / "report")  # type: ignore[arg-type]
    resumed, known = known_bench(data, tmp_path)
    table = evaluate_table2(resumed, tmp_path / "report")
    assert known.repairs == [2]
    whole, _ = known_bench(data, tmp_path)
    fresh = replace(whole, cache=tmp_path / "fresh")
    assert evaluate_table2(fresh, tmp_path / "report").rows == table.rows


def test_without_a_judge_its_columns_are_empty_and_the_protocol_says_why(
    data: Path, tmp_path: Path, unplotted: None
) -> None:
    bench, _ = known_bench(data, tmp_path, judge=False)
    table = evaluate_table2(bench, tmp_path / "report")
    assert table.protocol["judge"] == "train judge"
    assert all("kept" not in row.figures and "judge" not in row.figures for row in table.rows)
    assert table.rows[1].figures["accuracy"]["value"] == 0


def test_intervals_are_those_of_resampled_means() -> None:
    values = np.random.default_rng(0).normal(size=60)
    members = np.arange(60) < 40
    found = Intervals(60, 7).mean(values, members)
    rng = np.random.default_rng(7)
    means = []
    for _ in range(1000):
        drawn = rng.integers(60, size=60)
        means.append(values[drawn][members[drawn]].mean())
    assert found["value"] == pytest.approx(values[:40].mean())
    assert [found["low"], found["high"]] == pytest.approx(np.percentile(means, [2.5, 97.5]))
