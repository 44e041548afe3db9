"""Everything that `latent-ofer evaluate` measures, by name, from one set of options.

The paper's tables, and what only they need, are in `benchmarks/`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from latent_ofer.backends.choose import BackendName
from latent_ofer.datasets.archives import read_faces, read_ferplus
from latent_ofer.datasets.covers import COVERS, read_covers, read_outlines, validation_outlines
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.prepare import Split
from latent_ofer.datasets.registry import open_set
from latent_ofer.datasets.sources import NamedSet, Sources
from latent_ofer.errors import DataError
from latent_ofer.evaluation import headline
from latent_ofer.evaluation.answers import Method
from latent_ofer.evaluation.bench import Bench, open_bench
from latent_ofer.evaluation.conditions import CONDITIONS, COVERED
from latent_ofer.evaluation.detection_report import detection_report
from latent_ofer.evaluation.detectors import shipped_detector
from latent_ofer.evaluation.faces import (
    SPLITS,
    ChosenFaces,
    choose_faces,
    choose_kinds,
    choose_listed,
    subset,
)
from latent_ofer.evaluation.real_covers import evaluate_real_covers
from latent_ofer.evaluation.recogniser_tables import (
    RecogniserTable,
    evaluate_recognisers,
    occlusion_table,
)
from latent_ofer.evaluation.recognisers import PIPELINE, open_recognisers
from latent_ofer.evaluation.report import Table
from latent_ofer.pipeline import LatentOFER
from latent_ofer.weights_folder import SHIPPED, DetectorName, RecogniserName, WeightsFolder


@dataclass(frozen=True)
class Asked:
    """What a user asks for; what he leaves out is the measurement's own.

    Attributes
    ----------
    data : Path
        Folder of the archives.
    sets : tuple of NamedSet
        In place of them.
    occluders : Path or None
        Cut-outs in place of the archive's.
    split : str or None
    list_file : Path or None
        Only the faces that this list names, whatever their split; a table of covers.
    limit : int or None
        Faces, of each kind where kinds are told apart; 0 takes all.
    seed : int
        Of the subset, the occlusion and the resamples.
    classes : {8, 7} or None
    recognisers, conditions : tuple of str
    pictures, outlines : Path or None
    runs : Path
        Folder of trained networks, answers and decoded data.
    config : str
        Recipes of the networks in `runs`.
    weights : Path or None
    backend, detector, reads : str
        Of the pipeline; `reads` is its recogniser.
    threads : int or None
    workers : int
    output : Path or None
        Folder of the report.
    """

    data: Path = Path()
    sets: tuple[NamedSet, ...] = ()
    occluders: Path | None = None
    split: Split | None = None
    list_file: Path | None = None
    limit: int | None = None
    seed: int = 7
    classes: int | None = None
    recognisers: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    pictures: Path | None = None
    outlines: Path | None = None
    runs: Path = Path("runs")
    config: str = "small"
    weights: Path | None = None
    backend: BackendName = "auto"
    detector: DetectorName = "default"
    reads: RecogniserName = "default"
    threads: int | None = None
    workers: int = 1
    output: Path | None = None

    @property
    def of_split(self) -> Split:
        """Validation faces unless told otherwise."""
        return self.split or "val"

    @property
    def faces(self) -> int | None:
        """How many; None takes all."""
        return self.limit or None

    @cached_property
    def sources(self) -> Sources:
        """Where faces and cut-outs come from."""
        return Sources(self.data, self.runs / "cache", self.sets, self.occluders, self.workers)

    @cached_property
    def folder(self) -> WeightsFolder:
        """Of the weights."""
        return WeightsFolder.open(self.weights or SHIPPED)

    @cached_property
    def named(self) -> tuple[str, str]:
        """Detector and recogniser of the pipeline, by the names that the weights have for them."""
        return self.folder.detector(self.detector), self.folder.recogniser(self.reads)

    @cached_property
    def model(self) -> LatentOFER:
        """The pipeline."""
        how = (self.backend, "auto", self.threads, self.detector, self.reads)
        return LatentOFER.from_pretrained(self.weights, *how)

    def methods(self, names: Sequence[str]) -> list[Method]:
        """Recognisers by name."""
        pipeline = lambda: (self.model, self.folder, *self.named)  # noqa: E731
        return open_recognisers(names, pipeline, self.runs, self.config)

    def bench(
        self, faces: ChosenFaces, methods: Sequence[Method], conditions: Sequence[str]
    ) -> Bench:
        """Some faces, ready to be measured."""
        return open_bench(
            faces,
            methods,
            self.sources,
            conditions,
            runs=self.runs,
            config=self.config,
            seed=self.seed,
            classes=self.classes or 8,
        )

    def labelled(self) -> ChosenFaces:
        """Faces of the split that have a label, or those of the list.

        Raises
        ------
        DataError
            When a list goes without exactly one set, or data are missing or broken.
        """
        if self.list_file is None:
            return choose_faces(self.sources, self.of_split, self.faces, self.seed)
        if len(self.sets) != 1:
            raise DataError("--list goes with one --set NAME=PATH, the data set that it is of.")
        listing = open_set(self.sets[0].name, self.sets[0].path, self.sets[0].codes)
        return choose_listed(listing, self.list_file, self.sources.cache, self.faces, self.seed)

    def kinds(self, conditions: Sequence[str]) -> dict[str, Bench]:
        """A bench of the colour faces of the split, and one of the grey ones.

        Raises
        ------
        DataError
            When data are missing or broken, the cut-outs among them.
        """
        kinds = choose_kinds(self.sources, self.of_split, self.faces, self.seed)
        return {kind: whole(self.bench(faces, [], conditions)) for kind, faces in kinds.items()}

    def report(self, name: str) -> Path:
        """Folder of a report."""
        return self.output or self.runs / "reports" / name


Result = Table | dict[str, Any] | None


@dataclass(frozen=True)
class Measurement:
    """One thing that can be measured.

    Attributes
    ----------
    run : callable
        Gives a table, whose report is written, or figures by name; or writes all by itself.
    takes : frozenset of str
        Which options matter to it, besides those that matter to all.
    limit : int or None
        Faces that it takes unless told otherwise; 0 for all.
    """

    run: Callable[[Asked], Result]
    takes: frozenset[str]
    limit: int | None = 0

    def __call__(self, asked: Asked) -> Result:
        """Measure what was asked for."""
        return self.run(replace(asked, limit=self.limit) if asked.limit is None else asked)


def whole(bench: Bench) -> Bench:
    """A bench under whose conditions all faces can be put.

    Raises
    ------
    DataError
        When one needs what is missing.
    """
    for why in bench.left_out.values():
        raise DataError(why)
    return bench


def recognisers(spec: RecogniserTable, adds: bool, asked: Asked) -> Table:
    """A table of recognisers; those of the user come on top, or in place of the usual ones."""
    usual = [] if asked.recognisers and not adds else spec.methods
    # First, so that a misspelt name costs no waiting.
    methods = asked.methods([*usual, *asked.recognisers])
    classes = asked.classes or spec.classes
    bench = replace(asked, classes=classes).bench(asked.labelled(), methods, spec.measured)
    if asked.pictures is not None:
        for one in bench.conditions([name for name in spec.measured if name != COVERED]):
            bench.hidden(one).write_pictures(asked.pictures)
    return evaluate_recognisers(spec, bench, asked.report(spec.name))


def _occlusion(asked: Asked) -> Table:
    return recognisers(occlusion_table(asked.conditions or CONDITIONS), False, asked)


def _recognition(asked: Asked) -> dict[str, Any]:
    """Of the archives' validation faces, or of the test faces of a set."""
    asked = replace(asked, split=asked.split or ("test" if asked.sets else "val"))
    methods = asked.methods(headline.RECOGNISERS)
    bench = whole(asked.bench(asked.labelled(), methods, headline.CONDITIONS))
    about: dict[str, Any] = {"figure": "recognition", "detector": asked.named[0]}
    if asked.sets:
        about |= {"set": str(asked.sources), "split": asked.of_split}
        about["prepared"] = bench.faces.about["prepared"]
        return {**about, **headline.recognition_report(bench)}
    about |= {"split": SPLITS.get(asked.of_split, asked.of_split), "rule": "majority"}
    report = {**about, **headline.recognition_report(bench)}
    aligned = read_faces(asked.data, asked.of_split, asked.sources.cache)
    photos = headline.of_other_source(FacePool([aligned]))
    if len(photos):
        digests, split = asked.sources.digests("faces"), {"split": report["split"]}
        faces = ChosenFaces(subset(photos, asked.faces, asked.seed), digests, split)
        report["other_source"] = headline.other_source(asked.bench(faces, methods, ("clean",)))
    return report


def _detection(asked: Asked) -> dict[str, Any]:
    name = asked.named[0]
    detector = shipped_detector(name, asked.folder, asked.backend, asked.threads)
    about = {"figure": "detection", "detector": name, "seed": asked.seed, "split": asked.of_split}
    benches = asked.kinds(("clean", "objects"))
    return {**about, **detection_report(benches, detector, asked.data / COVERS)}


def _real_occlusion(asked: Asked) -> dict[str, Any]:
    split: Any = asked.of_split
    if asked.recognisers:
        asked = replace(asked, reads=asked.recognisers[0])  # type: ignore[arg-type]
    covers = read_covers(asked.list_file or asked.data / COVERS, {"val": "valid"}.get(split, split))
    outlined = read_outlines(asked.outlines) if asked.outlines else validation_outlines()
    ferplus = read_ferplus(asked.data, split, asked.sources.cache)
    pool = FacePool([ferplus])
    named = np.array([row for row, key in enumerate(pool.keys) if key in covers], dtype=np.int64)
    pool = subset(pool.take(named), asked.faces, asked.seed)
    if not len(pool):
        raise DataError("The list names no face of this split.")
    faces = ChosenFaces(pool, asked.sources.digests("labels"), {"split": split})
    (pipeline,) = asked.methods([PIPELINE])
    about: dict[str, Any] = {"figure": "real-occlusion", "split": split, "seed": asked.seed}
    about |= dict(zip(("detector", "recogniser"), asked.named, strict=True))
    bench = asked.bench(faces, [], ("clean",))
    return {**about, **evaluate_real_covers(bench, pipeline, covers, outlined)}


FACES: Final = frozenset({"sets", "split", "occluders"})
LISTED: Final = frozenset({"sets", "list_file", "recogniser", "classes", "detector", "config"})
READ: Final = LISTED | {"split", "occluders"}
_OF_COVERS: Final = frozenset({"list_file", "split", "outlines", "detector", "recogniser"})
MEASUREMENTS: Final[Mapping[str, Measurement]] = {
    "occlusion": Measurement(_occlusion, READ | {"conditions", "pictures"}, 500),
    "detection": Measurement(_detection, frozenset({"detector"})),
    "recognition": Measurement(_recognition, FACES | {"detector", "workers"}),
    "real-occlusion": Measurement(_real_occlusion, _OF_COVERS),
}
