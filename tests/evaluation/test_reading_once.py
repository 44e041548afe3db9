"""Every face is read once by everybody: the pipeline's two answers, killed runs, files."""

from pathlib import Path

import numpy as np
import pytest

from chosen import Oracle, chosen_faces, disc, entrant
from fakes import RED, fake_model
from latent_ofer.errors import DataError
from latent_ofer.evaluation.conditions import ConditionedFaces, condition
from latent_ofer.evaluation.reading import Entrant, open_entrants, read
from latent_ofer.evaluation.recognisers import FileRecogniser, pipeline_recogniser
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.pipeline import LatentOFER
from latent_ofer.weights_folder import SHIPPED, WeightsFolder


def pipelines(model: LatentOFER) -> list[Entrant]:
    weights = WeightsFolder.open(SHIPPED)
    return [
        Entrant(name, pipeline_recogniser(model, weights, "default", repaired=repaired), "", model)
        for name, repaired in (("pipeline-unrepaired", False), ("pipeline", True))
    ]


class RedFaces(ConditionedFaces):
    """Some patches of every face red, which the fake detector takes for hidden."""

    def __getitem__(self, row: int) -> np.ndarray:
        picture = super().__getitem__(row).copy()
        picture[:32, :40] = RED
        return picture


def test_both_answers_of_the_pipeline_come_from_one_pass(tmp_path: Path) -> None:
    model, backend = fake_model()
    faces = RedFaces(chosen_faces(6), condition("clean", 7))
    both = read(pipelines(model), faces, tmp_path / "both").predictions
    assert sum(backend.batches) == 6
    assert list(both) == ["pipeline-unrepaired", "pipeline"]
    for number, name in enumerate(both):
        (alone,) = read([pipelines(model)[number]], faces, tmp_path / name).predictions.values()
        np.testing.assert_allclose(both[name].probabilities, alone.probabilities, atol=1e-7)
    after, before = both["pipeline"].probabilities, both["pipeline-unrepaired"].probabilities
    assert after is not None and before is not None
    assert not np.allclose(after, before)


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    model, backend = fake_model()
    faces = ConditionedFaces(chosen_faces(6), condition("clean", 7))
    first = read(pipelines(model), faces, tmp_path)
    backend.batches.clear()
    again = read(pipelines(model), faces, tmp_path)
    assert backend.batches == []
    for name in first.predictions:
        np.testing.assert_array_equal(
            again.predictions[name].probabilities, first.predictions[name].probabilities
        )
    assert again.folders == first.folders


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    faces = chosen_faces(8)
    clean = ConditionedFaces(faces, condition("clean", 7))
    killed = Oracle(faces, stop_after=5)
    with pytest.raises(KeyboardInterrupt):
        read([entrant("oracle", killed, batch_size=2)], clean, tmp_path)
    assert killed.asked == [0, 1, 2, 3]
    goes_on = Oracle(faces)
    found = read([entrant("oracle", goes_on, batch_size=2)], clean, tmp_path)
    assert goes_on.asked == [4, 5, 6, 7]
    np.testing.assert_array_equal(found.predictions["oracle"].labels, faces.labels)


def test_another_condition_seed_or_recogniser_is_read_anew(tmp_path: Path) -> None:
    faces = chosen_faces(4)
    for name, seed, who, asked in (
        ("random-30", 7, "one", 4),
        ("random-30", 7, "one", 0),
        ("random-30", 8, "one", 4),
        ("random-40", 7, "one", 4),
        ("random-30", 7, "other", 4),
    ):
        oracle = Oracle(faces)
        read([entrant(who, oracle)], ConditionedFaces(faces, condition(name, seed)), tmp_path)
        assert len(oracle.asked) == asked


def test_a_file_says_by_its_paths_which_condition_it_answers_for(tmp_path: Path) -> None:
    faces = chosen_faces(4)
    words = {"clean": "happy", "objects": "sad"}
    lines = [f"{name}/{face}\t{word}" for name, word in words.items() for face in faces.ids]
    file = tmp_path / "theirs.tsv"
    file.write_text("\n".join(lines))
    theirs = Entrant("theirs", FileRecogniser.open(file))
    for name, word in words.items():
        found = read([theirs], ConditionedFaces(faces, condition(name, 7), [disc()]), tmp_path)
        labels = [EXPRESSIONS[label] for label in found.predictions["theirs"].labels]
        assert [label.startswith(word[:3]) for label in labels] == [True] * 4
        assert found.predictions["theirs"].ids == faces.ids
    eyes = read([theirs], ConditionedFaces(faces, condition("eyes", 7)), tmp_path)
    assert "eyes/set/face0.png" in eyes.notes["theirs"]
    assert not eyes.predictions


def test_a_file_without_conditions_is_for_the_clean_faces_only(tmp_path: Path) -> None:
    faces = chosen_faces(4)
    file = tmp_path / "theirs.tsv"
    file.write_text("".join(f"{face}\thappy\n" for face in faces.ids))
    theirs = Entrant("theirs", FileRecogniser.open(file))
    clean = read([theirs], ConditionedFaces(faces, condition("clean", 7)), tmp_path)
    assert clean.predictions["theirs"].labels.tolist() == [1, 1, 1, 1]
    mouth = read([theirs], ConditionedFaces(faces, condition("mouth", 7)), tmp_path)
    assert list(mouth.notes) == ["theirs"]


def test_a_baseline_that_is_not_trained_is_a_note(tmp_path: Path) -> None:
    found = open_entrants(["plain", "judge", "plain"], runs=tmp_path)
    assert [one.name for one in found] == ["plain", "judge"]
    assert all(one.recogniser is None for one in found)
    assert "latent-ofer train judge --data DIR" in found[1].note
    faces = ConditionedFaces(chosen_faces(2), condition("clean", 7))
    assert list(read(found, faces, tmp_path).notes) == ["plain", "judge"]


def test_a_name_that_means_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no recogniser"):
        open_entrants(["nobody"], runs=tmp_path)
