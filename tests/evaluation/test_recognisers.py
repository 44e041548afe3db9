import hashlib
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import RED, fake_model, hide
from helpers import drawn_face
from latent_ofer.datasets.pool import Pixels
from latent_ofer.errors import DataError
from latent_ofer.evaluation.answers import Arrays, Method
from latent_ofer.evaluation.command_recogniser import command_recogniser
from latent_ofer.evaluation.conditions import Condition, condition
from latent_ofer.evaluation.prediction_lines import (
    matched,
    read_prediction_file,
    read_prediction_lines,
)
from latent_ofer.evaluation.predictions import MISSING, Predictions
from latent_ofer.evaluation.recognisers import (
    function_recogniser,
    open_recognisers,
    pipeline_recogniser,
)
from latent_ofer.evaluation.scoring import score
from latent_ofer.labels import EXPRESSIONS, SEVEN
from latent_ofer.pipeline import LatentOFER
from latent_ofer.weights_folder import SHIPPED, WeightsFolder

IDS = [f"set/face{row}.png" for row in range(12)]
TRUTH = np.arange(12) % 8

TOOL = '''
"""Somebody's recogniser: levels of eight strips of the picture."""
import sys
import numpy as np
from PIL import Image

NAMES = "neutral happiness surprise sadness anger disgust fear contempt".split()

def read(pictures):
    levels = np.stack([part.mean((1, 2, 3)) for part in np.split(pictures.astype(float), 8, 1)], 1)
    powers = np.exp((levels - levels.mean(1, keepdims=True)) / 20)
    return powers / powers.sum(1, keepdims=True)

def words(pictures):
    return [NAMES[row.argmax()] for row in read(pictures)]

if __name__ == "__main__":
    for path in sys.stdin.read().splitlines():
        row = read(np.asarray(Image.open(path))[None])[0]
        print(path, NAMES[row.argmax()], ",".join(map(repr, row.tolist())), sep="\\t")
'''


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    path = tmp_path / "somebody.py"
    path.write_text(TOOL)
    return path


@pytest.fixture(scope="module")
def pictures() -> Pixels:
    return np.stack([drawn_face(seed=row)[0] for row in range(len(IDS))])


@dataclass
class Shown:
    """Some pictures as a method gets them."""

    shown: Pixels
    ids: list[str]
    condition: Condition = condition("clean", 7)

    @property
    def paths(self) -> list[str]:
        return [f"clean/{face}" for face in self.ids]


def open_recogniser(text: str, runs: Path = Path("nowhere"), model: Any = None) -> Method:
    folder = WeightsFolder.open(SHIPPED)

    def pipeline() -> tuple[Any, WeightsFolder, str, str]:
        return model or LatentOFER.from_pretrained(), folder, "labelled", "views"

    (found,) = open_recognisers([text], pipeline, runs, "small")
    return found


def ask(method: Method, pictures: Pixels, ids: list[str]) -> Arrays:
    assert method.answer is not None
    return method.answer(Shown(pictures, ids))  # type: ignore[arg-type]


def figures(method: Method, pictures: Pixels) -> dict[str, object]:
    arrays = ask(method, pictures, IDS)
    found = Predictions.from_arrays(method.name, IDS, arrays, method.column)
    report = score(found, TRUTH, rng=np.random.default_rng(0))
    del report["recogniser"]
    return report


def test_the_same_predictions_give_the_same_figures_through_each_door(
    tool: Path, pictures: Pixels, tmp_path: Path
) -> None:
    python = open_recogniser(f"python:{tool}:read")
    expected = figures(python, pictures)
    rows = ask(python, pictures, IDS)
    assert len(set(rows["label"].tolist())) > 1
    lines = [
        f"{face}\t{EXPRESSIONS[label]}\t{','.join(map(repr, values.tolist()))}"
        for face, label, values in zip(IDS, rows["label"], rows["p"], strict=True)
    ]
    (tmp_path / "preds.tsv").write_text("\n".join(lines))
    file = open_recogniser(f"file:{tmp_path / 'preds.tsv'}")
    assert figures(file, pictures) == expected
    command = open_recogniser(f"command:{sys.executable} {shlex.quote(str(tool))}")
    assert figures(command, pictures) == expected


def test_words_alone_give_the_figures_that_need_no_probabilities(
    tool: Path, pictures: Pixels
) -> None:
    expected = figures(open_recogniser(f"python:{tool}:read"), pictures)
    found = figures(open_recogniser(f"python:{tool}:words"), pictures)
    assert found["accuracy"] == expected["accuracy"]
    assert "brier" not in found


def test_a_module_beside_the_user_is_found_and_its_source_is_the_digest(
    tool: Path, pictures: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    first = open_recogniser("python:somebody:read")
    assert ask(first, pictures, IDS)["label"].shape == (12,)
    assert open_recogniser("python:somebody:words").digest != first.digest
    tool.write_text(TOOL + "\n# better\nread.digest = 'v2'\n")
    assert open_recogniser(f"python:{tool}:words").digest != first.digest
    assert open_recogniser(f"python:{tool}:read").digest == "v2"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda faces: np.ones((len(faces), 8)), "give probabilities, not logits"),
        (lambda faces: np.ones((len(faces), 3)) / 3, "shape"),
        (lambda faces: np.full((len(faces), 8), np.nan), "non-finite"),
        (lambda faces: np.arange(len(faces)), "words such as 'happy'"),
        (lambda faces: ["happy"] * 3, "3 labels for 12 faces"),
        (lambda faces: ["rage"] * len(faces), "unknown label 'rage'"),
        (lambda faces: np.ones((1, 8)) / 8, "1 rows of probabilities for 12 faces"),
        (lambda faces: 1 / 0, r"failed \(ZeroDivisionError"),
    ],
)
def test_a_function_that_answers_anything_else_is_told_so(
    function: Callable[[Pixels], object], message: str, pictures: Pixels
) -> None:
    with pytest.raises(DataError, match=message):
        ask(function_recogniser("mine", "d", function), pictures, IDS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("python:nowhere", "module:function"),
        ("python:no_such_module_here:f", "cannot be imported"),
        ("python:json:no_such_function", "no function"),
        ("python:missing.py:f", "cannot be imported"),
        ("file:missing.tsv", "not found"),
        ("file:", "is no recogniser"),
        ("plan", "is no recogniser; write pipeline, pipeline-unrepaired, plain, plain_occluded"),
    ],
)
def test_a_word_that_names_no_recogniser_is_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_recogniser(text)


def lines_of(text: str) -> list[str]:
    return text.strip("\n").split("\n")


def test_words_synonyms_empty_lines_and_windows_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "p.tsv"
    path.write_bytes("\ufeffset\\face0.png\tHappy\r\n\r\n./set/face1.png\tsad\r\n".encode())
    found = matched(read_prediction_file(path), IDS[:2], "mine")
    assert found.labels.tolist() == [1, 3]
    assert found.probabilities is None


def test_a_first_line_may_name_another_order_of_seven_or_eight() -> None:
    text = "path\tlabel\tanger,disgust,fear,happy,sad,surprise,neutral\na\thappy\t0,0,.1,.6,0,0,.3"
    found = matched(read_prediction_lines(lines_of(text), "p"), ["a"], "mine")
    assert found.knows == SEVEN
    assert found.probabilities is not None
    # neutral 0.3, happiness 0.6, ..., fear 0.1, contempt unknown.
    assert found.probabilities[0].tolist() == pytest.approx([0.3, 0.6, 0, 0, 0, 0, 0.1, 0])


EIGHT = "0.1,0.6,0.3,0,0,0,0,0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\thappy\nb\trage", "p:2: unknown label 'rage'; write one of neutral"),
        ("a\t3", "p:1: unknown label '3'"),
        ("a happy", "p:1: expected path<TAB>label"),
        (f"a\thappy\t{EIGHT}\nb\tsad", "p:2: probabilities must be on every line or on none"),
        (f"a\thappy\nb\thappy\t{EIGHT}", "p:2: probabilities must be on every line or on none"),
        (f"a\tsad\t{EIGHT}", "p:1: the label is sadness, but happiness is likelier"),
        ("a\tcontempt\t1,0,0,0,0,0,0", "p:1: the label is contempt, but neutral"),
        ("a\thappy\t0.1,x", "p:1: probabilities must be numbers"),
        ("a\thappy\t0.4,0.6", "p:1: probabilities have shape"),
        ("a\thappy\t1,5,3,0,0,0,0,0", "p:1: row 0 sums to 9"),
        (f"a\thappy\t{EIGHT}\nb\thappy\t0.1,0.6,0.3,0,0,0,0", "p:2: 7 probabilities"),
        ("a\thappy\na\tsad", "p:2: a has another answer further up"),
        ("path\tlabel\thappy,sad\na\thappy", "p:1: name each of the eight"),
        ("\n", "no predictions in it"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_prediction_lines(text.split("\n"), "p")


def test_of_equal_probabilities_the_file_may_say_which_it_answered() -> None:
    text = ["a\thappy\t0,0.5,0.5,0,0,0,0,0", "b\tsurprise\t0,0.5,0.5,0,0,0,0,0"]
    found = matched(read_prediction_lines(text, "p"), ["a", "b"], "mine")
    assert found.labels.tolist() == [1, 2]


def test_a_face_that_the_file_leaves_out_is_missing() -> None:
    lines = read_prediction_lines([f"{IDS[1]}\thappy\t{EIGHT}"], "p")
    found = matched(lines, IDS[:3], "mine")
    assert found.labels.tolist() == [MISSING, 1, MISSING]
    assert found.probabilities is not None
    assert np.isnan(found.probabilities).all(axis=1).tolist() == [True, False, True]


def test_base_names_count_only_where_no_path_does_and_each_is_unique() -> None:
    bare = read_prediction_lines(["/home/me/face0.png\thappy", "face1.png\tsad"], "p")
    assert matched(bare, IDS[:3], "mine").labels.tolist() == [1, 3, MISSING]
    mixed = read_prediction_lines([f"{IDS[0]}\thappy", "other/face1.png\tsad"], "p")
    assert matched(mixed, IDS[:2], "mine").labels.tolist() == [1, MISSING]
    with pytest.raises(DataError, match=r"a\.png names several pictures"):
        matched(read_prediction_lines(["a.png\tsad"], "p"), ["1/a.png", "2/a.png"], "mine")
    with pytest.raises(DataError, match=r"a\.png names several pictures"):
        matched(read_prediction_lines(["x/a.png\tsad", "y/a.png\tsad"], "p"), ["1/a.png"], "mine")
    with pytest.raises(DataError, match=r"none of its 1 paths \(such as z.png\)"):
        matched(read_prediction_lines(["z.png\tsad"], "p"), IDS, "mine")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("cat >/dev/null; echo no model >&2; exit 3", r"exit code 3 \(no model\)"),
        ("false", r"exit code 1 \(it said nothing\)"),
        ("head -n 5 | sed 's/$/\\thappy/'", r"no line for 7 of 12 .*000005\.png, line 6"),
        ("sed 's/$/\\trage/'", "unknown label 'rage'"),
        ("true", "no predictions in it"),
    ],
)
def test_a_command_that_fails_is_one_clear_line(
    command: str, message: str, pictures: Pixels
) -> None:
    with pytest.raises(DataError, match=message):
        ask(command_recogniser(command), pictures, IDS)


def test_a_command_that_takes_too_long_ends_with_all_that_it_started(
    pictures: Pixels, tmp_path: Path
) -> None:
    start = time.monotonic()
    command = f"(sleep 1; touch {shlex.quote(str(tmp_path / 'late'))}) | cat"
    with pytest.raises(DataError, match=r"no answer after 0\.2 s"):
        ask(command_recogniser(command, timeout=0.2), pictures[:1], IDS[:1])
    assert time.monotonic() - start < 0.9
    time.sleep(1.1 - (time.monotonic() - start))
    assert not (tmp_path / "late").exists()


def test_a_command_sees_the_very_pixels(pictures: Pixels, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    command = f"mkdir {seen} && while read f; do cp $f {seen}; printf '%s\\tsad\\n' $f; done"
    found = ask(command_recogniser(command), pictures[:2], IDS[:2])
    from PIL import Image

    assert found["label"].tolist() == [3, 3]
    for path, picture in zip(sorted(seen.iterdir()), pictures, strict=False):
        np.testing.assert_array_equal(np.asarray(Image.open(path)), picture)


def test_the_pipeline_answers_as_predict_does_before_and_after_repair(pictures: Pixels) -> None:
    model, backend = fake_model()
    faces = np.stack([pictures[0], hide(pictures[1], slice(0, 7), slice(0, 14))])
    assert (faces[1, 0, 0] == RED).all()
    weights = WeightsFolder.open(SHIPPED)
    names = ("pipeline", "pipeline-unrepaired")
    both = [pipeline_recogniser(name, model, weights, "labelled", "views") for name in names]
    found, expected = ask(both[0], faces, IDS[:2]), model.predict(list(faces), crops=True)
    for method, each in zip(
        both, ([f for (f,) in expected], [f.before for (f,) in expected]), strict=True
    ):
        rows = [list(face.probabilities.values()) for face in each]
        np.testing.assert_allclose(found[method.column], rows, atol=1e-12)
    assert found["ratio"].tolist() == [0, 0.5]
    assert (found["scores"][1, :98] > found["threshold"][1]).all()
    assert not np.allclose(found["p"], found["before"])
    assert backend.repaired > 0
    # Both are read from the same answers.
    assert both[0].digest == both[1].digest and both[0].place == both[1].place
    for detector, reads in (("paper", "views"), ("labelled", "paper")):
        other = pipeline_recogniser("pipeline", model, weights, detector, reads)
        assert other.digest != both[0].digest
    refitted = replace(weights, manifest={**weights.manifest, "recognisers": {"views": None}})
    other = pipeline_recogniser("pipeline", model, refitted, "labelled", "views")
    assert other.digest != both[0].digest
    # Engines answer alike, but for the one that rounds.
    for engine, alike in (("torch", True), ("openvino-bf16", False)):
        model.backend = engine
        other = pipeline_recogniser("pipeline", model, weights, "labelled", "views")
        assert (other.digest == both[0].digest) == alike


def test_the_pipeline_is_named_by_one_word() -> None:
    found = open_recogniser("pipeline-unrepaired", model=fake_model()[0])
    assert (found.name, found.column) == ("pipeline-unrepaired", "before")


def test_a_baseline_that_is_not_trained_says_how(tmp_path: Path) -> None:
    found = open_recogniser("plain", tmp_path)
    assert found.answer is None
    assert found.note == "not trained: latent-ofer train plain --data DIR"


def test_a_trained_baseline_is_named_by_one_word(pictures: Pixels, tmp_path: Path) -> None:
    import torch

    from latent_ofer.recogniser.baselines import load_baseline
    from latent_ofer.recogniser.train_cnn import CnnRecipe
    from latent_ofer.training.checkpoint import save_weights
    from latent_ofer.training.recipe import load_recipe

    network = load_recipe(CnnRecipe, "small", "judge").build()
    path = save_weights(tmp_path / "judge", network.state_dict(), {})
    judge = open_recogniser("judge", tmp_path)
    assert judge.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    found = ask(judge, pictures[:3], IDS[:3])["p"]
    faces = torch.from_numpy(pictures[:3]).permute(0, 3, 1, 2) / 255
    logits = load_baseline("judge", tmp_path, "small")(faces)
    np.testing.assert_allclose(found, logits.softmax(1).numpy(), atol=1e-5)
