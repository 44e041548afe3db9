"""Tables 3 to 6 and Figure 1 on drawn faces and known answers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recogniser_specs import FIGURE_1, REAL, TABLE_3, without_data

from chosen import Oracle, bench_of, chosen_faces, entrant
from latent_ofer.evaluation import recogniser_tables
from latent_ofer.evaluation.answers import Method
from latent_ofer.evaluation.bench import Bench
from latent_ofer.evaluation.conditions import Heat
from latent_ofer.evaluation.recogniser_tables import evaluate_recognisers
from latent_ofer.synthesis.jobs import HeatMaps

TABLES = {spec.name: spec for spec in REAL}


@pytest.fixture
def unplotted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots take longer than all the rest."""
    monkeypatch.setattr(recogniser_tables, "draw", lambda *_: None)


def always_happy(pictures: np.ndarray) -> np.ndarray:
    return np.tile(np.eye(8)[1], (len(pictures), 1))


def test_original_and_occluded_stand_beside_the_paper(tmp_path: Path) -> None:
    faces = chosen_faces(16)
    methods = (
        entrant("plain", always_happy),
        Method("plain_occluded", note="not trained: train plain_occluded"),
        entrant("pipeline", Oracle(faces)),
    )
    bench = replace(bench_of(tmp_path, faces, *methods), covered=[1, 4])
    table = evaluate_recognisers(TABLE_3, bench, tmp_path / "report")
    rows = {row.name: row for row in table.rows}
    assert list(rows) == ["plain", "plain_occluded", "pipeline", "DACL", "RUL", "DAN", "EAC"]
    ours = rows["pipeline"]
    assert (ours.figures["original"]["value"], ours.figures["occluded"]["value"]) == (1.0, 0.125)
    assert ours.figures["covered"]["value"] == 1.0
    assert ours.paper == {"original": 89.6, "occluded": 80.1}
    assert rows["plain"].figures["original_less"]["value"] == 0.875
    assert rows["plain"].figures["occluded_less"]["value"] == 0
    assert rows["plain"].figures["covered_less"]["value"] == 0.5
    assert rows["plain"].paper == {}
    assert rows["plain_occluded"].figures == {}
    assert rows["plain_occluded"].note == "not trained: train plain_occluded"
    assert rows["EAC"].paper == {"original": 88.0, "occluded": 78.6}
    text = (tmp_path / "report" / "table.md").read_text()
    assert "original, %, paper" in text
    assert {"accuracy.png", "confusion-pipeline-objects.png", "samples.png"} <= {
        path.name for path in (tmp_path / "report").iterdir()
    }


def test_without_objects_the_original_faces_are_measured_all_the_same(
    tmp_path: Path, unplotted: None
) -> None:
    faces = chosen_faces(8)
    bench = Bench(
        faces,
        [entrant("pipeline", Oracle(faces))],
        tmp_path,
        left_out={"objects": "occluders.zip: not found"},
    )
    (row, *_) = evaluate_recognisers(TABLE_3, bench, tmp_path / "report").rows
    assert row.figures.keys() == {"original", "original_recall"}


def test_both_sweeps_are_drawn_from_the_clean_faces_on(tmp_path: Path) -> None:
    faces = chosen_faces(8)
    heat = Heat(HeatMaps(lambda pictures: pictures, "net"), np.ones((8, 14, 14), dtype=np.float32))
    bench = Bench(faces, [entrant("oracle", Oracle(faces))], tmp_path / "answers", heat=heat)
    table = evaluate_recognisers(FIGURE_1, bench, tmp_path)
    assert [row.name for row in table.rows] == ["oracle, random", "oracle, grad-cam"]
    for row in table.rows:
        values = [row.figures[column.key]["value"] for column in table.columns]
        # One of eight faces is neutral, which is what it says of every changed face.
        assert values == [1.0, *[0.125] * 7]
    assert table.details["grad_cam_network_sha256"] == "net"
    assert (tmp_path / "figure1.png").stat().st_size > 0
    assert (tmp_path / "samples.png").stat().st_size > 0


def test_without_the_plain_cnn_the_random_line_stands_alone(
    tmp_path: Path, unplotted: None
) -> None:
    faces = chosen_faces(8)
    bench = Bench(
        faces,
        [entrant("oracle", Oracle(faces)), Method("plain", note="not trained: train plain")],
        tmp_path / "answers",
        left_out={"grad-cam": "the plain CNN is not trained"},
    )
    rows = {row.name: row for row in evaluate_recognisers(FIGURE_1, bench, tmp_path).rows}
    assert list(rows) == ["oracle, random", "oracle, grad-cam", "plain"]
    assert len(rows["oracle, random"].figures) == 8
    assert rows["oracle, grad-cam"].figures == {}
    assert rows["oracle, grad-cam"].note == "grad-cam left out"
    assert rows["plain"].note == "not trained: train plain"


def test_the_figure_has_seven_shares_each_way() -> None:
    assert len(FIGURE_1.measured) == 15


def test_nothing_is_read_again_for_the_figure(tmp_path: Path, unplotted: None) -> None:
    faces = chosen_faces(8)
    left_out = {"grad-cam": "no network"}
    for asked in (64, 0):
        oracle = Oracle(faces)
        bench = bench_of(tmp_path, faces, entrant("oracle", oracle))
        bench = replace(bench, left_out=left_out)
        evaluate_recognisers(FIGURE_1, bench, tmp_path / "report")
        assert len(oracle.asked) == asked


@pytest.mark.parametrize(
    ("name", "others", "ours"), [("table4", 6, 71.8), ("table5", 3, 66.1), ("table6", 3, 84.2)]
)
def test_without_data_the_papers_rows_stand_and_say_what_is_needed(
    name: str, others: int, ours: float, tmp_path: Path
) -> None:
    table = without_data(TABLES[name], ["pipeline", "plain"], tmp_path)
    assert [row.name for row in table.rows[:2]] == ["pipeline", "plain"]
    assert table.rows[0].paper == {"accuracy": ours}
    assert f"--set {TABLES[name].data_set}=PATH" in table.rows[0].note
    assert len(table.rows) == 2 + others
    assert all(row.paper and not row.figures for row in table.rows[2:])
    assert (tmp_path / "table.md").exists()


def test_seven_classes_and_kinds_of_occlusion_are_counted(tmp_path: Path) -> None:
    faces = chosen_faces(16, [{"occlusion": str(row % 2)} for row in range(16)])

    def wrong_on_odd(pictures: np.ndarray) -> np.ndarray:
        answers = Oracle(faces)(pictures)
        odd = answers.argmax(axis=1) % 2 == 1
        answers[odd] = np.eye(8)[0]
        return answers

    entrants = [entrant("pipeline", wrong_on_odd), entrant("oracle", Oracle(faces))]
    bench = bench_of(tmp_path, faces, *entrants, classes=7)
    table = evaluate_recognisers(TABLES["table6"], bench, tmp_path / "report")
    ours, oracle, *_ = table.rows
    # Sixteen faces less two of contempt; of these fourteen six are surprise, anger or fear.
    assert table.protocol["faces scored"] == 14
    assert ours.figures["accuracy"]["value"] == pytest.approx(8 / 14)
    assert oracle.figures["less"]["value"] == pytest.approx(-6 / 14)
    groups = table.details["conditions"]["clean"]["scores"]["pipeline"]["by_group"]
    assert groups["occluder: type 0"]["accuracy"]["value"] == 1
    assert groups["occluder: type 1"]["accuracy"]["value"] == 0
    assert groups["occluder: type 1"]["n"] == 6
    assert (tmp_path / "report" / "accuracy-by-type.png").exists()
