"""Every face is put to everybody once, and what was answered is kept."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from chosen import Oracle, bench_of, chosen_faces, disc, entrant
from fakes import RED, fake_model
from latent_ofer.errors import DataError
from latent_ofer.evaluation.answers import Cache, Method, read
from latent_ofer.evaluation.bench import TRUTH, measure
from latent_ofer.evaluation.conditions import HiddenFaces, condition
from latent_ofer.evaluation.faces import ChosenFaces
from latent_ofer.evaluation.recognisers import pipeline_recogniser
from latent_ofer.pipeline import LatentOFER
from latent_ofer.synthesis.protocols import Occluded
from latent_ofer.weights_folder import SHIPPED, WeightsFolder

IDS = [f"set/{row}.png" for row in range(10)]
KEY = {"method": "counting", "digest": "abc", "seed": 7}


def pipelines(model: LatentOFER, detector: str = "labelled") -> list[Method]:
    weights = WeightsFolder.open(SHIPPED)
    return [
        pipeline_recogniser(name, model, weights, detector, "views")
        for name in ("pipeline-unrepaired", "pipeline")
    ]


class RedFaces(HiddenFaces):
    """Some patches of every face red, which the fake detector takes for hidden."""

    def made(self, row: int) -> Occluded:
        made = super().made(row)
        picture = made.image.copy()
        picture[:32, :40] = RED
        return Occluded(picture, made.covered)


def test_both_answers_of_the_pipeline_come_from_one_pass(tmp_path: Path) -> None:
    model, backend = fake_model()
    faces = RedFaces(chosen_faces(6), condition("clean", 7))
    both = {one.name: read(one, faces, tmp_path)[one.column] for one in pipelines(model)}
    assert sum(backend.batches) == 6
    expected = model.predict([faces.made(row).image for row in range(6)], crops=True)
    for name, each in (
        ("pipeline", [face for (face,) in expected]),
        ("pipeline-unrepaired", [face.before for (face,) in expected]),
    ):
        rows = [list(face.probabilities.values()) for face in each]
        np.testing.assert_allclose(both[name], rows, atol=1e-7)
    assert not np.allclose(both["pipeline"], both["pipeline-unrepaired"])


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    faces = chosen_faces(8)
    clean = HiddenFaces(faces, condition("clean", 7))
    killed = Oracle(faces, stop_after=5)
    with pytest.raises(KeyboardInterrupt):
        read(entrant("oracle", killed, 2), clean, tmp_path)
    assert killed.asked == [0, 1, 2, 3]
    goes_on = Oracle(faces)
    found = read(entrant("oracle", goes_on, 2), clean, tmp_path)
    assert goes_on.asked == [4, 5, 6, 7]
    np.testing.assert_array_equal(found["p"].argmax(1), faces.labels)


def test_a_larger_limit_asks_about_the_new_faces_only(tmp_path: Path) -> None:
    faces = chosen_faces(8)
    some = faces.take(np.array([6, 2, 3]))
    for chosen in (some, faces):
        oracle = Oracle(faces)
        read(entrant("oracle", oracle), HiddenFaces(chosen, condition("clean", 7)), tmp_path)
    assert oracle.asked == [0, 1, 4, 5, 7]


def test_another_condition_seed_or_method_is_asked_anew(tmp_path: Path) -> None:
    faces = chosen_faces(4)
    for name, seed, who, asked in (
        ("random-30", 7, "one", 4),
        ("random-30", 7, "one", 0),
        ("random-30", 8, "one", 4),
        ("random-40", 7, "one", 4),
        ("random-30", 7, "other", 4),
    ):
        oracle = Oracle(faces)
        read(entrant(who, oracle), HiddenFaces(faces, condition(name, seed)), tmp_path)
        assert len(oracle.asked) == asked


def test_a_baseline_that_is_not_trained_is_a_note(tmp_path: Path) -> None:
    faces = chosen_faces(2)
    bench = bench_of(tmp_path, faces, Method("plain", note="train it"))
    found = measure(bench, condition("clean", 7))
    assert found.notes == {"plain": "train it"} and not found.predictions


def test_what_hides_the_faces_is_kept_as_answers_are(tmp_path: Path) -> None:
    faces = chosen_faces(3)
    hidden = HiddenFaces(faces, condition("objects", 7), [disc()])
    truth = read(TRUTH, hidden, tmp_path)
    for row in range(3):
        covered = hidden.made(row).covered
        assert truth["coverage"][row] == covered.mean() > 0
        blocks = covered.reshape(14, 8, 14, 8).mean(axis=(1, 3)).ravel()
        assert (truth["hidden"][row] == (blocks >= 0.25)).all()
        assert (truth["used"][row] == ((blocks == 0) | (blocks >= 0.25))).all()
    assert truth["category"].tolist() == ["ball"] * 3 and truth["grey"].all()


def test_two_ids_alike_are_refused(tmp_path: Path) -> None:
    faces = chosen_faces(2)
    twice = ChosenFaces(faces.pool.take(np.array([0, 0])), faces.digests, faces.about)
    with pytest.raises(ValueError, match="alike"):
        read(entrant("x", Oracle(faces)), HiddenFaces(twice, condition("clean", 7)), tmp_path)


def rows(ids: Sequence[str]) -> dict[str, np.ndarray]:
    levels = np.array([IDS.index(face) for face in ids])
    return {"label": levels % 8, "p": np.eye(8)[levels % 8] * 0.3 + 0.0875}


def test_answers_come_back_exactly_in_any_order(tmp_path: Path) -> None:
    cache = Cache(tmp_path, KEY)
    cache.add(IDS[:6], rows(IDS[:6]))
    cache.add(IDS[4:], rows(IDS[4:]))
    for one in (cache, Cache(tmp_path, KEY)):
        found = one.get(IDS[::-1])
        for name, values in rows(IDS[::-1]).items():
            np.testing.assert_array_equal(found[name], values)
    with pytest.raises(DataError, match=r"1 faces without an answer \(other\)"):
        cache.get(["other"])


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from latent_ofer.evaluation.answers import Cache
cache = Cache(Path(sys.argv[1]), {"method": "counting", "digest": "abc", "seed": 7})
cache.add(["set/0.png", "set/1.png"], {"label": np.array([0, 1])})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_a_sound_folder(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    cache = Cache(tmp_path, KEY)
    assert [face for face in IDS if face in cache] == IDS[:2]
    assert cache.get(IDS[:2])["label"].tolist() == [0, 1]


def test_two_at_once_in_one_folder_do_no_harm(tmp_path: Path) -> None:
    one, other = Cache(tmp_path, KEY), Cache(tmp_path, KEY)
    one.add(IDS[:6], rows(IDS[:6]))
    other.add(IDS, rows(IDS))
    together = Cache(tmp_path, KEY)
    assert together.get(IDS)["label"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]


def test_another_key_is_refused_and_the_entry_named(tmp_path: Path) -> None:
    Cache(tmp_path, KEY).add(IDS, rows(IDS))
    with pytest.raises(DataError, match="seed was 7 and is now 8") as refused:
        Cache(tmp_path, KEY | {"seed": 8})
    assert str(refused.value).count(" was ") == 1 and "\n" not in str(refused.value)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    Cache(tmp_path, KEY).add(IDS, rows(IDS))
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"npz: damaged"):
        Cache(tmp_path, KEY)


def test_answers_of_different_kinds_do_not_mix(tmp_path: Path) -> None:
    cache = Cache(tmp_path, KEY)
    cache.add(IDS[:2], rows(IDS[:2]))
    cache.add(IDS[2:4], {"label": np.array([1, 2])})
    with pytest.raises(DataError, match="differ in kind"):
        cache.get(IDS[:4])


def test_a_failed_write_does_not_spoil_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    cache = Cache(tmp_path, KEY)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            cache.add(IDS, rows(IDS))
    assert not list(tmp_path.iterdir()) and IDS[0] not in cache
    cache.add(IDS, rows(IDS))
    assert IDS[0] in Cache(tmp_path, KEY)
