"""Tables 3 to 7, Figure 1 and the occlusion benchmark on drawn faces and known answers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chosen import Oracle, bench_of, chosen_faces, entrant
from latent_ofer.datasets.covers import COVERS
from latent_ofer.datasets.sources import Sources
from latent_ofer.evaluation import recogniser_tables
from latent_ofer.evaluation.answers import Method
from latent_ofer.evaluation.bench import Bench, measure, open_bench
from latent_ofer.evaluation.conditions import condition
from latent_ofer.evaluation.prediction_lines import read_prediction_file, read_truth, unmatched
from latent_ofer.evaluation.recogniser_tables import (
    evaluate_recognisers,
    occlusion_table,
)
from latent_ofer.evaluation.recognisers import file_recogniser
from latent_ofer.evaluation.report import Table
from latent_ofer.labels import EXPRESSIONS

NAMES = ("clean", "objects", "mouth", "random-30", "random-60")
NOT_TRAINED = "not trained: latent-ofer train plain --data DIR"


@pytest.fixture
def unplotted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots take longer than all the rest."""
    monkeypatch.setattr(recogniser_tables, "draw", lambda *_: None)


def always_happy(pictures: np.ndarray) -> np.ndarray:
    return np.tile(np.eye(8)[1], (len(pictures), 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("occlusion")


@pytest.fixture(scope="module")
def bench(folder: Path) -> Bench:
    faces = chosen_faces(16)
    return bench_of(
        folder,
        faces,
        entrant("pipeline", Oracle(faces)),
        entrant("happy", always_happy),
        Method("plain", note=NOT_TRAINED),
    )


@pytest.fixture(scope="module")
def table(bench: Bench, folder: Path) -> Table:
    return evaluate_recognisers(occlusion_table(NAMES), bench, folder / "report")


def test_accuracy_is_right_for_everybody_under_every_condition(table: Table) -> None:
    rows = {row.name: row for row in table.rows}
    assert list(rows) == ["pipeline", "happy", "plain"]
    # It knows clean faces, and says neutral where a face is changed: two of sixteen are neutral.
    values = {name: figure["value"] for name, figure in rows["pipeline"].figures.items()}
    assert values == {"clean": 1.0, **dict.fromkeys(NAMES[1:], 0.125)}
    assert {figure["value"] for figure in rows["happy"].figures.values()} == {0.125}
    assert rows["plain"].figures == {}
    assert rows["plain"].note == NOT_TRAINED
    assert [column.key for column in table.columns] == list(NAMES)


def test_the_report_says_what_it_was_made_from(table: Table, folder: Path) -> None:
    written = json.loads((folder / "report" / "summary.json").read_text())
    assert written["protocol"]["split"] == "validation"
    assert (written["protocol"]["n"], written["protocol"]["seed"]) == (16, 7)
    details = written["details"]
    assert details["methods"]["happy"] == {"digest": "digest of happy"}
    assert details["methods"]["plain"] == {"digest": None}
    assert details["data_sha256"] == {"set": "0" * 64}
    assert len(details["occluders_sha256"]) == 64
    assert details["conditions"]["random-30"]["mean_hidden_share"] == 0.3
    scores = details["conditions"]["clean"]["scores"]["pipeline"]
    assert {"accuracy", "macro_recall", "ece", "brier"} <= scores.keys()


def test_the_pipeline_is_compared_with_each_on_the_same_faces(table: Table) -> None:
    clean = table.details["differences"]["clean"]["happy"]["figures"]["accuracy"]
    assert clean["difference"]["value"] == 0.875
    assert clean["better"] == "a"
    behind = table.details["differences"]["objects"]["happy"]["figures"]["accuracy"]
    assert behind["difference"]["value"] == 0
    assert behind["better"] is None


def test_really_covered_faces_are_some_of_the_clean_ones(folder: Path, unplotted: None) -> None:
    faces = chosen_faces(16)
    # Faces 1 and 9 are happy, 2 is not.
    methods = entrant("pipeline", Oracle(faces)), entrant("happy", always_happy)
    bench = replace(bench_of(folder, faces, *methods), covered=[1, 2, 9])
    table = evaluate_recognisers(occlusion_table(["clean", "covered"]), bench, folder / "covered")
    shown = {row.name: row.figures["covered"]["value"] for row in table.rows}
    assert shown == {"pipeline": 1.0, "happy": pytest.approx(2 / 3)}
    found = table.details["conditions"]["covered"]["scores"]["happy"]
    assert (found["n"], table.details["conditions"]["clean"]["scores"]["happy"]["n"]) == (3, 16)
    gap = table.details["differences"]["covered"]["happy"]["figures"]["accuracy"]["difference"]
    assert gap["value"] == pytest.approx(1 / 3)
    answers = (folder / "covered" / "answers" / "happy-covered.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in answers[-3:]] == [faces.ids[row] for row in (1, 2, 9)]


def test_covers_are_what_both_looks_agree_on(tmp_path: Path) -> None:
    faces = chosen_faces(4)
    looks = [("hand", "hand"), ("hair", ""), ("text", "text"), ("object+hand", "object")]
    keys = faces.pool.keys
    lines = [f"{s},{name},{a},{b}" for (s, name), (a, b) in zip(keys, looks, strict=True)]
    (tmp_path / COVERS).write_text("\n".join(["source,file,pass_a,pass_b", *lines]) + "\n")
    sources = Sources(tmp_path, tmp_path / "cache")
    arguments = {"runs": tmp_path, "config": "small"}
    bench = open_bench(faces, [], sources, ["covered"], **arguments)
    assert (bench.covered, bench.left_out) == ([0, 3], {})
    (tmp_path / COVERS).unlink()
    without = open_bench(faces, [], sources, ["clean", "covered"], **arguments)
    assert [one.name for one in without.conditions(["clean", "covered"])] == ["clean"]
    assert f"covered, needs {COVERS}" in without.about()["left out"]


def test_groups_of_people_and_of_occluders_have_figures_and_small_ones_say_so(
    table: Table, folder: Path
) -> None:
    text = (folder / "report" / "groups.md").read_text()
    lines = {line.split(" | ")[0]: line for line in text.splitlines()}
    assert "| 8 | 100.0 [100.0, 100.0] |" in lines["| clean, sex: male"]
    assert "fewer than 100 faces" in lines["| clean, sex: male"]
    assert "| 16 |" in lines["| objects, occluder: ball"]
    assert any("| objects, coverage: 10-20 %" in line for line in lines.values())


def test_all_plots_are_drawn_and_nothing_for_who_took_no_part(table: Table, folder: Path) -> None:
    drawn = {path.name for path in (folder / "report").glob("*.png")}
    assert drawn == {
        "accuracy.png",
        "accuracy-random.png",
        "figure1.png",
        "samples.png",
        *(
            f"{plot}-{name}.png"
            for name in ("clean", "objects")
            for plot in ("confusion-pipeline", "confusion-happy", "reliability", "risk-coverage")
        ),
    }


def test_the_labels_fit_the_command_that_compares(table: Table, bench: Bench, folder: Path) -> None:
    answers = unmatched(read_prediction_file(folder / "report" / "answers" / "pipeline-clean.tsv"))
    assert answers.ids == bench.faces.ids
    assert answers.labels.tolist() == bench.faces.labels.tolist()
    truth = read_truth(folder / "report" / "labels.tsv")
    assert {face: label for face, (label, _) in truth.items()} == dict(
        zip(bench.faces.ids, bench.faces.labels.tolist(), strict=True)
    )


def test_the_first_table_shows_some_of_many_shares(tmp_path: Path, unplotted: None) -> None:
    faces = chosen_faces(8)
    names = ("clean", *(f"random-{share}" for share in range(10, 100, 10)))
    bench = bench_of(tmp_path, faces, entrant("happy", always_happy))
    table = evaluate_recognisers(occlusion_table(names), bench, tmp_path / "report")
    assert [column.key for column in table.columns] == ["clean", "random-30", "random-70"]
    assert len((tmp_path / "report" / "figures.md").read_text().split("\n| happy, ")) == 11


def test_a_condition_whose_needs_are_missing_is_left_out_with_a_note(
    tmp_path: Path, unplotted: None
) -> None:
    faces = chosen_faces(8)
    bench = Bench(
        faces,
        [entrant("happy", always_happy)],
        tmp_path,
        left_out={"grad-cam": "the plain CNN is not trained"},
    )
    table = evaluate_recognisers(
        occlusion_table(("clean", "grad-cam-30")), bench, tmp_path / "report"
    )
    assert [column.key for column in table.columns] == ["clean"]
    assert table.protocol["left out"] == "grad-cam, the plain CNN is not trained"


def test_seven_classes_leave_contempt_out(tmp_path: Path) -> None:
    faces = chosen_faces(16)
    bench = Bench(faces, [entrant("oracle", Oracle(faces))], tmp_path, classes=7)
    (clean,) = bench.conditions(["clean"])
    score = measure(bench, clean).scores["oracle"]
    assert (score["n"], score["accuracy"]["value"]) == (14, 1.0)


def test_a_recogniser_without_probabilities_has_no_calibration(tmp_path: Path) -> None:
    faces = chosen_faces(8)
    words = entrant("words", lambda pictures: np.array(["happy"] * len(pictures)))
    table = evaluate_recognisers(
        occlusion_table(("clean",)), bench_of(tmp_path, faces, words), tmp_path / "report"
    )
    assert table.rows[0].figures["clean"]["value"] == 0.125
    assert not (tmp_path / "report" / "reliability-clean.png").exists()
    assert (tmp_path / "report" / "confusion-words-clean.png").exists()


def test_a_file_says_by_its_paths_which_condition_it_answers_for(tmp_path: Path) -> None:
    faces = chosen_faces(4)
    words = {"clean": "happy", "objects": "sad"}
    lines = [f"{name}/{face}\t{word}" for name, word in words.items() for face in faces.ids]
    file = tmp_path / "theirs.tsv"
    file.write_text("\n".join(lines))
    bench = bench_of(tmp_path, faces, file_recogniser(file))
    name = f"file:{file}"
    for one, word in words.items():
        found = measure(bench, condition(one, 7)).predictions[name]
        labels = [EXPRESSIONS[label] for label in found.labels]
        assert [label.startswith(word[:3]) for label in labels] == [True] * 4
        assert found.ids == faces.ids
    eyes = measure(bench, condition("eyes", 7))
    assert "eyes/set/face0.png" in eyes.notes[name] and not eyes.predictions


def test_a_file_without_conditions_is_for_the_clean_faces_only(tmp_path: Path) -> None:
    faces = chosen_faces(4)
    file = tmp_path / "theirs.tsv"
    file.write_text("".join(f"{face}\thappy\n" for face in faces.ids))
    bench = bench_of(tmp_path, faces, file_recogniser(file))
    clean = measure(bench, condition("clean", 7))
    assert clean.predictions[f"file:{file}"].labels.tolist() == [1, 1, 1, 1]
    assert list(measure(bench, condition("mouth", 7)).notes) == [f"file:{file}"]
