"""`latent-ofer evaluate table1`, `table7`, `table10` and `all`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latent_ofer.cli import evaluate_real_occlusion, evaluate_recognition, evaluate_repair
from latent_ofer.cli.evaluate_recognition import LIMIT
from latent_ofer.cli.evaluate_repair import Limit, Split, repair_bench
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
    named_sets,
)
from latent_ofer.cli.output import complain
from latent_ofer.cli.recognition_options import (
    RUNS,
    Classes,
    Config,
    Engine,
    Folder,
    ListFile,
    Seed,
    Wanted,
    needing_evaluation,
    show,
)
from latent_ofer.cli.recognition_options import Limit as LimitOrAll
from latent_ofer.cli.recognition_options import Split as AnySplit

if TYPE_CHECKING:
    from latent_ofer.evaluation.everything import Outcome

OWN_ROWS: Mapping[str, str] = {
    "table1": "colour: shipped",
    "table2": "self-assembly",
    "table8": "colour: self-assembly",
    "table9": "self-assembly",
    "table10": "CNN + selected",
}
"""Beginning of the row that stands for us; the pipeline's in all other tables."""


def table1(
    data: Data = Path(),
    sets: Sets = None,
    codes: Codes = None,
    occluders: Occluders = None,
    runs: Runs = RUNS,
    config: Config = "small",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    limit: Limit = 400,
    seed: Seed = 7,
    output: Folder = None,
) -> None:
    """Table 1: hidden patches found, by every detector.

    Those of the weights and four baselines on validation faces, colour and grey apart, clean and
    behind unseen objects. Baselines that are not trained stand in the table with the command
    that trains them.

    What was scored once is kept in RUNS/cache.
    """
    with needing_evaluation():
        from latent_ofer.evaluation.table1 import evaluate_table1
        from latent_ofer.evaluation.table1_report import write_table1
    from latent_ofer.datasets.sources import Sources

    figures = evaluate_table1(
        Sources(data, runs / "cache", named_sets(sets, codes), occluders),
        runs,
        config=config,
        weights=weights,
        backend=backend,
        threads=threads,
        seed=seed,
        limit=limit,
    )
    folder = output or runs / "reports" / "table1"
    show(write_table1(figures, folder), folder)


def table7(
    data: Data = Path(),
    sets: Sets = None,
    codes: Codes = None,
    split: AnySplit = "val",
    list_file: ListFile = None,
    classes: Classes = 8,
    limit: LimitOrAll = LIMIT,
    seed: Seed = 7,
    runs: Runs = RUNS,
    config: Config = "small",
    detector: Detector = "default",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    output: Folder = None,
) -> None:
    """Table 7: accuracy on clean faces beside parameters and GFLOPs.

    Of the pipeline and each of its stages, the plain CNNs and the judge. Counting needs
    torch, but no training.

    What was read once, also for Table 3, is kept in RUNS/predictions.
    """
    with needing_evaluation():
        from latent_ofer.evaluation.complexity import pipeline_complexity
        from latent_ofer.evaluation.table7 import ENTRANTS, count_baselines, evaluate_table7

    engine = Engine(runs, config, weights, backend, detector, threads)
    wanted = Wanted(data, sets, codes, split, list_file, None, limit, seed, classes)
    bench = wanted.bench(engine, ENTRANTS, ("clean",))
    costs = pipeline_complexity(weights, detector)
    folder = output or runs / "reports" / "table7"
    show(evaluate_table7(bench, costs, count_baselines(config), folder), folder)


def table10(
    data: Data = Path(),
    sets: Sets = None,
    codes: Codes = None,
    split: Split = "val",
    occluders: Occluders = None,
    runs: Runs = RUNS,
    config: Config = "small",
    detector: Detector = "default",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    limit: Limit = 500,
    seed: Seed = 7,
    output: Folder = None,
) -> None:
    """Table 10: what the CNN, the latents and their selection are worth.

    Faces behind unseen objects as they came, found and repaired, and clean. The heads are those
    of `latent-ofer train ablation`; without them only the shipped recogniser is measured.

    What was measured once is kept in RUNS/cache.
    """
    with needing_evaluation():
        from latent_ofer.evaluation.table10 import evaluate_table10, open_heads

    engine = Engine(runs, config, weights, backend, detector, threads)
    bench = repair_bench(engine, data, sets, codes, occluders, split, limit, seed)
    folder = output or runs / "reports" / "table10"
    show(evaluate_table10(bench, open_heads(runs, config), folder), folder)


def everything(
    data: Data = Path(),
    runs: Runs = RUNS,
    config: Config = "small",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="So many faces at most in every table; each command's own number by default.",
        ),
    ] = None,
    seed: Seed = 7,
    output: Folder = None,
) -> None:
    """Tables 1 to 10, Figure 1 and the occlusion benchmark, one after another.

    Each takes the faces that its own command takes by default, and the shipped detector; see
    `latent-ofer evaluate table1 --help` and so on. Tables 4 to 6 need data sets of yours: run
    them by themselves.

    A table that fails costs one line, and the exit code is 1 in the end. DIR/index.md leads to
    the reports. What was measured once is kept in RUNS: a run that was stopped goes on, and a
    second one takes seconds.
    """
    with needing_evaluation():
        from latent_ofer.evaluation.everything import INDEX, Step, run_steps

    common: dict[str, Any] = {
        "runs": runs,
        "config": config,
        "backend": backend,
        "weights": weights,
        "threads": threads,
        "seed": seed,
    }
    if limit is not None:
        common["limit"] = limit
    real = ("table4", "table5", "table6")

    def step(name: str, command: Callable[..., None]) -> Step:
        given = common if name in real else {**common, "data": data}
        return Step(name, OWN_ROWS.get(name, "pipeline"), lambda to: command(**given, output=to))

    folder = output or runs / "reports" / "all"
    about = {"data": data, "seed": seed, "faces": limit or "as many as each command takes"}
    steps = [step(name, command) for name, command in COMMANDS.items()]
    outcomes = run_steps(steps, folder, about, _say)
    typer.echo(f"Wrote {folder / INDEX}")
    for outcome in outcomes:
        typer.echo(
            f"{outcome.seconds:8.1f} s  {outcome.step.name}{' failed' * bool(outcome.error)}"
        )
    typer.echo(f"{sum(outcome.seconds for outcome in outcomes):8.1f} s  altogether")
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(1)


def _say(outcome: "Outcome") -> None:
    if outcome.error:
        complain(f"{outcome.step.name}: {outcome.error}")
    typer.echo(f"{outcome.step.name}: {outcome.seconds:.1f} s\n")


COMMANDS: Mapping[str, Callable[..., None]] = {
    "table1": table1,
    "table2": evaluate_repair.table2,
    "table3": evaluate_recognition.table3,
    "table4": evaluate_real_occlusion.table4,
    "table5": evaluate_real_occlusion.table5,
    "table6": evaluate_real_occlusion.table6,
    "table7": table7,
    "table8": evaluate_repair.table8,
    "table9": evaluate_repair.table9,
    "table10": table10,
    "figure1": evaluate_recognition.figure1,
    "occlusion": evaluate_recognition.occlusion,
}
"""What `all` runs, in this order."""
