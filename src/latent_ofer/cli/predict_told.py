"""What `latent-ofer predict` says of a run, wherever it was done."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from latent_ofer.cli.output import complain, one_line, say

if TYPE_CHECKING:
    from latent_ofer.predict.results_folder import ResultsFolder
    from latent_ofer.predict.run import Counts


def say_what_is_left_out(left_out: Counter[str]) -> None:
    """What folders hold that is not read, in one line."""
    if left_out:
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(left_out.items()))
        complain(f"left out below the folders: {told}")


def so_far(
    counts: "Counts",
    total: int,
    where: Path,
    further: str = "the same command goes on from there",
) -> str:
    """How far a run has come that ends early, and where that is."""
    done = f"{counts.images} of {total} images are"
    if not counts.images:
        return f"{done} done"
    return f"{done} in {where}; {further}"


def finish(counts: "Counts", seconds: float, results: "ResultsFolder") -> None:
    """Say what a finished run has found; raises typer.Exit where images could not be used."""
    say(summary(counts, seconds, results))
    if counts.errors:
        raise typer.Exit(2 if counts.errors.total() == counts.images else 1)


def summary(counts: "Counts", seconds: float, results: "ResultsFolder") -> str:
    """What a finished run has found, in a few lines."""
    lines = [
        f"Images: {counts.images}, faces: {counts.expressions.total()}, "
        f"without a face: {counts.no_face}, errors: {counts.errors.total()}."
    ]
    if counts.frames:
        lines.append(f"Frames of videos among them: {counts.frames}.")
    for title, counted in (("Expressions", counts.expressions), ("Errors", counts.errors)):
        if counted:
            told = ", ".join(f"{name} {count}" for name, count in counted.most_common())
            lines.append(f"{title}: {told}.")
    done = counts.images - counts.resumed
    lines.append(
        f"Time: {seconds:.1f} s for {done} images, {done / max(seconds, 1e-9):.1f} a second."
    )
    lines.append(f"Results: {one_line(str(results.table))}")
    return "\n".join(lines)
