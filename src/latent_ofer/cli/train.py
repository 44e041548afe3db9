"""`latent-ofer train`: one stage, all that are stale, or the release of what is trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from latent_ofer.cli.options import Codes, Data, Occluders, Runs, Sets, Workers, named_sets
from latent_ofer.cli.output import complain, say
from latent_ofer.cli.stopping import Stopped
from latent_ofer.weights_folder import SHIPPED, WEIGHTS, WeightsFolder

if TYPE_CHECKING:
    from latent_ofer.train_all import Stage

STAGES: Final = (
    "mae",
    "detector",
    "detector_paper",
    "detector_labelled",
    "teacher",
    "reconstructor",
    "recogniser",
    "fusion",
    "recogniser_paper",
    "calibration_paper",
)
"""In the order they need."""
COMPARED: Final = ("plain", "plain_occluded", "judge", "reconstructor_csa", "reconstructor_conv")
"""Networks to measure against."""
NAMES: Final = (*STAGES, *COMPARED, "all", "release")


def train(
    context: typer.Context,
    stage: Annotated[
        str,
        typer.Argument(
            metavar="STAGE",
            help=f"Which, in the order they need: {', '.join(STAGES)}; {', '.join(COMPARED)}, to "
            "measure against; all; release.",
            autocompletion=lambda: list(NAMES),
        ),
    ],
    data: Data = Path(),
    sets: Sets = None,
    codes: Codes = None,
    occluders: Occluders = None,
    workers: Workers = 1,
    runs: Runs = Path("runs"),
    config: Annotated[
        str,
        typer.Option(
            help="`small`, `small-tune` to go on from weights, `paper` for an encoder of the "
            "paper's size (needs a GPU), or a folder of your own with one YAML recipe a stage."
        ),
    ] = "small",
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Folder of weights that training starts from, in place of random ones; kept in "
            "RUNS, so that it is given once. `shipped` are the package's own.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the stage's last checkpoint.")
    ] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processor threads of torch.")
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Where networks are trained: `cpu`, `cuda` (a GPU) or `cuda:N`."
        ),
    ] = "cpu",
    accumulate: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Slices that a batch is cut into, to need less memory; the same batch is learned "
            "from.",
        ),
    ] = 1,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="For `release`: a detector or recogniser that it leaves out, such as "
            "detector_one-class or recogniser_paper. Repeat it for several.",
        ),
    ] = None,
) -> None:
    """Train the networks, from the archives of faces and objects or from data sets of your own.

    Each stage leaves a checkpoint an epoch, a log of JSON lines and its weights in its folder
    of RUNS.

    `all` trains what is stale, goes on where a stage was cut short, and ends with the
    shippable folder RUNS/weights. It leaves out the networks to measure against. `release`
    trains nothing and writes that folder from the stages that are trained in RUNS; all others
    come from the weights that --from names, less those that --without names.
    Ctrl-C is safe: go on with --resume.

    Several processes share the work, on as many GPUs: `torchrun --nproc-per-node 2 -m latent_ofer
    train STAGE ...`. A recipe's batch is that of all of them together.
    """
    # What `benchmarks/` trains besides, with the same options.
    more: Mapping[str, Stage] = context.obj or {}
    if stage not in NAMES and stage not in more:
        raise ValueError(f"{stage}: no such stage; there are {', '.join([*NAMES, *more])}")
    if without and stage != "release":
        raise ValueError(f"--without is for `train release`, not for `train {stage}`")
    try:
        import torch

        from latent_ofer import train_all
        from latent_ofer.datasets.sources import Sources
        from latent_ofer.training import processes
        from latent_ofer.training.how import How, device_named
        from latent_ofer.training.start import keep_start
    except ImportError as error:
        raise ImportError(
            f"training needs torch and what belongs to it ({error.name} is missing): "
            'pip install "latent-ofer[train]"'
        ) from error
    if threads is not None:
        torch.set_num_threads(threads)
    sources = Sources(data, runs / "cache", named_sets(sets, codes), occluders, workers)
    try:
        with processes.joined(device_named(device)) as own:
            tell = say if processes.place() == 0 else _keep_quiet
            if start is not None:
                folder = SHIPPED if str(start) == "shipped" else start
                keep_start(WeightsFolder.open(folder).file(WEIGHTS), runs)
            for line in sources.summaries():
                tell(line)
            how = How(resume, own, accumulate)
            if stage == "all":
                written = train_all.train_all(sources, runs, config, how, tell)
            elif stage == "release":
                written = train_all.release(sources, runs, config, without or ())
            else:
                stages = {**train_all.STAGES, **train_all.BASELINES, **more}
                written = stages[stage].train(sources, runs, config, how)
            tell(f"Wrote {written}")
    except Stopped as stop:
        complain(f"stopped; the last checkpoint is in {runs}. Go on with --resume")
        raise typer.Exit(stop.exit_code) from None


def _keep_quiet(text: str) -> None:
    """What one process says for all, the others do not."""
