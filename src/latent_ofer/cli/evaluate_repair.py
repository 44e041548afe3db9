"""`latent-ofer evaluate table2`, `table8` and `table9`: what the repair is worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
    named_sets,
)
from latent_ofer.cli.recognition_options import (
    RUNS,
    Config,
    Engine,
    Folder,
    Seed,
    needing_evaluation,
    show,
)

if TYPE_CHECKING:
    from latent_ofer.evaluation.repair_bench import Bench

Split = Annotated[
    Literal["train", "val", "test"],
    typer.Option(help="Which faces to measure on; the archives have train and val."),
]
Limit = Annotated[
    int, typer.Option(min=1, metavar="N", help="So many faces at most, of each kind.")
]
HoleShare = Annotated[
    Literal["1-10", "10-20", "20-30", "30-40", "40-50", "50-60", "all"],
    typer.Option(help="Share of hidden pixels in per cent."),
]


def table2(
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
    """Table 2: recognition of faces behind unseen objects, found and repaired in every way.

    As they came, mean fill, the autoencoder alone, a 3x3 convolution, CSA and the shipped
    self-assembly; what is not trained stands in the table with the command that trains it.

    What was measured once is kept in RUNS/cache.
    """
    with needing_evaluation():
        from latent_ofer.evaluation.table2 import evaluate_table2

    engine = Engine(runs, config, weights, backend, detector, threads)
    bench = repair_bench(engine, data, sets, codes, occluders, split, limit, seed)
    folder = output or runs / "reports" / "table2"
    show(evaluate_table2(bench, folder), folder)


def table8(
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
    limit: Limit = 200,
    seed: Seed = 7,
    output: Folder = None,
) -> None:
    """Table 8: how near repaired faces come to the true ones, PSNR and SSIM.

    Colour and grey faces apart: free-form holes of six sizes with the true mask given, and unseen
    objects found by the detector, each under every repair; and whether the judge reads the
    same expression.

    What was measured once is kept in RUNS/cache.
    """
    with needing_evaluation():
        from latent_ofer.evaluation.table8 import evaluate_table8

    engine = Engine(runs, config, weights, backend, detector, threads)
    bench = repair_bench(engine, data, sets, codes, occluders, split, limit, seed)
    folder = output or runs / "reports" / "table8"
    show(evaluate_table8(bench, folder), folder)


def table9(
    data: Data = Path(),
    sets: Sets = None,
    codes: Codes = None,
    split: Split = "val",
    occluders: Occluders = None,
    hole: HoleShare = "20-30",
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
    """Table 9: recognition of faces with free-form holes, repaired in every way.

    The true mask is given.

    As they came, mean fill, the autoencoder alone, a 3x3 convolution, CSA and the shipped
    self-assembly; what is not trained stands in the table with the command that trains it.

    What was measured once is kept in RUNS/cache.
    """
    with needing_evaluation():
        from latent_ofer.evaluation.table9 import evaluate_table9
    from latent_ofer.evaluation.table9 import name_of
    from latent_ofer.occlusion.irregular import BINS

    bins = [share for share in BINS if hole in ("all", name_of(share))]
    engine = Engine(runs, config, weights, backend, detector, threads)
    bench = repair_bench(engine, data, sets, codes, occluders, split, limit, seed)
    folder = output or runs / "reports" / "table9"
    show(evaluate_table9(bench, folder, bins), folder)


def repair_bench(
    engine: Engine,
    data: Path,
    sets: list[str] | None,
    codes: list[str] | None,
    occluders: Path | None,
    split: Literal["train", "val", "test"],
    limit: int,
    seed: int,
) -> "Bench":
    """The faces and all repairs, ready to be measured."""
    from latent_ofer.datasets.sources import Sources

    with needing_evaluation():
        from latent_ofer.evaluation.repair_bench import open_bench

    return open_bench(
        Sources(data, engine.runs / "cache", named_sets(sets, codes), occluders),
        engine.runs,
        split=split,
        config=engine.config,
        weights=engine.weights,
        backend=engine.backend,
        detector=engine.detector,
        threads=engine.threads,
        seed=seed,
        limit=limit,
    )
