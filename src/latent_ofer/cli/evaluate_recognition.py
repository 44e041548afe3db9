"""`latent-ofer evaluate table3`, `figure1` and `occlusion`: recognisers on hidden faces."""

from pathlib import Path
from typing import Annotated

import typer

from latent_ofer.cli.options import (
    Backend,
    Codes,
    Data,
    Detector,
    Occluders,
    Sets,
    Threads,
    Weights,
)
from latent_ofer.cli.options import Runs as RunsFolder
from latent_ofer.cli.recognition_options import (
    RUNS,
    Classes,
    Config,
    Engine,
    Folder,
    Limit,
    ListFile,
    MoreRecognisers,
    Recognisers,
    Seed,
    Split,
    Wanted,
    needing_evaluation,
    show,
)

LIMIT = 500
USUAL = ("pipeline", "pipeline-unrepaired", "plain", "plain_occluded")
TABLE_3 = ("plain", "plain_occluded", "pipeline")
FIGURE_1 = ("plain", "pipeline")


def table3(
    data: Data = Path(),
    sets: Sets = None,
    codes: Codes = None,
    split: Split = "val",
    list_file: ListFile = None,
    recogniser: MoreRecognisers = None,
    occluders: Occluders = None,
    classes: Classes = 8,
    limit: Limit = LIMIT,
    seed: Seed = 7,
    runs: RunsFolder = RUNS,
    config: Config = "small",
    detector: Detector = "default",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    output: Folder = None,
) -> None:
    """Table 3: recognisers on original faces and on the same behind unseen objects.

    The plain CNN trained without and with occlusion, the pipeline, and whoever --recogniser
    names; the pipeline against each with paired 95 % intervals. A baseline that is not trained
    stands in the table with the command that trains it.

    What was read once is kept in RUNS/predictions. The report holds a sheet of faces of other
    people: it stays on your disk, and so should the sheet.
    """
    with needing_evaluation():
        from latent_ofer.evaluation.table3 import PARTS, evaluate_table3

    engine = Engine(runs, config, weights, backend, detector, threads)
    wanted = Wanted(data, sets, codes, split, list_file, occluders, limit, seed, classes)
    bench = wanted.bench(engine, [*TABLE_3, *(recogniser or [])], tuple(PARTS))
    folder = output or runs / "reports" / "table3"
    show(evaluate_table3(bench, folder), folder)


def figure1(
    data: Data = Path(),
    sets: Sets = None,
    codes: Codes = None,
    split: Split = "val",
    list_file: ListFile = None,
    recogniser: Recognisers = None,
    classes: Classes = 8,
    limit: Limit = LIMIT,
    seed: Seed = 7,
    runs: RunsFolder = RUNS,
    config: Config = "small",
    detector: Detector = "default",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    output: Folder = None,
) -> None:
    """Figure 1: accuracy against the hidden share, random patches and Grad-CAM patches.

    10 to 70 % of the patches in black, drawn at random or those that the plain CNN looks at.
    By default the plain CNN and the pipeline. What was read once is kept in RUNS/predictions.

    The report holds a sheet of faces of other people, which stays on your disk.
    """
    with needing_evaluation():
        from latent_ofer.evaluation.figure1 import CONDITIONS, evaluate_figure1

    engine = Engine(runs, config, weights, backend, detector, threads)
    wanted = Wanted(data, sets, codes, split, list_file, None, limit, seed, classes)
    bench = wanted.bench(engine, recogniser or FIGURE_1, CONDITIONS)
    folder = output or runs / "reports" / "figure1"
    show(evaluate_figure1(bench, folder), folder)


def occlusion(
    data: Data = Path(),
    sets: Sets = None,
    codes: Codes = None,
    split: Split = "val",
    list_file: ListFile = None,
    recogniser: Recognisers = None,
    conditions: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Between commas: clean, objects, procedural, eyes, mouth, random-30, "
            "grad-cam-30, irregular-20-30 ... By default clean, objects, eyes, mouth, and random "
            "and Grad-CAM patches of 10 to 70 per cent.",
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
    occluders: Occluders = None,
    classes: Classes = 8,
    limit: Limit = LIMIT,
    seed: Seed = 7,
    runs: RunsFolder = RUNS,
    config: Config = "small",
    detector: Detector = "default",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    output: Folder = None,
) -> None:
    """Any recogniser on hidden faces: accuracy, recall, calibration, side by side.

    By default the pipeline with and without its repair and the plain CNN trained without and
    with occlusion; a baseline that is not trained stands in the table with the command that
    trains it. Tables by group, paired differences, and plots.

    What was read once is kept in RUNS/predictions: a run that was stopped goes on. The report
    holds a sheet of faces of other people, which stays on your disk.
    """
    with needing_evaluation():
        from latent_ofer.evaluation.conditions import CONDITIONS, write_pictures
        from latent_ofer.evaluation.occlusion import evaluate_occlusion

    names = [name.strip() for name in conditions.split(",")] if conditions else CONDITIONS
    engine = Engine(runs, config, weights, backend, detector, threads)
    wanted = Wanted(data, sets, codes, split, list_file, occluders, limit, seed, classes)
    bench = wanted.bench(engine, recogniser or USUAL, names)
    if pictures is not None:
        for one in bench.conditions(names):
            write_pictures(bench.hidden(one), pictures)
    folder = output or runs / "reports" / "occlusion"
    show(evaluate_occlusion(bench, names, folder), folder)
