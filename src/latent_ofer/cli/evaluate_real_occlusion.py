"""`latent-ofer evaluate table4`, `table5`, `table6` and `occlusion-ferplus`: real occlusion."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from latent_ofer.cli.options import Backend, Codes, Detector, Sets, Threads, Weights
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
    Seed,
    Wanted,
    needing_evaluation,
    show,
)

USUAL = ("pipeline", "pipeline-unrepaired", "plain", "plain_occluded")
CLEAN = ("clean",)


def table4(
    sets: Sets = None,
    codes: Codes = None,
    recogniser: MoreRecognisers = None,
    classes: Classes = 7,
    limit: Limit = 0,
    seed: Seed = 7,
    runs: RunsFolder = RUNS,
    config: Config = "small",
    detector: Detector = "default",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    output: Folder = None,
) -> None:
    """Table 4: faces of FED-RO, which something really hides.

    Give --set fed-ro=PATH; without it the paper's rows are all that there is. FED-RO is a test
    set only.
    """
    engine = Engine(runs, config, weights, backend, detector, threads)
    wanted = Wanted(Path(), sets, codes, "test", None, None, limit, seed, classes)
    _listed("table4", wanted, engine, recogniser, output)


def table5(
    sets: Sets = None,
    codes: Codes = None,
    list_file: ListFile = None,
    recogniser: MoreRecognisers = None,
    classes: Classes = 7,
    limit: Limit = 0,
    seed: Seed = 7,
    runs: RunsFolder = RUNS,
    config: Config = "small",
    detector: Detector = "default",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    output: Folder = None,
) -> None:
    """Table 5: the validation faces of AffectNet that RAN's list names as occluded.

    Give --set affectnet=PATH and --list FILE; without them the paper's rows are all that there is.
    """
    engine = Engine(runs, config, weights, backend, detector, threads)
    wanted = Wanted(Path(), sets, codes, "val", list_file, None, limit, seed, classes)
    _listed("table5", wanted, engine, recogniser, output)


def table6(
    sets: Sets = None,
    codes: Codes = None,
    list_file: ListFile = None,
    recogniser: MoreRecognisers = None,
    classes: Classes = 7,
    limit: Limit = 0,
    seed: Seed = 7,
    runs: RunsFolder = RUNS,
    config: Config = "small",
    detector: Detector = "default",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    output: Folder = None,
) -> None:
    """Table 6: the test faces of RAF-DB that RAN's list names as occluded.

    Give --set raf-db=PATH and --list FILE; without them the paper's rows are all that there is.
    """
    engine = Engine(runs, config, weights, backend, detector, threads)
    wanted = Wanted(Path(), sets, codes, "test", list_file, None, limit, seed, classes)
    _listed("table6", wanted, engine, recogniser, output)


def occlusion_ferplus(
    list_file: Annotated[
        Path | None,
        typer.Option("--list", metavar="FILE", help="RAN's list, jianfei_occlusion_list.txt."),
    ] = None,
    fer2013: Annotated[
        Path | None, typer.Option(metavar="FILE", help="fer2013.csv, the pictures.")
    ] = None,
    votes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="fer2013new.csv, the votes.")
    ] = None,
    recogniser: MoreRecognisers = None,
    classes: Classes = 8,
    limit: Limit = 0,
    seed: Seed = 7,
    runs: RunsFolder = RUNS,
    config: Config = "small",
    detector: Detector = "default",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    output: Folder = None,
) -> None:
    """The faces of FERPlus that RAN's list names as occluded, labels by the majority of votes.

    Those that no expression won are left out. They are whatever split the list's faces are of;
    the report says which.
    """
    with needing_evaluation():
        from latent_ofer.evaluation.chosen_faces import choose_listed
        from latent_ofer.evaluation.real_occlusion import (
            TABLES,
            evaluate_real_occlusion,
            without_data,
        )
        from latent_ofer.evaluation.recognition_bench import Bench
    from latent_ofer.datasets.readers.fer import read_tables

    chosen = TABLES["occlusion-ferplus"]
    folder = output or runs / "reports" / chosen.name
    names = [*USUAL, *(recogniser or [])]
    if list_file is None or fer2013 is None or votes is None:
        show(without_data(chosen, names, folder), folder)
        return
    engine = Engine(runs, config, weights, backend, detector, threads)
    entrants = engine.entrants(names)
    listing = read_tables(votes, fer2013)
    faces = choose_listed(listing, list_file, runs / "cache", limit or None, seed)
    bench = Bench(faces, entrants, engine.predictions, seed, classes)
    show(evaluate_real_occlusion(chosen, bench, folder), folder)


def _listed(
    name: str,
    wanted: Wanted,
    engine: Engine,
    recognisers: Sequence[str] | None,
    output: Path | None,
) -> None:
    """Measure on a set of the user's, or write the table without."""
    with needing_evaluation():
        from latent_ofer.evaluation.real_occlusion import (
            TABLES,
            evaluate_real_occlusion,
            without_data,
        )
    from latent_ofer.cli.options import named_sets

    chosen = TABLES[name]
    folder = output or engine.runs / "reports" / name
    names = [*USUAL, *(recognisers or [])]
    given = {one.name.lower() for one in named_sets(wanted.sets, wanted.codes)}
    needs_list = "--list" in chosen.needs
    if chosen.data_set not in given or (needs_list and wanted.list_file is None):
        show(without_data(chosen, names, folder), folder)
        return
    show(evaluate_real_occlusion(chosen, wanted.bench(engine, names, CLEAN), folder), folder)
