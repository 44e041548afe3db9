"""`latent-ofer predict`: every face in the user's own photos, one JSON line each."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latent_ofer.cli import options
from latent_ofer.cli.output import complain, one_line, say
from latent_ofer.cli.stopping import Stopped
from latent_ofer.locks import held

if TYPE_CHECKING:
    from latent_ofer.predict.inputs import Inputs
    from latent_ofer.predict.reading import Reader
    from latent_ofer.results import Outcome


def predict(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Photos, or folders of them, all levels deep."),
    ],
    output: options.Output,
    figures: Annotated[
        bool, typer.Option("--figures", help="Also draw every stage, one PNG a face.")
    ] = False,
    crops: Annotated[
        bool, typer.Option("--crops", help="The images are face crops already.")
    ] = False,
    labels: Annotated[
        int, typer.Option(min=7, max=8, help="8 expressions, or 7 without contempt.")
    ] = 8,
    abstain_below: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="P", help="Call a face read with less confidence uncertain."
        ),
    ] = 0,
    backend: options.Backend = "auto",
    detector: options.Detector = "default",
    recogniser: options.ReadBy = "default",
    batch_size: Annotated[
        int, typer.Option(min=1, metavar="N", help="Faces that pass the networks at a time.")
    ] = 32,
    threads: options.Threads = None,
    weights: options.Weights = None,
) -> None:
    """Read the apparent expression of every face in photos, before and after repair.

    Writes one JSON line a face to DIR/results.jsonl; other images get a line that says why.

    Reads JPEG, PNG, WebP, BMP, GIF, TIFF and AVIF.

    Ctrl-C keeps what is done, and so does being told to stop by the system.

    Exit code: 0 all good, 1 some images failed, 2 nothing could run, 130 stopped by Ctrl-C, 143
    by the system.
    """
    from latent_ofer.pipeline import LatentOFER
    from latent_ofer.predict.inputs import find_images
    from latent_ofer.predict.reading import Reader
    from latent_ofer.predict.results_folder import RESULTS, part_of

    model = LatentOFER.from_pretrained(
        weights, backend=backend, detector=detector, recogniser=recogniser, threads=threads
    )
    inputs = find_images(paths)
    _say_what_is_left_out(inputs)
    read = Reader(inputs.images, previews=figures)
    outcomes = model.predict_each(
        read, crops=crops, labels=labels, batch_size=batch_size, abstain_below=abstain_below
    )
    counts: Counter[str] = Counter()
    with held(output, "latent-ofer predict"):
        try:
            _write(inputs, read, outcomes, output, counts)
        except Stopped as stop:
            complain(f"stopped; {_so_far(counts, inputs, output / RESULTS)}")
            raise typer.Exit(stop.exit_code) from None
        except Exception as error:
            error.add_note(_so_far(counts, inputs, part_of(output / RESULTS)))
            raise
    say(
        f"Images: {counts['images']}, faces: {counts['faces']}, "
        f"without a face: {counts['no_face']}, errors: {counts['error']}. "
        f"Results: {one_line(str(output / RESULTS))}"
    )
    if counts["error"]:
        raise typer.Exit(2 if counts["error"] == len(inputs.images) else 1)


def _say_what_is_left_out(inputs: "Inputs") -> None:
    if inputs.left_out:
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(inputs.left_out.items()))
        complain(f"left out below the folders: {told}")


def _so_far(counts: Counter[str], inputs: "Inputs", results: Path) -> str:
    done = f"{counts['images']} of {len(inputs.images)} images are"
    return f"{done} in {results}" if counts["images"] else f"{done} done"


def _write(
    inputs: "Inputs",
    read: "Reader",
    outcomes: "Iterator[Outcome]",
    output: Path,
    counts: Counter[str],
) -> None:
    from rich.console import Console
    from rich.progress import track

    from latent_ofer.figure import draw_figure
    from latent_ofer.predict.results_folder import results_in
    from latent_ofer.predict.rows import rows_of

    console = Console(stderr=True)
    shown = track(
        inputs.images, "Images", console=console, disable=not console.is_terminal, transient=True
    )
    with results_in(output) as results:
        for index, ((path, _), outcome) in enumerate(zip(shown, outcomes, strict=True)):
            rows = rows_of(path, outcome)
            preview = read.take_preview()
            if preview is not None and isinstance(outcome, list):
                for face, row in zip(outcome, rows, strict=False):
                    figure = draw_figure(preview, face)
                    row["figure"] = results.add_figure(index, row["face"], figure)
            results.add_rows(rows)
            _count(outcome, counts)


def _count(outcome: "Outcome", counts: Counter[str]) -> None:
    counts["images"] += 1
    if isinstance(outcome, list):
        counts["faces"] += len(outcome)
        counts["no_face"] += not outcome
    else:
        counts["error"] += 1
        complain(f"[{outcome.code}] {outcome.message}")
