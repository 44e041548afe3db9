"""The paper's tables by the options of `latent-ofer evaluate`."""

import json
from functools import partial
from pathlib import Path

import pytest
from paper_tables import MEASUREMENTS, with_costs

import own_recogniser
from archives import Trained
from latent_ofer.cli.main import main
from latent_ofer.evaluation.report import Row
from layouts_a import write_rafdb
from layouts_b import write_ferplus_tables


def test_accuracy_stands_beside_the_cost_and_stages_follow_their_pipeline() -> None:
    rows = [
        Row("pipeline", {"accuracy": {"value": 0.5}}, {"accuracy": 89.6}, "said"),
        Row("plain", note="not trained: train plain"),
        Row("RAN", paper={"flops": 390}),
    ]
    cost = {"flops": {"value": 1e10}}
    costs = {
        "pipeline": [Row("pipeline", cost, note="counted"), Row("pipeline: encoder", cost)],
        "plain": [Row("plain", cost)],
    }
    found = {row.name: row for row in with_costs(rows, costs)}
    assert list(found) == ["pipeline", "pipeline: encoder", "plain", "RAN"]
    assert found["pipeline"].figures == {"accuracy": {"value": 0.5}, **cost}
    assert (found["pipeline"].note, found["pipeline"].paper) == (
        "counted; said",
        {"accuracy": 89.6},
    )
    assert found["plain"].figures == cost and found["plain"].note == "not trained: train plain"
    assert found["RAN"] == rows[2]


def test_repair_measures_the_holes_that_were_asked_for(trained: Trained, tmp_path: Path) -> None:
    words = ["--data", trained.data, "--weights", trained.weights, "--runs", tmp_path]
    command = ["evaluate", "repair", *map(str, words), "--conditions", "irregular-20-30"]
    with pytest.raises(SystemExit) as stop:
        main([*command, "--limit", "2"], MEASUREMENTS)
    assert not stop.value.code
    report = json.loads((tmp_path / "reports" / "repair" / "summary.json").read_text())
    figures = {row["name"]: row["figures"] for row in report["rows"]}
    assert "20-30 %" in report["protocol"]["holes"]
    fill, shipped = figures["grey: mean fill"], figures["grey: self-assembly (shipped)"]
    gain = shipped["psnr"]["value"] - fill["psnr"]["value"]
    assert fill["gain_psnr"]["value"] == pytest.approx(gain)


USAGES = {"Training": 4, "PublicTest": 6, "PrivateTest": 14}
evaluate = partial(own_recogniser.evaluate, measurements=MEASUREMENTS)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return own_recogniser.write_faces_and_tool(tmp_path)


def test_table_3_measures_the_shipped_pipeline_and_says_how_to_train_the_rest(
    data: Path, tmp_path: Path
) -> None:
    common = ["--data", data, "--runs", tmp_path / "runs", "--limit", 3, "--threads", 1]
    written = evaluate("table3", *common, report=tmp_path / "report")
    rows = {row["name"]: row for row in written["rows"]}
    assert rows["pipeline"]["figures"].keys() == {
        "original",
        "occluded",
        "original_recall",
        "occluded_recall",
    }
    assert rows["plain"]["note"] == "not trained: latent-ofer train plain --data DIR"
    assert rows["plain_occluded"]["figures"] == {}
    assert written["protocol"]["split"] == "validation"
    assert (written["protocol"]["n"], written["protocol"]["of"]) == (3, 12)


def test_figure_1_goes_without_grad_cam_where_the_plain_cnn_is_not_trained(
    data: Path, tmp_path: Path
) -> None:
    door = f"python:{tmp_path / 'tool.py'}:read"
    written = evaluate(
        "figure1",
        *("--data", data, "--runs", tmp_path / "runs", "--limit", 4, "--recogniser", door),
        report=tmp_path / "report",
    )
    assert "latent-ofer train plain" in written["protocol"]["left out"]
    assert len(written["rows"][0]["figures"]) == 8
    assert (tmp_path / "report" / "figure1.png").exists()


@pytest.mark.parametrize("name", ["table4", "table5", "table6", "occlusion-ferplus"])
def test_without_data_a_table_says_what_it_needs(name: str, tmp_path: Path) -> None:
    written = evaluate(name, "--runs", tmp_path / "runs", report=tmp_path / "report")
    assert written["rows"][0]["note"].startswith("needs ")
    assert "--list" in written["rows"][0]["note"] or name == "table4"


def test_table_6_measures_on_the_occluded_faces_of_raf_db(data: Path, tmp_path: Path) -> None:
    rafdb = write_rafdb(tmp_path / "RAF-DB", 1, 2)
    (tmp_path / "list.txt").write_text("test_0003_aligned 2 4\ntest_0010_aligned 2 1\n")
    door = f"python:{tmp_path / 'tool.py'}:read"
    words = ["--set", f"raf-db={rafdb}", "--list", tmp_path / "list.txt"]
    words += ["--runs", tmp_path / "runs", "--recogniser", door, "--threads", 1]
    written = evaluate("table6", *words, report=tmp_path / "report")
    rows = {row["name"]: row for row in written["rows"]}
    # Both are of code 3, disgust, which this tool never says.
    assert rows[door]["figures"]["accuracy"]["value"] == 0
    assert rows["pipeline"]["paper"] == {"accuracy": 84.2}
    assert (written["protocol"]["split"], written["protocol"]["n"]) == ("test", 2)
    assert "raf-db: 2 of 2 faces ready" in written["protocol"]["prepared"]


def test_occlusion_ferplus_counts_the_faces_of_the_list(data: Path, tmp_path: Path) -> None:
    folder = write_ferplus_tables(tmp_path / "tables", USAGES)
    names = [line.split(",")[1] for line in (folder / "fer2013new.csv").read_text().splitlines()]
    chosen = tmp_path / "jianfei_occlusion_list.txt"
    # Rows 10 to 23 are test faces; their labels are row % 8, whatever the list says.
    rows = [10, 11, 12, 16, 17, 23]
    chosen.write_text("".join(f"0_{names[row + 1]} 8 {row % 2}\n" for row in [*rows, 10]))
    answers = {10: "surprise", 11: "sadness", 12: "neutral", 16: "neutral", 17: "neutral"}
    (tmp_path / "theirs.tsv").write_text(
        "".join(f"{names[row + 1]}\t{word}\n" for row, word in answers.items())
    )
    door = f"file:{tmp_path / 'theirs.tsv'}"
    words = ["--set", f"ferplus={folder}"]
    words += ["--list", chosen, "--runs", tmp_path / "runs", "--recogniser", door, "--threads", 1]
    written = evaluate("occlusion-ferplus", *words, report=tmp_path / "report")
    row = {row["name"]: row for row in written["rows"]}[door]
    # Right: 10 surprise, 11 sadness, 16 neutral; wrong: 12, 17; no answer: 23.
    assert written["protocol"]["n"] == 6
    assert written["protocol"]["split"] == "test"
    assert row["figures"]["accuracy"]["value"] == pytest.approx(3 / 6)
    # Neutral, surprise and sadness in full; happiness, anger and contempt not at all.
    assert row["figures"]["macro_recall"]["value"] == pytest.approx(3 / 6)
    assert row["note"] == "1 of 6 faces without an answer are wrong"
    counts = written["details"]["conditions"]["clean"]["scores"][door]["count_by_label"]
    assert counts["surprise"] == counts["neutral"] == counts["contempt"] == 1
    assert (
        written["details"]["conditions"]["clean"]["scores"][door]["by_group"]["occluder: type 1"][
            "n"
        ]
        == 3
    )
