"""Recognisers on chosen faces, condition by condition: read once, scored with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from latent_ofer.datasets.sources import Sources
from latent_ofer.errors import DataError, StaleError, WeightsError
from latent_ofer.evaluation.chosen_faces import ChosenFaces
from latent_ofer.evaluation.comparison import compare
from latent_ofer.evaluation.conditions import Condition, ConditionedFaces, condition
from latent_ofer.evaluation.grouping import Members, groups, occluder_groups
from latent_ofer.evaluation.heat import NETWORK, Heat, heat_of, plain_heat_maps
from latent_ofer.evaluation.predictions import Predictions
from latent_ofer.evaluation.reading import PIPELINE, Entrant, read
from latent_ofer.evaluation.scoring import score
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.synthesis.records import cutouts_sha256


@dataclass(frozen=True)
class Bench:
    """What is the same under every condition.

    Attributes
    ----------
    faces : ChosenFaces
    entrants : sequence of Entrant
    predictions : Path
        Folder in which answers are kept.
    seed : int
        Of the occlusion and of the resamples.
    classes : {8, 7}
    cutouts : sequence of Cutout
    heat : Heat or None
    left_out : mapping of str to str
        Protocol that cannot be made -> what it needs.
    """

    faces: ChosenFaces
    entrants: Sequence[Entrant]
    predictions: Path
    seed: int = 7
    classes: int = 8
    cutouts: Sequence[Cutout] = ()
    heat: Heat | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)

    def conditions(self, names: Sequence[str]) -> list[Condition]:
        """Those of some conditions that can be made.

        Raises
        ------
        DataError
            For a name that is none.
        """
        asked = [condition(name, self.seed) for name in dict.fromkeys(names)]
        return [one for one in asked if one.protocol not in self.left_out]

    def hidden(self, one: Condition) -> ConditionedFaces:
        """The faces under a condition."""
        return ConditionedFaces(self.faces, one, self.cutouts, self.heat)

    def about(self) -> dict[str, Any]:
        """What a report says of how it was made."""
        told = {**self.faces.about, "classes": self.classes}
        present = set(self.faces.labels.tolist())
        absent = [
            name for row, name in enumerate(EXPRESSIONS[: self.classes]) if row not in present
        ]
        if absent:
            told["no faces of"] = f"{', '.join(absent)} (macro recall is over the others)"
        if self.left_out:
            told["left out"] = "; ".join(f"{name}, {why}" for name, why in self.left_out.items())
        return told

    def origins(self) -> dict[str, Any]:
        """Hashes of data and models, for `summary.json`."""
        models = {
            one.name: {"digest": one.recogniser.digest if one.recogniser else None}
            for one in self.entrants
        }
        origins: dict[str, Any] = {
            "data_sha256": dict(self.faces.digests),
            "recognisers": models,
        }
        if self.cutouts:
            origins["occluders_sha256"] = cutouts_sha256(self.cutouts)
        if self.heat is not None:
            origins["grad_cam_network_sha256"] = self.heat.maps.network
        return origins


@dataclass(frozen=True)
class Measured:
    """All that one condition gave.

    Attributes
    ----------
    condition : Condition
    predictions : mapping of str to Predictions
        By entrant.
    scores : mapping of str to dict
        By entrant, from `score`.
    folders : mapping of str to Path
        Where the answers are kept.
    notes : mapping of str to str
        Why an entrant has no answers.
    hidden : float
        Mean share of the pixels that are hidden.
    """

    condition: Condition
    predictions: Mapping[str, Predictions]
    scores: Mapping[str, dict[str, Any]]
    folders: Mapping[str, Path]
    notes: Mapping[str, str]
    hidden: float


def open_bench(
    faces: ChosenFaces,
    entrants: Sequence[Entrant],
    sources: Sources,
    names: Sequence[str],
    *,
    runs: Path,
    predictions: Path,
    config: str = "small",
    seed: int = 7,
    classes: int = 8,
) -> Bench:
    """Get ready what some conditions need; one whose needs are missing is left out, with a note.

    Parameters
    ----------
    faces : ChosenFaces
    entrants : sequence of Entrant
    sources : Sources
        Has the cut-outs.
    names : sequence of str
        Of the conditions.
    runs, config
        Where the plain CNN was trained, and with which recipe.
    predictions : Path
        Folder in which answers are kept.
    seed : int
    classes : {8, 7}

    Raises
    ------
    DataError
        For a condition that does not exist.
    """
    wanted = {condition(name, seed).protocol for name in names}
    left_out: dict[str, str] = {}
    cutouts: list[Cutout] = []
    heat = None
    if "objects" in wanted:
        try:
            cutouts = sources.cutouts("val")
        except DataError as error:
            left_out["objects"] = str(error)
    if "grad-cam" in wanted:
        try:
            heat = heat_for(faces, runs, config, sources.cache)
        except DataError as error:
            left_out["grad-cam"] = str(error)
    return Bench(faces, entrants, predictions, seed, classes, cutouts, heat, left_out)


def heat_for(faces: ChosenFaces, runs: Path, config: str, folder: Path) -> Heat:
    """Where the plain CNN looks.

    Raises
    ------
    DataError
        Where there is no plain CNN: in a few words what to do.
    """
    try:
        maps = plain_heat_maps(runs, config)
    except StaleError as error:
        raise DataError(f"the plain CNN is out of date: {error}") from error
    except WeightsError as error:
        what = f"the plain CNN is not trained: latent-ofer train {NETWORK} --data DIR"
        raise DataError(what) from error
    except ImportError as error:
        what = f'needs {error.name}: pip install "latent-ofer[train]"'
        raise DataError(what) from error
    return heat_of(faces, maps, folder)


def measure(bench: Bench, one: Condition) -> Measured:
    """Read and score the faces under one condition; what was read before is not read again.

    Raises
    ------
    DataError
        If a recogniser's answer cannot be used, or no face has one of the classes.
    """
    faces = bench.hidden(one)
    answers = read(bench.entrants, faces, bench.predictions)
    members: Members = groups(bench.faces.tags)
    hidden = one.share / 100
    if one.settings is None:
        members |= real_occluder_groups(bench.faces)
    elif not one.share:
        made = [faces.made(row) for row in range(len(faces))]
        coverage = np.array([each.covered.mean() for each in made])
        hidden = float(coverage.mean())
        if one.protocol in ("objects", "procedural"):
            members |= occluder_groups([each.category for each in made], coverage)
    scores = {
        name: score(
            predictions,
            bench.faces.labels,
            members,
            # The same generator for all: every recogniser meets the same resamples.
            rng=np.random.default_rng(bench.seed),
            classes=bench.classes,
            people=bench.faces.people,
        )
        for name, predictions in answers.predictions.items()
    }
    return Measured(one, answers.predictions, scores, answers.folders, answers.notes, hidden)


def real_occluder_groups(faces: ChosenFaces) -> Members:
    """What really hides faces, where a list or a set says so."""
    kinds = [tags.get("occlusion", tags.get("kind", "")) for tags in faces.tags]
    return occluder_groups([f"type {kind}" if kind.isdigit() else kind for kind in kinds])


def differences(bench: Bench, found: Measured, first: str = PIPELINE) -> dict[str, dict[str, Any]]:
    """`first` less each of the others on the same faces, paired; empty where it took no part."""
    if first not in found.predictions:
        return {}
    return {
        name: compare(
            found.predictions[first],
            predictions,
            bench.faces.labels,
            rng=np.random.default_rng(bench.seed),
            classes=bench.classes,
            people=bench.faces.people,
        )
        for name, predictions in found.predictions.items()
        if name != first
    }


def labels_text(faces: ChosenFaces) -> str:
    """Lines ``path<TAB>label[<TAB>person]``, as `latent-ofer compare --labels` takes them."""
    people = faces.people or [""] * len(faces)
    lines = ["path\tlabel"]
    for face, label, person in zip(faces.ids, faces.labels, people, strict=True):
        lines.append("\t".join([face, EXPRESSIONS[label], *([person] if person else [])]))
    return "\n".join(lines) + "\n"


def note_of(entrant: Entrant, found: Sequence[Measured]) -> str:
    """What a row must say: why figures are missing, or which faces could not be right."""
    notes = [one.notes[entrant.name] for one in found if entrant.name in one.notes][:1]
    for one in found:
        if entrant.name not in one.scores:
            continue
        score, knows = one.scores[entrant.name], one.predictions[entrant.name].knows
        if score["n_missing"]:
            notes.append(f"{score['n_missing']} of {score['n']} faces without an answer are wrong")
        if len(knows) < score["classes"]:
            notes.append("does not know contempt, whose faces are wrong")
        break
    return "; ".join(notes)
