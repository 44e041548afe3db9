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
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_ofer.backends.choose import BackendName
from latent_ofer.errors import DataError, LatentOFERError
from latent_ofer.evaluation.command_recogniser import CommandRecogniser
from latent_ofer.evaluation.prediction_lines import (
    PredictionLines,
    label_of,
    matched,
    read_prediction_file,
)
from latent_ofer.evaluation.predictions import Pixels, Predictions, Recogniser
from latent_ofer.pipeline import BATCH, LatentOFER
from latent_ofer.weights_folder import SHIPPED, DetectorName, WeightsFolder

if TYPE_CHECKING:
    from latent_ofer.recogniser.baselines import BaselineName

BASELINES: "tuple[BaselineName, ...]" = ("plain", "plain_occluded", "judge")


@dataclass(frozen=True)
class FunctionRecogniser:
    """A function of pictures.

    Attributes
    ----------
    name, digest : str
    function : callable
        (B, 112, 112, 3) uint8 RGB -> probabilities (B, 8) in the order of `EXPRESSIONS`, or
        (B, 7) without contempt, or B words such as "happy". Codes are refused: they mean
        something else in every data set.
    batch_size : int
    """

    name: str
    digest: str
    function: Callable[[Pixels], Any]
    batch_size: int = BATCH
    reads_pictures: bool = True

    def __call__(self, pictures: Pixels, ids: Sequence[str]) -> Predictions:
        """Ask the function.

        Raises
        ------
        DataError
            If it fails, or its answer has another shape, type or sum.
        """
        try:
            answer = np.asarray(self.function(pictures))
        except LatentOFERError:
            raise
        except Exception as error:
            raise DataError(f"{self.name}: failed ({type(error).__name__}: {error})") from error
        if answer.ndim == 1 and answer.dtype.kind in "UO":
            if len(answer) != len(ids):
                raise DataError(f"{self.name}: {len(answer)} labels for {len(ids)} faces")
            labels = np.array([label_of(str(word), self.name) for word in answer], dtype=np.int64)
            return Predictions(self.name, list(ids), labels, None)
        if answer.ndim != 2 or answer.dtype.kind not in "fiu":
            raise DataError(
                f"{self.name}: answered {answer.dtype} {answer.shape}; it must give "
                "probabilities (B, 8) or (B, 7), or B words such as 'happy'"
            )
        return Predictions.from_probabilities(self.name, ids, answer)


@dataclass(frozen=True)
class FileRecogniser:
    """Answers that lie in a file already, a line a face: see `prediction_lines`."""

    name: str
    digest: str
    lines: PredictionLines
    batch_size: int = sys.maxsize
    reads_pictures: bool = False

    @classmethod
    def open(cls, path: Path) -> "FileRecogniser":
        """Read the file.

        Raises
        ------
        DataError
            If it cannot be read, naming the line.
        """
        lines = read_prediction_file(path)
        return cls(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), lines)

    def __call__(self, pictures: Pixels, ids: Sequence[str]) -> Predictions:
        """Look the faces up; `pictures` is not used."""
        return matched(self.lines, ids, self.name)


def open_recogniser(
    text: str,
    *,
    weights: Path | None = None,
    backend: BackendName = "auto",
    detector: DetectorName = "default",
    threads: int | None = None,
    runs: Path = Path("runs"),
    config: str = "small",
) -> Recogniser:
    """The recogniser that a word of the command line names.

    Parameters
    ----------
    text : str
        ``pipeline``, ``pipeline-unrepaired``, ``plain``, ``plain_occluded``, ``judge``,
        ``python:module:function``, ``python:file.py:function``, ``file:predictions.tsv`` or
        ``command:my-tool --option``.
    weights, backend, detector, threads
        Of the pipeline, as `LatentOFER.from_pretrained` takes them.
    runs, config
        Where baselines were trained, and with which recipes.

    Raises
    ------
    DataError
        If it names none, or what it names cannot be used.
    WeightsError
        If the weights are missing or altered.
    """
    door, _, rest = text.partition(":")
    if text in ("pipeline", "pipeline-unrepaired"):
        model = LatentOFER.from_pretrained(weights, backend, threads=threads, detector=detector)
        folder = WeightsFolder.open(weights or SHIPPED)
        return pipeline_recogniser(model, folder, detector, repaired=text == "pipeline")
    for name in BASELINES:
        if text == name:
            return baseline_recogniser(name, runs, config)
    if door == "python" and rest:
        return python_recogniser(rest)
    if door == "file" and rest:
        return FileRecogniser.open(Path(rest))
    if door == "command" and rest:
        return CommandRecogniser(rest)
    raise DataError(
        f"{text!r} is no recogniser; write pipeline, pipeline-unrepaired, {', '.join(BASELINES)}, "
        "python:module:function, python:file.py:function, file:predictions.tsv or command:my-tool"
    )


def pipeline_recogniser(
    model: LatentOFER, weights: WeightsFolder, detector: str, *, repaired: bool
) -> FunctionRecogniser:
    """The pipeline's answers after repair, or those of its recogniser on the face as it came.

    Parameters
    ----------
    model : LatentOFER
    weights : WeightsFolder
        The folder that the model was loaded from.
    detector : str
        Its detector, as `WeightsFolder.detector` takes it.
    repaired : bool
    """
    manifest, found_by = weights.manifest, weights.detector(detector)
    made_of = [manifest["files"], manifest["thresholds"], found_by if repaired else None]

    def after(pictures: Pixels) -> Any:
        faces = model.predict(list(pictures), crops=True, batch_size=len(pictures))
        return [list(face.probabilities.values()) for (face,) in faces]

    def before(pictures: Pixels) -> Any:
        return [list(face.probabilities.values()) for face in model.recognise(pictures)]

    name = "pipeline" if repaired else "pipeline-unrepaired"
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    return FunctionRecogniser(name, digest, after if repaired else before)


def baseline_recogniser(name: "BaselineName", runs: Path, config: str) -> FunctionRecogniser:
    """A trained plain CNN, `plain`, `plain_occluded` or `judge`; needs torch.

    Raises
    ------
    WeightsError
        If it has not been trained; says how to.
    StaleError
        If it was trained on another teacher than the one in `runs`.
    """
    import torch

    from latent_ofer.datasets.archives import file_sha256
    from latent_ofer.encoder.train import to_tensor
    from latent_ofer.recogniser.baselines import load_baseline
    from latent_ofer.training.checkpoint import WEIGHTS

    network = load_baseline(name, runs, config)

    def answer(pictures: Pixels) -> Any:
        with torch.inference_mode():
            return network(to_tensor(pictures)).double().softmax(1).numpy()

    return FunctionRecogniser(name, file_sha256(runs / name / WEIGHTS), answer)


def python_recogniser(target: str) -> FunctionRecogniser:
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
    return FunctionRecogniser(target, str(digest), function)


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
