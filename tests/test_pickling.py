"""What is raised or returned goes through pickle and copy: pools of processes need it."""

import copy
import multiprocessing
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import fake_model
from helpers import drawn_face
from latent_ofer import ImageError, LatentOFER, LatentOFERError, errors
from latent_ofer.datasets.cache import NoRoomError
from latent_ofer.images.damage import DamagedError
from latent_ofer.images.load import load_image
from latent_ofer.locks import InUseError
from latent_ofer.predict.journal import UnfinishedError
from latent_ofer.predict.run import TooManyErrorsError
from latent_ofer.ray.cluster import RayError
from onnx_folder import write_folder

PROBLEMS = [
    ImageError("corrupt", "a.jpg", "a.jpg: damaged; get a fresh copy."),
    DamagedError("truncated", "its data end before the picture does"),
    errors.LatentOFERError("something"),
    errors.WeightsError("model.onnx: missing"),
    errors.DataError("no such set"),
    errors.RecipeError("no such key"),
    errors.StaleError("trained on others"),
    errors.TrainingError("the loss is nan"),
    NoRoomError("the disk is full"),
    InUseError("out: in use by another run"),
    TooManyErrorsError("more than 3 images cannot be used"),
    UnfinishedError("out: an unfinished run of other images"),
    RayError("Ray cannot be started: no room"),
]


def pickled(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


@pytest.mark.parametrize("way", [pickled, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: type(problem).__name__)
def test_every_exception_comes_back_as_it_was(
    problem: Exception, way: Callable[[Exception], Exception]
) -> None:
    again = way(problem)
    assert type(again) is type(problem)
    assert (str(again), again.args, vars(again)) == (str(problem), problem.args, vars(problem))


def test_no_exception_of_the_package_is_forgotten_here() -> None:
    def below(kind: type[Exception]) -> set[type[Exception]]:
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    ours = {kind for kind in below(LatentOFERError) if kind.__module__.startswith("latent_ofer")}
    assert ours <= {type(problem) for problem in PROBLEMS}


def test_an_image_error_crosses_a_pool_of_processes() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        with pytest.raises(ImageError, match="is no image") as caught:
            pool.apply_async(load_image, [b"text"]).get(timeout=60)
        assert caught.value.code == "not_an_image"


@pytest.mark.parametrize("way", [pickled, copy.deepcopy])
def test_results_come_back_as_they_were(way: Callable[[Any], Any]) -> None:
    model, _ = fake_model()
    outcomes = model.predict([drawn_face()[0], b"text"], crops=True, on_error="return")
    (face,), error = way(outcomes)
    (expected,) = outcomes[0]
    assert face.to_dict() == expected.to_dict()
    np.testing.assert_array_equal(face.reconstruction, expected.reconstruction)
    assert error.code == "not_an_image"


@pytest.mark.parametrize("way", [pickled, copy.deepcopy])
def test_a_model_comes_back_by_its_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Callable[[Any], Any]
) -> None:
    folder = write_folder(tmp_path / "weights")
    monkeypatch.chdir(tmp_path)
    model = LatentOFER.from_pretrained("weights", threads=1, detector="paper")
    if way is pickled:
        assert len(pickle.dumps(model)) < 1000
    monkeypatch.chdir(os.sep)
    again = way(model)
    one, other = (each.predict(drawn_face()[0], crops=True)[0] for each in (model, again))
    assert one.to_dict() == other.to_dict()
    (folder / "encoder.onnx").write_bytes(b"altered")
    with pytest.raises(LatentOFERError, match="altered"):
        way(model)


def test_a_model_made_of_parts_says_why_it_cannot_be_pickled() -> None:
    model, _ = fake_model()
    with pytest.raises(TypeError, match="make it with LatentOFER.from_pretrained"):
        pickle.dumps(model)
