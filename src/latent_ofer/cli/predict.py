"""`latent-ofer predict`: every face in the user's own photos, one JSON line each."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latent_ofer.cli import options
from latent_ofer.cli.output import complain, make_folder, one_line, replacing, write_line

if TYPE_CHECKING:
    from latent_ofer.results import FaceResult, Outcome


def predict(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Photos, or folders of photos.")
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

    Exit code: 0 all good, 1 some images failed, 2 nothing could run.
    """
    from latent_ofer.pipeline import LatentOFER

    model = LatentOFER.from_pretrained(
        weights, backend=backend, detector=detector, recogniser=recogniser, threads=threads
    )
    images = list(_images(paths))
    make_folder(output / "figures" if figures else output)
    good = [path for path, error in images if error is None]
    outcomes = model.predict_each(good, crops=crops, labels=labels, batch_size=batch_size)
    counts: Counter[str] = Counter()
    results = output / "results.jsonl"
    try:
        _write(images, outcomes, results, output / "figures" if figures else None, counts)
    except KeyboardInterrupt:
        complain(f"stopped; {counts['images']} of {len(images)} images are in {results}")
        raise typer.Exit(130) from None
    typer.echo(
        f"Images: {counts['images']}, faces: {counts['faces']}, "
        f"without a face: {counts['no_face']}, errors: {counts['error']}. "
        f"Results: {one_line(str(results))}"
    )
    if counts["error"]:
        raise typer.Exit(2 if counts["error"] == len(images) else 1)


_Image = tuple[Path, "Outcome | None"]


def _images(paths: Iterable[Path]) -> Iterator[_Image]:
    """Every image below the paths, and an error in the place of a folder without any."""
    from latent_ofer.errors import ImageError
    from latent_ofer.images.load import image_paths

    for path in paths:
        below = image_paths([path])
        if not below:
            message = f"{path}: no image in this folder; name a folder with JPEG or PNG files."
            yield path, ImageError("empty", os.fspath(path), message)
        for image in below:
            yield image, None


def _write(
    images: list[_Image],
    outcomes: "Iterator[Outcome]",
    results: Path,
    figures: Path | None,
    counts: Counter[str],
) -> None:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    shown = track(
        images, "Images", console=console, disable=not console.is_terminal, transient=True
    )
    with replacing(results) as stream:
        for index, (path, refused) in enumerate(shown):
            outcome = next(outcomes) if refused is None else refused
            lines = rows(path, outcome)
            if figures is not None and isinstance(outcome, list):
                for face, line in zip(outcome, lines, strict=False):
                    target = figures / f"{index:05d}-{line['face']}.png"
                    line["figure"] = f"{figures.name}/{target.name}"
                    draw(path, face, target)
            for line in lines:
                write_line(stream, line)
            _count(outcome, counts)


def _count(outcome: "Outcome", counts: Counter[str]) -> None:
    counts["images"] += 1
    if isinstance(outcome, list):
        counts["faces"] += len(outcome)
        counts["no_face"] += not outcome
    else:
        counts["error"] += 1
        complain(f"[{outcome.code}] {outcome.message}")


def rows(path: Path, outcome: "Outcome") -> list[dict[str, Any]]:
    """One image's rows: one a face, or one that says why there is none."""
    if not isinstance(outcome, list):
        error = {"code": outcome.code, "message": outcome.message}
        return [{"path": os.fspath(path), "status": "error", "error": error}]
    if not outcome:
        return [{"path": os.fspath(path), "status": "no_face", "faces": 0}]
    return [
        {
            "path": os.fspath(path),
            "status": "ok",
            "faces": len(outcome),
            "face": index,
            **face.to_dict(),
        }
        for index, face in enumerate(outcome)
    ]


def draw(path: Path, face: "FaceResult", target: Path) -> None:
    """Write the figure of one face found in the photo at `path`. Raises OSError."""
    from latent_ofer.figure import draw_figure
    from latent_ofer.images.load import load_image

    with replacing(target) as stream:
        draw_figure(load_image(path), face).save(stream, "PNG")
