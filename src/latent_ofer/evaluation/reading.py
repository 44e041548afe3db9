"""Who is measured, and reading faces with each of them once: answers are kept in a folder."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from latent_ofer.backends.choose import BackendName
from latent_ofer.errors import StaleError, WeightsError
from latent_ofer.evaluation.conditions import ConditionedFaces
from latent_ofer.evaluation.prediction_cache import PredictionCache, cache_key, predict_missing
from latent_ofer.evaluation.predictions import Pixels, Predictions, Recogniser
from latent_ofer.evaluation.recognisers import (
    BASELINES,
    FileRecogniser,
    open_recogniser,
    pipeline_recogniser,
)
from latent_ofer.pipeline import LatentOFER
from latent_ofer.weights_folder import SHIPPED, DetectorName, WeightsFolder

PIPELINE = "pipeline"
UNREPAIRED = "pipeline-unrepaired"


@dataclass(frozen=True)
class Entrant:
    """One recogniser of a table.

    Attributes
    ----------
    name : str
        As the user gave it.
    recogniser : Recogniser or None
        None where it cannot take part.
    note : str
        Why not, and what to do.
    model : LatentOFER or None
        Of the pipeline: gives its answers before and after repair from one pass.
    """

    name: str
    recogniser: Recogniser | None
    note: str = ""
    model: LatentOFER | None = None


def open_entrants(
    names: Sequence[str],
    *,
    weights: Path | None = None,
    backend: BackendName = "auto",
    detector: DetectorName = "default",
    threads: int | None = None,
    runs: Path = Path("runs"),
    config: str = "small",
) -> list[Entrant]:
    """Open recognisers by name, each once; a baseline that is not trained becomes a note.

    Parameters
    ----------
    names : sequence of str
        As `open_recogniser` takes them.
    weights, backend, detector, threads, runs, config
        As for `open_recogniser`.

    Raises
    ------
    DataError
        If a name means nothing, or what it names cannot be used.
    WeightsError
        If the pipeline's weights are missing or altered.
    """
    model = None
    if PIPELINE in names or UNREPAIRED in names:
        model = LatentOFER.from_pretrained(weights, backend, threads=threads, detector=detector)
    entrants = []
    for name in dict.fromkeys(names):
        if model is not None and name in (PIPELINE, UNREPAIRED):
            folder = WeightsFolder.open(weights or SHIPPED)
            repaired = name == PIPELINE
            recogniser = pipeline_recogniser(model, folder, detector, repaired=repaired)
            entrants.append(Entrant(name, recogniser, model=model))
        elif name in BASELINES:
            entrants.append(_baseline(name, runs, config))
        else:
            entrants.append(Entrant(name, open_recogniser(name)))
    return entrants


def _baseline(name: str, runs: Path, config: str) -> Entrant:
    try:
        return Entrant(name, open_recogniser(name, runs=runs, config=config))
    except StaleError as error:
        return Entrant(name, None, f"out of date: {error}")
    except WeightsError:
        return Entrant(name, None, f"not trained: latent-ofer train {name} --data DIR")
    except ImportError as error:
        return Entrant(name, None, f'needs {error.name}: pip install "latent-ofer[train]"')


@dataclass(frozen=True)
class Answers:
    """What the entrants answered under one condition.

    Attributes
    ----------
    predictions : mapping of str to Predictions
        By entrant; those that could not take part are left out.
    folders : mapping of str to Path
        Where the answers are kept.
    notes : mapping of str to str
        Why an entrant is left out.
    """

    predictions: Mapping[str, Predictions]
    folders: Mapping[str, Path]
    notes: Mapping[str, str]


def read(entrants: Sequence[Entrant], faces: ConditionedFaces, folder: Path) -> Answers:
    """Ask every entrant for what it has not answered yet.

    The pipeline's answers before repair come from the same pass as those after it. A file of
    predictions tells by paths such as ``objects/ferplus/fer1.png`` (`ConditionedFaces.paths`)
    which condition its answers are for; without such paths they are for the clean faces.

    Parameters
    ----------
    entrants : sequence of Entrant
    faces : ConditionedFaces
    folder : Path
        Of all predictions; each recogniser and condition gets a folder in it.

    Raises
    ------
    DataError
        If a recogniser's answer cannot be used. What was answered before is kept.
    """
    able = [entrant for entrant in entrants if entrant.recogniser is not None]
    notes = {entrant.name: entrant.note for entrant in entrants if entrant.recogniser is None}
    caches = {entrant.name: _cache(entrant, faces, folder) for entrant in able}
    predictions = {}
    # The pipeline goes first: what it answers before repair need not be asked for again.
    for entrant in sorted(able, key=lambda one: one.name != PIPELINE):
        cache, recogniser = caches[entrant.name], entrant.recogniser
        assert recogniser is not None
        ids = list(faces.faces.ids)
        if isinstance(recogniser, FileRecogniser):
            paths = _paths_in(recogniser, faces)
            if paths is None:
                notes[entrant.name] = f"has no answers for paths such as {faces.paths[0]}"
                continue
            ids = paths
        if entrant.name == PIPELINE and UNREPAIRED in caches and entrant.model is not None:
            recogniser = _WithBefore(recogniser, entrant.model, caches[UNREPAIRED])
        found = predict_missing(cache, ids, faces, recogniser)
        predictions[entrant.name] = replace(found, recogniser=entrant.name, ids=faces.faces.ids)
    ordered = {one.name: predictions[one.name] for one in able if one.name in predictions}
    return Answers(ordered, {name: caches[name].folder for name in ordered}, notes)


@dataclass(frozen=True)
class _WithBefore:
    """The pipeline, whose answers before repair go into another cache as it reads."""

    recogniser: Recogniser
    model: LatentOFER
    before: PredictionCache

    @property
    def name(self) -> str:
        return self.recogniser.name

    @property
    def digest(self) -> str:
        return self.recogniser.digest

    @property
    def batch_size(self) -> int:
        return self.recogniser.batch_size

    @property
    def reads_pictures(self) -> bool:
        return True

    def __call__(self, pictures: Pixels, ids: Sequence[str]) -> Predictions:
        faces = self.model.predict(list(pictures), crops=True, batch_size=len(pictures))
        before, after = (
            np.array([list(one.probabilities.values()) for one in ones])
            for ones in ([face.before for (face,) in faces], [face for (face,) in faces])
        )
        self.before.add(Predictions.from_probabilities(UNREPAIRED, ids, before))
        return Predictions.from_probabilities(self.name, ids, after)


def _cache(entrant: Entrant, faces: ConditionedFaces, folder: Path) -> PredictionCache:
    assert entrant.recogniser is not None
    key: dict[str, Any] = cache_key(
        entrant.recogniser,
        faces.faces.digest,
        condition=faces.key,
        split=str(faces.faces.about["split"]),
    )
    digest = hashlib.sha256("\n".join(f"{k}={v}" for k, v in sorted(key.items())).encode())
    place = f"{faces.condition.name}-{digest.hexdigest()[:12]}"
    return PredictionCache(folder / file_name(entrant.name) / place, key)


def file_name(name: str) -> str:
    """A recogniser's name as part of the name of a file or folder."""
    return re.sub(r"[^\w.-]+", "_", name)[:60]


def _paths_in(recogniser: FileRecogniser, faces: ConditionedFaces) -> list[str] | None:
    """Ids to look up in a file; None where it has nothing for this condition."""
    paths = faces.paths
    if any(path in recogniser.lines.labels for path in paths):
        return paths
    return list(faces.faces.ids) if faces.condition.settings is None else None
