from pathlib import Path

import numpy as np

from chosen import Oracle, bench_of, chosen_faces, entrant
from latent_ofer.evaluation.reading import Entrant
from latent_ofer.evaluation.recognition_bench import Bench
from latent_ofer.evaluation.table3 import evaluate_table3


def always_happy(pictures: np.ndarray) -> np.ndarray:
    return np.tile(np.eye(8)[1], (len(pictures), 1))


def test_original_and_occluded_stand_beside_the_paper(tmp_path: Path) -> None:
    faces = chosen_faces(16)
    bench = bench_of(
        tmp_path,
        faces,
        entrant("plain", always_happy),
        Entrant("plain_occluded", None, "not trained: train plain_occluded"),
        entrant("pipeline", Oracle(faces)),
    )
    table = evaluate_table3(bench, tmp_path / "report")
    rows = {row.name: row for row in table.rows}
    assert list(rows) == ["plain", "plain_occluded", "pipeline", "DACL", "RUL", "DAN", "EAC"]
    ours = rows["pipeline"]
    assert (ours.figures["original"]["value"], ours.figures["occluded"]["value"]) == (1.0, 0.125)
    assert ours.paper == {"original": 89.6, "occluded": 80.1}
    assert rows["plain"].figures["original_less"]["value"] == 0.875
    assert rows["plain"].figures["occluded_less"]["value"] == 0
    assert rows["plain"].paper == {}
    assert rows["plain_occluded"].figures == {}
    assert rows["plain_occluded"].note == "not trained: train plain_occluded"
    assert rows["EAC"].paper == {"original": 88.0, "occluded": 78.6}
    text = (tmp_path / "report" / "table.md").read_text()
    assert "original, %, paper" in text
    assert {"accuracy.png", "confusion-pipeline-occluded.png", "samples.png"} <= {
        path.name for path in (tmp_path / "report").iterdir()
    }


def test_without_objects_the_original_faces_are_measured_all_the_same(tmp_path: Path) -> None:
    faces = chosen_faces(8)
    bench = Bench(
        faces,
        [entrant("pipeline", Oracle(faces))],
        tmp_path,
        left_out={"objects": "occluders.zip: not found"},
    )
    (row, *_) = evaluate_table3(bench, tmp_path / "report").rows
    assert row.figures.keys() == {"original", "original_recall"}
