"""The folder that a run writes to: rows and figures, in the place of those of an earlier run."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from PIL import Image

from latent_ofer.figure import is_figure, save_annotated, save_figure
from latent_ofer.files import to_disk, whole_file

RESULTS: Final = "results.jsonl"
FIGURES: Final = "figures"
_FIGURE: Final = re.compile(r"\d{5,}(-\d+\.png|\.jpg)")


@dataclass(frozen=True)
class ResultsFolder:
    """Takes the rows and figures of one run, image after image.

    Attributes
    ----------
    stream : binary file
        Of JSON lines.
    drawn : Path
        Folder of figures.
    """

    stream: IO[bytes]
    drawn: Path

    def add_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write an image's rows, all or none when told to stop, and hand them to the system."""
        lines = [json.dumps(row, allow_nan=False).encode() + b"\n" for row in rows]
        self.stream.write(b"".join(lines))
        self.stream.flush()

    def add_figure(self, image: int, face: int, figure: Image.Image) -> str:
        """Write the figure of a face; gives what its row says: its place below the folder."""
        name = f"{image:05d}-{face}.png"
        with whole_file(self.drawn / name) as partial:
            save_figure(figure, partial)
        return f"{FIGURES}/{name}"

    def add_annotated(self, image: int, photo: Image.Image) -> str:
        """Write an annotated photo; gives its place below the folder."""
        name = f"{image:05d}.jpg"
        with whole_file(self.drawn / name) as partial:
            save_annotated(photo, partial)
        return f"{FIGURES}/{name}"


@contextmanager
def results_in(folder: Path) -> Iterator[ResultsFolder]:
    """Take the results of a run, which replace those of an earlier one at the end.

    So they do when the program is told to stop (whatever is raised that is no `Exception`), if
    there are rows by then. Until that, and after any failure, they are beside the earlier ones,
    in names that end in ``.part``. Raises OSError.
    """
    results, figures = folder / RESULTS, folder / FIGURES
    part, drawn = part_of(results), part_of(figures)
    folder.mkdir(parents=True, exist_ok=True)
    _remove_figures(drawn)
    stopped: BaseException | None = None
    try:
        with part.open("wb") as stream:
            try:
                yield ResultsFolder(stream, drawn)
            except Exception:
                raise
            except BaseException as stop:
                stopped = stop
            to_disk(stream)
        if stopped is None or part.stat().st_size:
            os.replace(part, results)
            _replace_figures(drawn, figures)
    finally:
        _remove_if_empty(part)
    if stopped is not None:
        raise stopped


def part_of(path: Path) -> Path:
    """Where a file or folder of results is while it is made."""
    return path.with_name(f"{path.name}.part")


def _replace_figures(drawn: Path, figures: Path) -> None:
    _remove_figures(figures)
    if drawn.is_dir():
        figures.mkdir(exist_ok=True)
        for figure in drawn.iterdir():
            os.replace(figure, figures / figure.name)
        drawn.rmdir()


def _remove_figures(folder: Path) -> None:
    """Remove figures of an earlier run, and nothing else, and the folder if it is empty then."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if _FIGURE.fullmatch(path.name) and is_figure(path):
            path.unlink()
    with suppress(OSError):
        folder.rmdir()


def _remove_if_empty(path: Path) -> None:
    with suppress(OSError):
        if not path.stat().st_size:
            path.unlink()
