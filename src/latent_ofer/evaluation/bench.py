"""Chosen faces, and what methods answer under every condition: read once, scored as often."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from latent_ofer.datasets.covers import COVERS
from latent_ofer.datasets.sources import Sources
from latent_ofer.errors import DataError
from latent_ofer.evaluation.answers import Arrays, Method, opened, read
from latent_ofer.evaluation.bootstrap import Intervals
from latent_ofer.evaluation.comparison import compare
from latent_ofer.evaluation.conditions import (
    COVERED,
    Batch,
    Condition,
    Heat,
    HiddenFaces,
    condition,
)
from latent_ofer.evaluation.faces import ChosenFaces
from latent_ofer.evaluation.grouping import (
    REALLY_COVERED,
    Members,
    cover_groups,
    groups,
    occluder_groups,
)
from latent_ofer.evaluation.heat import HEAT, NETWORK, heat_method
from latent_ofer.evaluation.predictions import Predictions
from latent_ofer.evaluation.recognisers import PIPELINE
from latent_ofer.evaluation.scoring import score
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.synthesis.records import cutouts_sha256

TRUTH = Method("truth", "1", Batch.truth)
"""What hides the faces, kept as the answers are."""


@dataclass(frozen=True)
class Bench:
    """What is the same under every condition.

    Attributes
    ----------
    faces : ChosenFaces
    methods : sequence of Method
        Recognisers.
    store : Path
        Folder in which answers are kept.
    seed : int
        Of the occlusion and of the resamples.
    classes : {8, 7}
    cutouts : sequence of Cutout
    heat : Heat or None
    covered : sequence of int
        Rows of the faces that something really covers.
    left_out : mapping of str to str
        Protocol that cannot be made -> what it needs.
    """

    faces: ChosenFaces
    methods: Sequence[Method]
    store: Path
    seed: int = 7
    classes: int = 8
    cutouts: Sequence[Cutout] = ()
    heat: Heat | None = None
    covered: Sequence[int] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    _made: dict[str, HiddenFaces] = field(default_factory=dict, init=False)

    def conditions(self, names: Sequence[str]) -> list[Condition]:
        """Those of some conditions that can be made.

        Raises
        ------
        DataError
            For a name that is none.
        """
        asked = [condition(name, self.seed) for name in dict.fromkeys(names)]
        missing = set(self.left_out) if self.covered else {COVERED, *self.left_out}
        return [one for one in asked if one.protocol not in missing]

    def hidden(self, one: Condition) -> HiddenFaces:
        """The faces under a condition."""
        if one.name not in self._made:
            self._made[one.name] = HiddenFaces(self.faces, one, self.cutouts, self.heat)
        return self._made[one.name]

    def read(self, method: Method, one: Condition) -> Arrays:
        """What a method answers under a condition, asked once."""
        return read(method, self.hidden(one), self.store)

    def intervals(self) -> Intervals:
        """The same resamples of the faces for whatever is measured on them."""
        return Intervals.of(self.faces.people, self.seed)

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
        origins: dict[str, Any] = {
            "data_sha256": dict(self.faces.digests),
            "methods": {one.name: {"digest": one.digest or None} for one in self.methods},
        }
        if self.cutouts:
            origins["occluders_sha256"] = cutouts_sha256(self.cutouts)
        if self.heat is not None:
            origins["grad_cam_network_sha256"] = self.heat.maps.network
        return origins


def open_bench(
    faces: ChosenFaces,
    methods: Sequence[Method],
    sources: Sources,
    names: Sequence[str],
    *,
    runs: Path,
    config: str = "small",
    seed: int = 7,
    classes: int = 8,
) -> Bench:
    """Get ready what some conditions need; one whose needs are missing is left out, with a note.

    Parameters
    ----------
    faces : ChosenFaces
    methods : sequence of Method
    sources : Sources
        Has the cut-outs.
    names : sequence of str
        Of the conditions.
    runs, config
        Where answers are kept and the plain CNN was trained, and with which recipe.
    seed : int
    classes : {8, 7}

    Raises
    ------
    DataError
        For a condition that does not exist.
    """
    wanted = {condition(name, seed).protocol for name in names}
    left_out: dict[str, str] = {}
    covered: list[int] = []
    if COVERED in wanted:
        known = cover_groups(faces.pool, sources.data / COVERS)
        if REALLY_COVERED in known:
            covered = np.flatnonzero(known[REALLY_COVERED]).tolist()
        else:
            left_out[COVERED] = f"needs {COVERS}, which names faces of this split, beside the data"
    cutouts: list[Cutout] = []
    store, heat = runs / "answers", None
    if "objects" in wanted:
        try:
            cutouts = sources.cutouts("val")
        except DataError as error:
            left_out["objects"] = str(error)
    if "grad-cam" in wanted:
        maps = []

        def looks() -> Method:
            from latent_ofer.recogniser.heat import plain_heat_maps

            maps.append(plain_heat_maps(runs, config))
            return heat_method(maps[0])

        method = opened(HEAT, NETWORK, looks)
        if maps:
            clean = HiddenFaces(faces, condition("clean", seed))
            heat = Heat(maps[0], read(method, clean, store)["heat"])
        else:
            left_out["grad-cam"] = f"the plain CNN is {method.note}"
    return Bench(faces, methods, store, seed, classes, cutouts, heat, covered, left_out)


@dataclass(frozen=True)
class Measured:
    """All that recognisers gave under one condition.

    Attributes
    ----------
    condition : Condition
    faces : ChosenFaces
        All that the bench has, or under "covered" some of them.
    predictions : mapping of str to Predictions
        By method; those that could not take part are left out.
    scores : mapping of str to dict
        By method, from `score`.
    notes : mapping of str to str
        Why a method has no answers.
    hidden : float
        Mean share of the pixels that are hidden.
    """

    condition: Condition
    faces: ChosenFaces
    predictions: Mapping[str, Predictions]
    scores: Mapping[str, dict[str, Any]]
    notes: Mapping[str, str]
    hidden: float


def measure(bench: Bench, one: Condition) -> Measured:
    """Read and score the faces under one condition; what was read before is not read again.

    Raises
    ------
    DataError
        If a recogniser's answer cannot be used, or no face has one of the classes.
    """
    if one.name == COVERED:
        part = replace(bench, faces=bench.faces.take(np.array(bench.covered, dtype=np.int64)))
        return replace(measure(part, condition("clean", bench.seed)), condition=one)
    faces, people = bench.faces, bench.faces.people
    notes, predictions = {}, {}
    for method in bench.methods:
        arrays = bench.read(method, one) if method.answer is not None else {}
        if arrays:
            predictions[method.name] = Predictions.from_arrays(
                method.name, faces.ids, arrays, method.column
            )
        else:
            lacking = f"has no answers for paths such as {bench.hidden(one).paths[0]}"
            notes[method.name] = method.note or lacking
    members, hidden = groups_of(bench, one)
    scores = {
        name: score(
            given,
            faces.labels,
            members,
            # The same generator for all: every recogniser meets the same resamples.
            rng=np.random.default_rng(bench.seed),
            classes=bench.classes,
            people=people,
        )
        for name, given in predictions.items()
    }
    return Measured(one, faces, predictions, scores, notes, hidden)


def groups_of(bench: Bench, one: Condition) -> tuple[Members, float]:
    """Groups of people and of what hides them under a condition, and the mean hidden share."""
    members: Members = groups(bench.faces.tags)
    if one.settings is None:
        kinds = [tags.get("occlusion", tags.get("kind", "")) for tags in bench.faces.tags]
        kinds = [f"type {kind}" if kind.isdigit() else kind for kind in kinds]
        return members | occluder_groups(kinds), 0.0
    if one.share:
        return members, one.share / 100
    truth = bench.read(TRUTH, one)
    if one.protocol in ("objects", "procedural"):
        members |= occluder_groups(truth["category"].tolist(), truth["coverage"])
    return members, float(truth["coverage"].mean())


def differences(bench: Bench, found: Measured, first: str = PIPELINE) -> dict[str, dict[str, Any]]:
    """`first` less each of the others on the same faces, paired; empty where it took no part."""
    if first not in found.predictions:
        return {}
    return {
        name: compare(
            found.predictions[first],
            predictions,
            found.faces.labels,
            rng=np.random.default_rng(bench.seed),
            classes=bench.classes,
            people=found.faces.people,
        )
        for name, predictions in found.predictions.items()
        if name != first
    }


def note_of(method: Method, found: Sequence[Measured]) -> str:
    """What a row must say: why figures are missing, or which faces could not be right."""
    notes = [one.notes[method.name] for one in found if method.name in one.notes][:1]
    for one in found:
        if method.name not in one.scores:
            continue
        score, knows = one.scores[method.name], one.predictions[method.name].knows
        if score["n_missing"]:
            notes.append(f"{score['n_missing']} of {score['n']} faces without an answer are wrong")
        if len(knows) < score["classes"]:
            notes.append("does not know contempt, whose faces are wrong")
        break
    return "; ".join(notes)
