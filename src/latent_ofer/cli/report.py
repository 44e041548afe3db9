"""`latent-ofer report`: the results of a run as one page for the browser."""

from pathlib import Path
from typing import Annotated

import typer

from latent_ofer.cli.output import complain, one_line, say


def report(
    results: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS",
            help="Folder that `predict` wrote to, or its file: JSON Lines, CSV or Parquet.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The page; report.html beside the results."
        ),
    ] = None,
    pictures: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Faces to show with a picture, their probabilities and regions, the least certain "
            "and the most hidden ones first; 0 for a page without any picture.",
        ),
    ] = 1000,
) -> None:
    """Make one HTML page of the results: charts, timelines, faces, filters, errors.

    All of it stands in that file; it fetches nothing, and any browser opens it from the disk.

    Pictures of faces are cut from the photos and videos, where these are still there.
    """
    from latent_ofer.report.build import write_report

    done = write_report(results, output, pictures)
    if done.unreadable:
        complain(f"{done.unreadable} lines of the results cannot be read and are left out")
    for why, number in sorted(done.without.items()):
        complain(f"{number} faces have no picture: {why}")
    say(
        f"Report: {one_line(str(done.path))} ({done.faces} faces, {done.pictures} with a picture, "
        f"{done.path.stat().st_size / 1e6:.1f} MB)"
    )
