"""`latent-ofer predict --engine ray`: the same rows, as Parquet shards, by workers of Ray."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from latent_ofer.cli.output import complain
from latent_ofer.cli.predict_told import finish, say_what_is_left_out
from latent_ofer.cli.stopping import Stopped
from latent_ofer.errors import DataError
from latent_ofer.locks import held

if TYPE_CHECKING:
    from latent_ofer.predict.run import Options


@dataclass(frozen=True)
class RayOptions:
    """Options of `latent-ofer predict` that matter to Ray; see its help."""

    form: str | None
    address: str | None
    workers: int | None
    threads: int
    shard_size: int
    restart: bool


def predict_on_ray(
    paths: list[Path],
    output: Path,
    wanted: "Options",
    model: Mapping[str, Any],
    ray: RayOptions,
) -> None:
    """Write the shards of a run that are not there yet, and say what all of them hold.

    `model` has the arguments of `predictor` about the model, but threads.
    """
    from latent_ofer import __version__
    from latent_ofer.pipeline import LatentOFER
    from latent_ofer.predict.results_folder import ResultsFolder
    from latent_ofer.predict.run import Counts, describe, fingerprint
    from latent_ofer.predict.tables import check_can_write
    from latent_ofer.ray.inputs import find_inputs
    from latent_ofer.ray.run import Workers, predict_shards, take_up

    _check(output, wanted, ray)
    check_can_write("parquet")
    inputs, left_out = find_inputs(paths)
    if not any(one.rows != 0 for one in inputs):
        raise DataError("no photo is named: give photos, folders, a --list of them, or both")
    say_what_is_left_out(left_out)
    # Loaded here too: what is wrong with it is told at once, by one process.
    loaded = LatentOFER.from_pretrained(**model, threads=1)
    results = ResultsFolder(output / "results", "parquet")
    settings = {name: str(value) for name, value in model.items() if name != "folder"}
    run = describe(loaded, [], wanted, results, version=__version__, **settings)
    with held(results.folder, "latent-ofer predict --engine ray"):
        job = take_up(results.table, inputs, run, ray.shard_size, ray.restart)
        if job.done:
            done = f"{len(job.done)} of {job.folder.total} shards are done"
            complain(f"going on with an earlier run: {done}; --restart starts anew")
        counts, started = Counts(), time.monotonic()
        try:
            predict_shards(
                job,
                {**model, "weights": fingerprint(loaded)},
                wanted,
                Workers(ray.address, ray.workers, ray.threads),
                counts,
                tell=lambda error: complain(f"[{error.code}] {error.message}"),
            )
        except Stopped as stop:
            complain(f"stopped; {job.so_far}; the same command goes on from there")
            raise typer.Exit(stop.exit_code) from None
        except Exception as error:
            error.add_note(f"{job.so_far}; the same command goes on from there")
            raise
    finish(counts, time.monotonic() - started, results)


def _check(output: Path, wanted: "Options", ray: RayOptions) -> None:
    """Refuse what a run on Ray has not. Raises ValueError."""
    ours = wanted.columns == "latent-ofer" and ray.form in (None, "parquet")
    if not ours or wanted.figures or wanted.annotate:
        raise ValueError(
            "--engine ray writes rows in our columns as Parquet, and no pictures: leave out "
            "--columns, --format, --figures and --annotate"
        )
    if output.suffix.lower() in (".parquet", ".jsonl", ".csv"):
        raise ValueError(f"{output}: --engine ray writes many files: name a folder")
