"""Any recogniser joins: the pipeline, trained baselines, and three doors for everybody else's.

The doors are a Python function, a file of predictions and a shell command.
"""

import hashlib
import importlib
import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.arrays import Pixels
from latent_ofer.backends.choose import COARSE
from latent_ofer.errors import DataError, LatentOFERError
from latent_ofer.evaluation.answers import Arrays, Method, opened
from latent_ofer.evaluation.command_recogniser import command_recogniser
from latent_ofer.evaluation.conditions import Batch
from latent_ofer.evaluation.prediction_lines import label_of, matched, read_prediction_file
from latent_ofer.evaluation.predictions import Predictions
from latent_ofer.files import file_sha256, read_sha256
from latent_ofer.pipeline import BATCH, LatentOFER
from latent_ofer.results import HIDING, Occlusion
from latent_ofer.weights_folder import WeightsFolder

if TYPE_CHECKING:
    from latent_ofer.recogniser.baselines import BaselineName

PIPELINE = "pipeline"
UNREPAIRED = "pipeline-unrepaired"
BASELINES: "tuple[BaselineName, ...]" = ("plain", "plain_occluded", "judge")
DOORS = (
    f"{PIPELINE}, {UNREPAIRED}, {', '.join(BASELINES)}, python:module:function, "
    "python:file.py:function, file:predictions.tsv or command:my-tool"
)


def open_recognisers(
    names: Sequence[str],
    pipeline: Callable[[], tuple[LatentOFER, WeightsFolder, str, str]],
    runs: Path,
    config: str,
) -> list[Method]:
    """Recognisers by name, each once; a baseline that is not trained becomes a note.

    Parameters
    ----------
    names : sequence of str
        One of `DOORS` each.
    pipeline : callable
        Gives the model, the folder that it was loaded from, and its detector and recogniser.
    runs, config
        Where baselines were trained, and with which recipes.

    Raises
    ------
    DataError
        If a name means nothing, or what it names cannot be used.
    WeightsError
        If the pipeline's weights are missing or altered.
    """
    return [_open(name, pipeline, runs, config) for name in dict.fromkeys(names)]


def _open(
    text: str,
    pipeline: Callable[[], tuple[LatentOFER, WeightsFolder, str, str]],
    runs: Path,
    config: str,
) -> Method:
    door, _, rest = text.partition(":")
    if text in (PIPELINE, UNREPAIRED):
        return pipeline_recogniser(text, *pipeline())
    for name in BASELINES:
        if text == name:
            return opened(name, name, partial(baseline_recogniser, name, runs, config))
    if door == "python" and rest:
        return python_recogniser(rest)
    if door == "file" and rest:
        return replace(file_recogniser(Path(rest)), name=text)
    if door == "command" and rest:
        return command_recogniser(rest)
    raise DataError(f"{text!r} is no recogniser; write {DOORS}")


def pipeline_recogniser(
    name: str, model: LatentOFER, weights: WeightsFolder, detector: str, recogniser: str
) -> Method:
    """The pipeline's answers after repair, or those of its recogniser on the face as it came.

    Both come from one pass: ``p`` and ``before`` (n, 8), ``ratio`` (n,) of hidden patches,
    ``scores`` (n, 196) and ``threshold`` (n,) of the detector, ``cover`` (n,): what hides most of
    the face, as an index into `results.HIDING`, -1 where nothing does or no types are told.

    Parameters
    ----------
    name : str
        `PIPELINE` or `UNREPAIRED`.
    model : LatentOFER
    weights : WeightsFolder
        The folder that the model was loaded from.
    detector, recogniser : str
        Those of the model, as the folder names them.
    """
    manifest = weights.manifest
    kept = ("files", "thresholds", "recognisers")
    made_of = [*(manifest[key] for key in kept), detector, recogniser]
    if model.backend in COARSE:
        made_of.append(model.backend)
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def answer(batch: Batch) -> Arrays:
        results = model.predict(list(batch.shown), crops=True, batch_size=len(batch.ids))
        faces = [face for (face,) in results]
        return {
            "p": np.array([list(face.probabilities.values()) for face in faces]),
            "before": np.array([list(face.before.probabilities.values()) for face in faces]),
            "ratio": np.array([face.occlusion.ratio for face in faces]),
            "scores": np.stack([face.occlusion.scores.ravel() for face in faces]),
            "threshold": np.array([face.occlusion.threshold for face in faces]),
            "cover": np.array([_cover(face.occlusion) for face in faces]),
        }

    column = "p" if name == PIPELINE else "before"
    return Method(name, digest, answer, batch=BATCH, place=PIPELINE, column=column)


def _cover(occlusion: Occlusion) -> int:
    """Index of the type that hides most patches; -1 for none."""
    shares = [
        sum(cover.share for cover in occlusion.covers if cover.hidden and cover.type == name)
        for name in HIDING
    ]
    return int(np.argmax(shares)) if any(shares) else -1


def function_recogniser(
    name: str, digest: str, function: Callable[[Pixels], Any], batch: int = BATCH
) -> Method:
    """A function of pictures.

    Parameters
    ----------
    function : callable
        (B, 112, 112, 3) uint8 RGB -> probabilities (B, 8) in the order of `EXPRESSIONS`, or
        (B, 7) without contempt, or B words such as "happy". Codes are refused: they mean
        something else in every data set. Where it fails, or its answer has another shape, type
        or sum, that is a DataError.
    """

    def answer(some: Batch) -> Arrays:
        try:
            answers = np.asarray(function(some.shown))
        except LatentOFERError:
            raise
        except Exception as error:
            raise DataError(f"{name}: failed ({type(error).__name__}: {error})") from error
        return _checked(name, some.ids, answers).arrays()

    return Method(name, digest, answer, batch=batch)


def _checked(name: str, ids: list[str], answer: Any) -> Predictions:
    if answer.ndim == 1 and answer.dtype.kind in "UO":
        if len(answer) != len(ids):
            raise DataError(f"{name}: {len(answer)} labels for {len(ids)} faces")
        labels = np.array([label_of(str(word), name) for word in answer], dtype=np.int64)
        return Predictions(name, ids, labels, None)
    if answer.ndim != 2 or answer.dtype.kind not in "fiu":
        raise DataError(
            f"{name}: answered {answer.dtype} {answer.shape}; it must give "
            "probabilities (B, 8) or (B, 7), or B words such as 'happy'"
        )
    return Predictions.from_probabilities(name, ids, answer)


def file_recogniser(path: Path) -> Method:
    """Answers that lie in a file already, a line a face: see `prediction_lines`.

    It tells by paths such as ``objects/ferplus/fer1.png`` (`HiddenFaces.paths`) which condition
    its answers are for; without such paths they are for the clean faces. It has none, and gives
    no array, for other conditions.

    Raises
    ------
    DataError
        If it cannot be read, naming the line.
    """
    lines = read_prediction_file(path)
    name = f"file:{path}"

    def answer(batch: Batch) -> Arrays:
        if any(picture in lines.labels for picture in batch.paths):
            return matched(lines, batch.paths, name).arrays()
        if batch.condition.settings is None:
            return matched(lines, batch.ids, name).arrays()
        return {}

    return Method(name, read_sha256(path), answer, kept=False)


def baseline_recogniser(name: "BaselineName", runs: Path, config: str) -> Method:
    """A trained plain CNN, `plain`, `plain_occluded` or `judge`; needs torch.

    Raises
    ------
    WeightsError
        If it has not been trained; says how to.
    StaleError
        If it was trained on another teacher than the one in `runs`.
    """
    digest, function = baseline(name, runs, config)
    return function_recogniser(name, digest, function)


def baseline(
    name: "BaselineName", runs: Path, config: str
) -> tuple[str, Callable[[Pixels], NDArray[np.float64]]]:
    """Digest of a trained CNN, and faces (B, 112, 112, 3) uint8 to probabilities (B, 8)."""
    import torch

    from latent_ofer.encoder.train import to_tensor
    from latent_ofer.recogniser.baselines import load_baseline
    from latent_ofer.training.checkpoint import WEIGHTS

    network = load_baseline(name, runs, config)

    def answer(pictures: Pixels) -> Any:
        with torch.inference_mode():
            return network(to_tensor(pictures)).double().softmax(1).numpy()

    return file_sha256(runs / name / WEIGHTS), answer


def python_recogniser(target: str) -> Method:
    """A function named as ``module:function`` or ``file.py:function``.

    It may carry an attribute `digest` (str) that changes with its model; otherwise the digest is
    that of its source file, and a change of weights that it loads is not seen.

    Raises
    ------
    DataError
        If there is no such module, file or function.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise DataError(f"{target}: write module:function or file.py:function")
    module = _loaded(place)
    function = getattr(module, name, None)
    if not callable(function):
        raise DataError(f"{target}: {place} has no function {name}")
    digest = getattr(function, "digest", None)
    if digest is None:
        source = inspect.getsourcefile(module)
        content = Path(source).read_bytes() if source else b""
        digest = hashlib.sha256(content + name.encode()).hexdigest()
    return function_recogniser(f"python:{target}", str(digest), function)


def _loaded(place: str) -> ModuleType:
    """A module or a file, which finds what lies beside it as it does when run by python."""
    path = Path(place)
    folder = str(path.resolve().parent) if path.suffix == ".py" else os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        if path.suffix != ".py":
            return importlib.import_module(place)
        spec = importlib.util.spec_from_file_location(f"recogniser_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module
    except Exception as error:
        raise DataError(f"{place}: cannot be imported ({type(error).__name__}: {error})") from error
