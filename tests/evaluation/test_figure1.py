from pathlib import Path

import numpy as np

from chosen import Oracle, bench_of, chosen_faces, entrant
from latent_ofer.evaluation.figure1 import CONDITIONS, evaluate_figure1
from latent_ofer.evaluation.heat import Heat
from latent_ofer.evaluation.reading import Entrant
from latent_ofer.evaluation.recognition_bench import Bench
from latent_ofer.synthesis.jobs import HeatMaps


def test_both_sweeps_are_drawn_from_the_clean_faces_on(tmp_path: Path) -> None:
    faces = chosen_faces(8)
    heat = Heat(HeatMaps(lambda pictures: pictures, "net"), np.ones((8, 14, 14), dtype=np.float32))
    bench = Bench(faces, [entrant("oracle", Oracle(faces))], tmp_path / "answers", heat=heat)
    table = evaluate_figure1(bench, tmp_path)
    assert [row.name for row in table.rows] == ["oracle, random", "oracle, grad-cam"]
    for row in table.rows:
        values = [row.figures[column.key]["value"] for column in table.columns]
        # One of eight faces is neutral, which is what it says of every changed face.
        assert values == [1.0, *[0.125] * 7]
    assert table.details["grad_cam_network_sha256"] == "net"
    assert (tmp_path / "figure1.png").stat().st_size > 0
    assert (tmp_path / "samples.png").stat().st_size > 0


def test_without_the_plain_cnn_the_random_line_stands_alone(tmp_path: Path) -> None:
    faces = chosen_faces(8)
    bench = Bench(
        faces,
        [entrant("oracle", Oracle(faces)), Entrant("plain", None, "not trained: train plain")],
        tmp_path / "answers",
        left_out={"grad-cam": "the plain CNN is not trained"},
    )
    rows = {row.name: row for row in evaluate_figure1(bench, tmp_path).rows}
    assert list(rows) == ["oracle, random", "oracle, grad-cam", "plain"]
    assert len(rows["oracle, random"].figures) == 8
    assert rows["oracle, grad-cam"].figures == {}
    assert rows["oracle, grad-cam"].note == "grad-cam left out"
    assert rows["plain"].note == "not trained: train plain"
    assert (tmp_path / "figure1.png").exists()


def test_the_figure_has_seven_shares_each_way() -> None:
    assert len(CONDITIONS) == 15


def test_nothing_is_read_again_for_the_figure(tmp_path: Path) -> None:
    faces = chosen_faces(8)
    left_out = {"grad-cam": "no network"}
    for asked in (64, 0):
        oracle = Oracle(faces)
        bench = bench_of(tmp_path, faces, entrant("oracle", oracle))
        evaluate_figure1(
            Bench(faces, bench.entrants, bench.predictions, left_out=left_out), tmp_path / "report"
        )
        assert len(oracle.asked) == asked
