"""`latent-ofer predict`: every face in the user's own photos, one JSON line each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latent_ofer.cli import options
from latent_ofer.cli.output import (
    complain,
    kept_lines,
    one_line,
    part_of,
    say,
    write_lines,
)
from latent_ofer.cli.stopping import Stopped
from latent_ofer.files import whole_file
from latent_ofer.locks import InUseError, held

if TYPE_CHECKING:
    from latent_ofer.errors import ImageError
    from latent_ofer.predict.inputs import Inputs
    from latent_ofer.results import FaceResult, Outcome


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

    model = LatentOFER.from_pretrained(
        weights, backend=backend, detector=detector, recogniser=recogniser, threads=threads
    )
    inputs = find_images(paths)
    _say_what_is_left_out(inputs)
    images = inputs.images
    good = [path for path, error in images if error is None]
    outcomes = model.predict_each(good, crops=crops, labels=labels, batch_size=batch_size)
    counts: Counter[str] = Counter()
    results = output / "results.jsonl"
    try:
        with held(output, "latent-ofer predict"):
            _write(images, outcomes, results, output / "figures" if figures else None, counts)
    except Stopped as stop:
        complain(f"stopped; {_so_far(counts, images, results)}")
        raise typer.Exit(stop.exit_code) from None
    except InUseError:
        raise
    except Exception as error:
        error.add_note(_so_far(counts, images, part_of(results)))
        raise
    say(
        f"Images: {counts['images']}, faces: {counts['faces']}, "
        f"without a face: {counts['no_face']}, errors: {counts['error']}. "
        f"Results: {one_line(str(results))}"
    )
    if counts["error"]:
        raise typer.Exit(2 if counts["error"] == len(images) else 1)


def _so_far(
    counts: Counter[str], images: "Sequence[tuple[Path, ImageError | None]]", results: Path
) -> str:
    done = f"{counts['images']} of {len(images)} images are"
    return f"{done} in {results}" if counts["images"] else f"{done} done"


def _say_what_is_left_out(inputs: "Inputs") -> None:
    if inputs.left_out:
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(inputs.left_out.items()))
        complain(f"left out below the folders: {told}")


def _write(
    images: "Sequence[tuple[Path, ImageError | None]]",
    outcomes: "Iterator[Outcome]",
    results: Path,
    figures: Path | None,
    counts: Counter[str],
) -> None:
    from rich.console import Console
    from rich.progress import track

    from latent_ofer.predict.rows import rows_of

    console = Console(stderr=True)
    shown = track(
        images, "Images", console=console, disable=not console.is_terminal, transient=True
    )
    with kept_lines(results) as stream:
        for index, (path, refused) in enumerate(shown):
            outcome = next(outcomes) if refused is None else refused
            lines = rows_of(path, outcome)
            if figures is not None and isinstance(outcome, list):
                for face, line in zip(outcome, lines, strict=False):
                    target = figures / f"{index:05d}-{line['face']}.png"
                    line["figure"] = f"{figures.name}/{target.name}"
                    draw(path, face, target)
            write_lines(stream, lines)
            _count(outcome, counts)


def _count(outcome: "Outcome", counts: Counter[str]) -> None:
    counts["images"] += 1
    if isinstance(outcome, list):
        counts["faces"] += len(outcome)
        counts["no_face"] += not outcome
    else:
        counts["error"] += 1
        complain(f"[{outcome.code}] {outcome.message}")


def draw(path: Path, face: "FaceResult", target: Path) -> None:
    """Write the figure of one face found in the photo at `path`. Raises OSError."""
    from latent_ofer.figure import draw_figure
    from latent_ofer.images.load import load_image

    with whole_file(target) as partial:
        draw_figure(load_image(path), face).save(partial, "PNG")
