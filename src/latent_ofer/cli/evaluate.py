"""`latent-ofer evaluate NAME`: every table and figure, with one set of options."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from latent_ofer.cli.options import (
    Backend,
    Codes,
    Data,
    Detector,
    Occluders,
    Runs,
    Sets,
    Threads,
    Weights,
    Workers,
    named_sets,
)
from latent_ofer.cli.output import print_report, say

NAMES: Final[Mapping[str, str]] = {
    "occlusion": "any recognisers side by side on faces hidden in every way",
    "detection": "one detector on whole splits, and on real masks and sunglasses",
    "recognition": "the whole pipeline, clean and behind unseen objects; another source",
    "real-occlusion": "real covers on FERPlus faces: found, told from nothing, and read right",
}
COMMON: Final = frozenset(
    {"name", "data", "runs", "weights", "backend", "threads", "seed", "limit", "output"}
)
"""Options that matter to all."""
HELP: Final = "Measure: recognisers, detectors and the whole pipeline, on any data set.\n\n" + (
    "\n\n".join(f"{name}: {about}." for name, about in NAMES.items())
)
NOTES: Final = """What is not trained stands in a table with the command that trains it.

What was answered once is kept in RUNS: a run that was stopped goes on, and a second one takes
seconds. Sheets of faces show other people: they stay on your disk.
"""
Faces = Literal["train", "dev", "val", "test"]


def _file(text: str, *names: str) -> Any:
    return typer.Option(*names, metavar="FILE", help=text)


def evaluate(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="What; see above.", autocompletion=lambda: list(NAMES)),
    ],
    data: Data = Path(),
    sets: Sets = None,
    codes: Codes = None,
    occluders: Occluders = None,
    split: Annotated[
        Faces | None, typer.Option(help="Which faces, val by default; test only if you say so.")
    ] = None,
    list_file: Annotated[
        Path | None,
        _file(
            "Only the faces that this list of occluded or turned faces names, whatever their "
            "split; goes with one --set. For real-occlusion: CSV of what covers each face.",
            "--list",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="How many faces (of each kind), the same ones on any machine; 0 takes all. A "
            "larger number keeps the faces of a smaller one, and nothing is read twice.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the subset, the occlusion and the resamples.")] = 7,
    classes: Annotated[
        int | None,
        typer.Option(min=7, max=8, help="8 expressions, or 7: contempt dropped everywhere."),
    ] = None,
    recogniser: Annotated[
        list[str] | None,
        typer.Option(
            metavar="R",
            help="Who is measured: pipeline, pipeline-unrepaired, plain, plain_occluded, judge, "
            "python:module:function, python:file.py:function, file:predictions.tsv or "
            "command:my-tool. Repeat it for several. For real-occlusion: views or paper.",
        ),
    ] = None,
    conditions: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Between commas: clean, covered (those that something really covers), objects, "
            "procedural, eyes, mouth, random-30, grad-cam-30, irregular-20-30 ...",
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Also write every face under every condition there, for a tool that cannot be "
            "called: its answers, by paths relative to this folder, join as file:answers.tsv.",
        ),
    ] = None,
    outlines: Annotated[Path | None, _file("CSV of hidden patches of some faces.")] = None,
    runs: Runs = Path("runs"),
    config: Annotated[
        str, typer.Option(help="Recipes of the networks in RUNS: `small`, or a folder.")
    ] = "small",
    detector: Detector = "default",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    workers: Workers = 1,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Folder of the report, RUNS/reports/NAME by default; of detection, recognition "
            "and real-occlusion, which are printed: a JSON file.",
        ),
    ] = None,
) -> None:
    """Measure; see `HELP`."""
    # What `benchmarks/` measures besides, with the same options.
    more: Mapping[str, Any] = context.obj or {}
    if name not in NAMES and name not in more:
        raise ValueError(f"{name}: no such measurement; there are {', '.join([*NAMES, *more])}")
    try:
        from latent_ofer.evaluation.measurements import MEASUREMENTS, Asked
        from latent_ofer.evaluation.report import Table, markdown
    except ImportError as error:
        raise ImportError(
            f"measuring needs matplotlib, scikit-image and scikit-learn ({error.name} is missing): "
            'pip install "latent-ofer[evaluate]"'
        ) from error

    known = {**MEASUREMENTS, **more}
    takes = known[name].takes
    _check(context, name, COMMON | takes | ({"codes"} if "sets" in takes else set()))
    asked = Asked(
        data=data,
        sets=named_sets(sets, codes),
        occluders=occluders,
        split=split,
        list_file=list_file,
        limit=limit,
        seed=seed,
        classes=classes,
        recognisers=tuple(recogniser or ()),
        conditions=tuple(one.strip() for one in conditions.split(",")) if conditions else (),
        pictures=pictures,
        outlines=outlines,
        runs=runs,
        config=config,
        weights=weights,
        backend=backend,
        detector=detector,
        threads=threads,
        workers=workers,
        output=output,
    )
    found = known[name](asked)
    if isinstance(found, Table):
        say(markdown(found))
        say(f"Wrote {asked.report(name)}")
    elif found is not None:
        print_report(found, output)


evaluate.__doc__ = f"{HELP}\n\n{NOTES}"


def _check(context: typer.Context, name: str, takes: Collection[str]) -> None:
    """Refuse what was given and would not matter."""
    for param in context.command.params:
        source = context.get_parameter_source(str(param.name))
        if source is not None and source.name == "COMMANDLINE" and param.name not in takes:
            raise ValueError(f"evaluate {name} takes no {param.opts[0]}")
