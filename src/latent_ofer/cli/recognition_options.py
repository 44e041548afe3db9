"""Options of the commands that measure recognisers, and opening what they name."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from latent_ofer.backends.choose import BackendName
from latent_ofer.cli.options import named_sets
from latent_ofer.cli.output import say
from latent_ofer.errors import DataError
from latent_ofer.weights_folder import DetectorName

if TYPE_CHECKING:
    from latent_ofer.datasets.sources import Sources
    from latent_ofer.evaluation.chosen_faces import ChosenFaces
    from latent_ofer.evaluation.reading import Entrant
    from latent_ofer.evaluation.recognition_bench import Bench
    from latent_ofer.evaluation.report import Table

RUNS = Path("runs")

DOORS = (
    "pipeline, pipeline-unrepaired, plain, plain_occluded, judge, python:module:function, "
    "python:file.py:function, file:predictions.tsv or command:my-tool"
)
Recognisers = Annotated[
    list[str] | None,
    typer.Option(
        "--recogniser",
        metavar="R",
        help=f"Who is measured in place of the usual ones: {DOORS}. Repeat it for several.",
    ),
]
MoreRecognisers = Annotated[
    list[str] | None,
    typer.Option(
        "--recogniser",
        metavar="R",
        help=f"Who else is measured: {DOORS}. Repeat it for several.",
    ),
]
Split = Annotated[
    Literal["train", "dev", "val", "test"],
    typer.Option(help="Which faces; test is never taken unless you say so."),
]
ListFile = Annotated[
    Path | None,
    typer.Option(
        "--list",
        metavar="FILE",
        help="Only the faces that this list of occluded or turned faces names, whatever their "
        "split; goes with one --set.",
    ),
]
Classes = Annotated[
    int, typer.Option(min=7, max=8, help="8 expressions, or 7: contempt dropped everywhere.")
]
Limit = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help="How many faces, the same ones on any machine; 0 takes all. A larger number keeps "
        "the faces of a smaller one, and nothing is read twice.",
    ),
]
Seed = Annotated[int, typer.Option(help="Of the subset, the occlusion and the resamples.")]
Config = Annotated[
    str, typer.Option(help="Recipes of the networks in RUNS: `small`, or a folder of your own.")
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="DIR", help="Folder of the report; RUNS/reports/NAME by default."
    ),
]


@dataclass(frozen=True)
class Engine:
    """How the pipeline runs, and where trained networks lie."""

    runs: Path
    config: str
    weights: Path | None
    backend: BackendName
    detector: DetectorName
    threads: int | None

    @property
    def predictions(self) -> Path:
        """Folder of all answers."""
        return self.runs / "predictions"

    def entrants(self, names: Sequence[str]) -> "list[Entrant]":
        """Open recognisers by name."""
        from latent_ofer.evaluation.reading import open_entrants

        return open_entrants(
            names,
            weights=self.weights,
            backend=self.backend,
            detector=self.detector,
            threads=self.threads,
            runs=self.runs,
            config=self.config,
        )


@dataclass(frozen=True)
class Wanted:
    """Which faces are measured, and how."""

    data: Path
    sets: list[str] | None
    codes: list[str] | None
    split: Literal["train", "dev", "val", "test"]
    list_file: Path | None
    occluders: Path | None
    limit: int
    seed: int
    classes: int

    def bench(
        self, engine: Engine, recognisers: Sequence[str], conditions: Sequence[str]
    ) -> "Bench":
        """Everything ready to be measured.

        Raises
        ------
        DataError
            When --list goes without exactly one --set, or data are missing or broken.
        """
        from latent_ofer.datasets.sources import Sources
        from latent_ofer.evaluation.recognition_bench import open_bench

        sources = Sources(
            self.data, engine.runs / "cache", named_sets(self.sets, self.codes), self.occluders
        )
        # First, so that a misspelt name costs no waiting.
        entrants = engine.entrants(recognisers)
        return open_bench(
            self.faces(sources),
            entrants,
            sources,
            conditions,
            runs=engine.runs,
            predictions=engine.predictions,
            config=engine.config,
            seed=self.seed,
            classes=self.classes,
        )

    def faces(self, sources: "Sources") -> "ChosenFaces":
        """The faces of the split, or those of the list."""
        from latent_ofer.datasets.registry import open_set
        from latent_ofer.evaluation.chosen_faces import choose_faces, choose_listed

        limit = self.limit or None
        if self.list_file is None:
            return choose_faces(sources, self.split, limit, self.seed)
        if len(sources.sets) != 1:
            raise DataError("--list goes with one --set NAME=PATH, the data set that it is of.")
        (one,) = sources.sets
        listing = open_set(one.name, one.path, one.codes)
        return choose_listed(listing, self.list_file, sources.cache, limit, self.seed)


@contextmanager
def needing_evaluation() -> Iterator[None]:
    """Say what to install where a library of the evaluation is missing."""
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f"measuring needs matplotlib, scikit-image and scikit-learn ({error.name} is missing): "
            'pip install "latent-ofer[evaluate]"'
        ) from error


def show(table: "Table", folder: Path) -> None:
    """Print a table and where the rest is."""
    from latent_ofer.evaluation.report import markdown

    say(markdown(table))
    say(f"Wrote {folder}")
