"""`latent-ofer predict`: every face in the user's own photos and videos, one row each."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from latent_ofer.cli import options
from latent_ofer.cli.output import complain
from latent_ofer.cli.predict_camera import camera_for
from latent_ofer.cli.predict_told import finish, say_what_is_left_out, so_far
from latent_ofer.cli.stopping import Stopped, ended_by_signals
from latent_ofer.errors import DataError
from latent_ofer.locks import held

if TYPE_CHECKING:
    from latent_ofer.pipeline import LatentOFER
    from latent_ofer.predict.journal import Journal
    from latent_ofer.predict.reading import Source
    from latent_ofer.predict.results_folder import ResultsFolder
    from latent_ofer.predict.run import Options


def predict(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="PLACE",
            help="Folder for the results, made if it does not exist; or a file of rows, by its "
            "ending .jsonl, .csv or .parquet.",
        ),
    ],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH...",
            help="Photos, videos, folders of them, all levels deep, patterns such as "
            "'photos/**/*.jpg'; - for a list of paths on standard input.",
        ),
    ] = None,
    lists: Annotated[
        list[Path] | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Also read the photos and folders that this file names, one a line, or with NUL "
            "between them. Repeat it for several.",
        ),
    ] = None,
    form: Annotated[
        Literal["jsonl", "csv", "parquet"] | None,
        typer.Option(
            "--format",
            help="JSON Lines, the default, which hold everything; or a table, as CSV or Parquet.",
        ),
    ] = None,
    columns: Annotated[
        Literal["latent-ofer", "py-feat", "deepface"],
        typer.Option(help="Names, order and ranges of the columns: ours, or those of other tools."),
    ] = "latent-ofer",
    figures: Annotated[
        bool, typer.Option("--figures", help="Also draw every stage, one PNG a face.")
    ] = False,
    annotate: Annotated[
        bool,
        typer.Option(
            "--annotate",
            help="Also draw boxes, expressions and hidden parts on each photo and video.",
        ),
    ] = False,
    every: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Of videos, read every Nth frame; 1 for all."),
    ] = 1,
    per_second: Annotated[
        float | None,
        typer.Option(
            min=0.001, metavar="X", help="Of videos, read at most X frames for each second."
        ),
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE",
            help="Read a camera in place of files, until Ctrl-C: its number, from 0, or its name.",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, metavar="X", help="Read the camera for so long.")
    ] = None,
    crops: Annotated[
        bool, typer.Option("--crops", help="The images are face crops already.")
    ] = False,
    labels: Annotated[
        int | None,
        typer.Option(
            min=7,
            max=8,
            help="8 expressions, or 7 without contempt, which other tools' columns do not have.",
        ),
    ] = None,
    abstain_below: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="P", help="Call a face read with less confidence uncertain."
        ),
    ] = 0,
    restart: Annotated[
        bool, typer.Option("--restart", help="Drop what an unfinished run has done.")
    ] = False,
    max_errors: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Give up when more images than this cannot be used."),
    ] = None,
    backend: options.Backend = "auto",
    detector: options.Detector = "default",
    recogniser: options.ReadBy = "default",
    treat_as_hidden: options.TreatAsHidden = None,
    batch_size: Annotated[
        int, typer.Option(min=1, metavar="N", help="Faces that pass the networks at a time.")
    ] = 32,
    threads: options.Threads = None,
    weights: options.Weights = None,
    where: Annotated[
        Literal["local", "ray"],
        typer.Option(
            "--engine",
            help="Where the work is done: in this process, or by workers of Ray, which write "
            "Parquet files into PLACE/results/. PATH may then be an address of a storage "
            "(s3://...) or a Parquet file with a column path or bytes too.",
        ),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Of the Ray cluster; without, a Ray is started on this machine.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Of Ray, each with --threads processors, one by default; as many as there are.",
        ),
    ] = None,
    shard_size: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Images in one file of Ray's rows; 1000 by default."),
    ] = None,
) -> None:
    """Read the apparent expression of every face in photos and videos, before and after repair.

    Writes one row a face, as JSON line to PLACE/results.jsonl unless told otherwise; other images
    get a row that says why.

    Reads JPEG, PNG, WebP, BMP, GIF, TIFF and AVIF, HEIC with the extra heif, and with the extra
    video MP4, MOV, MKV, WebM, AVI and others, and cameras. The faces of a video are followed: each
    has a track, what becomes of it is in PLACE/tracks.json.

    Rows are kept as they come. Killed or stopped at any moment, the same command goes on where it
    was; it refuses to where inputs, weights or settings have changed.

    With --engine ray (extra ray) the work is spread over machines; see docs/cluster.md.

    Exit code: 0 all good, 1 some images failed, 2 nothing could run or --max-errors was passed,
    130 stopped by Ctrl-C, 143 by the system.
    """
    from latent_ofer import __version__
    from latent_ofer.images.guarded import GuardedDecoder
    from latent_ofer.images.video import Choice
    from latent_ofer.pipeline import LatentOFER
    from latent_ofer.predict.inputs import find_images
    from latent_ofer.predict.journal import Journal
    from latent_ofer.predict.named import named_paths
    from latent_ofer.predict.reading import live_source, source_of
    from latent_ofer.predict.results_folder import ResultsFolder
    from latent_ofer.predict.rows import has_contempt
    from latent_ofer.predict.run import Options, describe
    from latent_ofer.predict.tables import check_can_write

    if labels == 8 and not has_contempt(columns):
        raise ValueError(f"--columns {columns} has no contempt: leave --labels out, or give 7")
    if every > 1 and per_second is not None:
        raise ValueError("--every and --per-second say the same in two ways: give one of them")
    if camera is None and seconds is not None:
        raise ValueError("--seconds is for a --camera")
    wanted = Options(
        crops=crops,
        labels=labels or (8 if has_contempt(columns) else 7),
        batch_size=batch_size if camera is None else 1,  # each frame at once
        figures=figures,
        annotate=annotate,
        columns=columns,
        max_errors=max_errors,
        abstain_below=abstain_below,
    )
    if where == "ray":
        from latent_ofer.cli.predict_on_ray import RayOptions, predict_on_ray

        if every > 1 or per_second is not None or camera is not None:
            raise ValueError(
                "--every, --per-second and --camera are for videos, which Ray does not read"
            )
        ray = RayOptions(form, address, workers, threads or 1, shard_size or 1000, restart)
        choices = {"backend": backend, "detector": detector, "recogniser": recogniser}
        chosen = {"folder": weights, "treat_as_hidden": treat_as_hidden, **choices}
        predict_on_ray(named_paths(paths or [], lists or []), output, wanted, chosen, ray)
        return
    if (address, workers, shard_size) != (None, None, None):
        raise ValueError("--address, --workers and --shard-size need --engine ray")
    results, choice = ResultsFolder.of(output, form), Choice(every, per_second)
    check_can_write(results.form)
    named = named_paths(paths or [], lists or [])
    with GuardedDecoder() as decoder, ExitStack() as ends:
        if camera is None:
            inputs = find_images(named)
            say_what_is_left_out(inputs.left_out)
            if len(inputs.images) > 1:
                decoder.start()  # while the weights are loaded
            images = inputs.images
        else:
            live = camera_for(camera, choice, seconds, results, named, restart)
            ends.enter_context(ended_by_signals(live.close))
            images = [(Path(live.name), None)]
        if not images:
            raise DataError("no photo is named: give photos, videos, folders, or a --list of them")
        model = LatentOFER.from_pretrained(
            weights,
            backend=backend,
            detector=detector,
            recogniser=recogniser,
            threads=threads,
            treat_as_hidden=treat_as_hidden,
        )
        engine: dict[str, str] = {
            **{"backend": backend, "detector": detector, "recogniser": recogniser},
            "treat_as_hidden": " ".join(treat_as_hidden or ()),
            **{"every": str(every), "per_second": str(per_second)},
        }
        run = describe(model, images, wanted, results, version=__version__, **engine)
        source = live_source(live) if camera is not None else source_of(images, decoder, choice)
        with held(results.folder, "latent-ofer predict"):
            journal = Journal.open(results.journal, run, restart)
            if journal.found:
                done = f"{journal.found} of {source.total} images are done"
                complain(f"going on with an unfinished run: {done}; --restart starts anew")
            _read_all(results, journal, model, source, wanted)


def _read_all(
    results: "ResultsFolder",
    journal: "Journal",
    model: "LatentOFER",
    source: "Source",
    wanted: "Options",
) -> None:
    """Do what is not done yet, and say what was found, or how far it came."""
    from latent_ofer.predict.run import Counts, TooManyErrorsError, predict_into

    counts, started = Counts(), time.monotonic()
    try:
        predict_into(
            *(results, journal, model, source, wanted, counts),
            tell=lambda error: complain(f"[{error.code}] {error.message}"),
        )
    except Stopped as stop:
        complain(f"stopped; {so_far(counts, source.total, results.table)}")
        raise typer.Exit(stop.exit_code) from None
    except TooManyErrorsError as error:
        error.add_note(so_far(counts, source.total, results.table, "allow more to go on"))
        raise
    except Exception as error:
        error.add_note(so_far(counts, source.total, results.journal))
        raise
    finish(counts, time.monotonic() - started, results)
