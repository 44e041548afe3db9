"""The figures of the pipeline in the results: whose answer is whose, and another source."""

from pathlib import Path

import numpy as np

from archives import write_archives
from chosen import chosen_faces, disc, face_set
from latent_ofer.datasets.archives import read_ferplus
from latent_ofer.datasets.pool import FacePool
from latent_ofer.evaluation.answers import Arrays, Method
from latent_ofer.evaluation.bench import TRUTH, Bench
from latent_ofer.evaluation.conditions import Batch, condition
from latent_ofer.evaluation.faces import ChosenFaces
from latent_ofer.evaluation.headline import (
    RECOGNISERS,
    of_other_source,
    other_source,
    recognition_report,
)
from latent_ofer.evaluation.measurements import Asked
from latent_ofer.labels import EXPRESSIONS

RATIOS = np.array([0.25, 0.5, 0.25, 0])
"""Three of four faces have something over them."""


def pipeline(after: np.ndarray, before: np.ndarray) -> list[Method]:
    def answer(batch: Batch) -> Arrays:
        return {"p": after, "before": before, "ratio": RATIOS}

    columns = ("p", "before")
    return [
        Method(name, "d", answer, place="pipeline", column=column)
        for name, column in zip(RECOGNISERS, columns, strict=True)
    ]


def test_repaired_is_the_pipelines_answer_and_as_it_came_the_one_before_the_repair(
    tmp_path: Path,
) -> None:
    faces = chosen_faces(4)
    right, wrong = np.eye(8)[faces.labels], np.eye(8)[(faces.labels + 1) % 8]
    bench = Bench(faces, pipeline(right, wrong), tmp_path, cutouts=[disc()])
    found = recognition_report(bench)
    assert (found["n"], found["seed"], found["count_by_label"]["sadness"]) == (4, 7, 1)
    for kind in ("clean", "objects"):
        assert found[kind]["repaired"]["accuracy"]["value"] == 1
        assert found[kind]["as_it_came"]["accuracy"]["value"] == 0
        assert found[kind]["repaired_minus_as_it_came"]["value"] == 1
        assert found[kind]["share_of_faces_repaired"] == 0.75
        assert found[kind]["share_of_patches_flagged"] == 0.25
    truth = bench.read(TRUTH, condition("objects", bench.seed))
    most = truth["coverage"] > 0.3
    assert 0 < most.sum() < 4 and "most_hidden" not in found["clean"]
    assert found["objects"]["most_hidden"]["n"] == most.sum()
    assert found["objects"]["most_hidden"]["accuracy"]["value"] == 1


def test_of_another_source_three_labels_count_and_the_outputs_are_restricted_to_them(
    tmp_path: Path,
) -> None:
    words = ["neutral", "anger", "happiness", "surprise"]
    faces = face_set(4)
    faces.sources[:] = ["lfw", "lfw", "lfw", "utkface"]
    faces.labels[:] = [EXPRESSIONS.index(word) for word in words]
    pool = of_other_source(FacePool([faces]))
    assert pool.labels.tolist() == [EXPRESSIONS.index(word) for word in ("neutral", "happiness")]
    chosen = ChosenFaces(pool, {"set": "0"}, {"split": "validation"})
    after = np.zeros((2, 8))
    # Anger is likeliest, but no answer here; what is left says neutral, and nothing at all.
    after[0, [EXPRESSIONS.index(word) for word in ("anger", "neutral", "happiness")]] = (
        0.6,
        0.3,
        0.1,
    )
    after[1, EXPRESSIONS.index("anger")] = 1
    found = other_source(Bench(chosen, pipeline(after, after), tmp_path))
    assert found["count_by_label"] == {"neutral": 1, "happiness": 1, "surprise": 0}
    recall = {name: figure["value"] for name, figure in found["recall"].items()}
    assert recall == {"neutral": 1, "happiness": 0}


def test_the_faces_are_validation_ones_with_a_label_and_the_objects_unseen(tmp_path: Path) -> None:
    data = write_archives(tmp_path / "data")
    asked = Asked(data=data, runs=tmp_path)
    bench = asked.bench(asked.labelled(), [], ("clean", "objects"))
    assert {cutout.category for cutout in bench.cutouts} == {"hand"}
    faces = read_ferplus(data, "val", tmp_path / "cache")
    known = np.flatnonzero(faces.labels >= 0)
    assert [name for _, name in bench.faces.pool.keys] == [faces.names[row] for row in known]
