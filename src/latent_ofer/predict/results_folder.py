"""Where a run's results lie: table, figures, and the journal that it is written to meanwhile.

Table and figures replace those of an earlier run at the end, or when the run is told to stop.
Until then, and after any failure, what is done is in the journal.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image

from latent_ofer.figure import is_figure, save_annotated, save_figure
from latent_ofer.files import to_disk, whole_file, write_text
from latent_ofer.predict.tables import FORMATS, Format, write_table

_FIGURE: Final = re.compile(r"\d{5,}(-\d+\.png|\.jpg|\.mp4)")
_FRAME: Final = re.compile(r"frame-\d{5,}\.jpg")
_OF_TRACKS: Final = b'{\n "smoothing": {'
"""What such a file begins with."""
_HALF_WRITTEN: Final = re.compile(r"\.[0-9a-f]{16}\.(png|jpg|mp4)")


@dataclass(frozen=True)
class ResultsFolder:
    """Places of results.

    Attributes
    ----------
    table : Path
        Of rows; its folder is that of all results.
    form : Format
        Of the table.
    """

    table: Path
    form: Format

    @classmethod
    def of(cls, output: Path, form: Format | None = None) -> "ResultsFolder":
        """The folder that a user means, or the file: by its ending, where it has one of ours.

        Raises ValueError where that and `form` disagree.
        """
        ending = output.suffix.lower().removeprefix(".")
        if ending not in FORMATS or output.is_dir():
            return cls(output / f"results.{form or 'jsonl'}", form or "jsonl")
        named: Format = ending
        if form not in (None, named):
            raise ValueError(f"{output}: its name says {named}, --format says {form}")
        return cls(output, named)

    @property
    def folder(self) -> Path:
        """What holds all of it."""
        return self.table.parent

    @property
    def journal(self) -> Path:
        """What is done, while the run is not."""
        return self.table.with_name(f"{self.table.stem}.unfinished.jsonl")

    @property
    def figures(self) -> Path:
        """Of a finished run."""
        stem = self.table.stem
        return self.table.with_name("figures" if stem == "results" else f"{stem}-figures")

    @property
    def tracks(self) -> Path:
        """Of what became of the faces of videos."""
        stem = self.table.stem
        return self.table.with_name("tracks.json" if stem == "results" else f"{stem}-tracks.json")

    @property
    def drawn(self) -> Path:
        """Figures of an unfinished run."""
        return part_of(self.figures)

    def add_figure(self, image: int, face: int, figure: Image.Image) -> str:
        """Write the figure of a face; gives what its row says: its place below the folder."""
        name = f"{image:05d}-{face}.png"
        with whole_file(self.drawn / name) as partial:
            save_figure(figure, partial)
        return f"{self.figures.name}/{name}"

    def add_annotated(self, image: int, photo: Image.Image) -> str:
        """Write an annotated photo; gives its place below the folder."""
        name = f"{image:05d}.jpg"
        with whole_file(self.drawn / name) as partial:
            save_annotated(photo, partial)
        return f"{self.figures.name}/{name}"

    def add_frame(self, image: int, video: int, frame: Image.Image) -> str:
        """Keep an annotated frame, for the video that is made at the end; gives its place."""
        with whole_file(self.frame(image)) as partial:
            save_annotated(frame, partial)
        return f"{self.figures.name}/{self.annotated_video(video).name}"

    def frame(self, image: int) -> Path:
        """Of an annotated frame, while the run is not finished."""
        return self.drawn / f"frame-{image:05d}.jpg"

    def annotated_video(self, video: int) -> Path:
        """Of the annotated frames of one of the run's inputs, before it is published."""
        return self.drawn / f"{video:05d}.mp4"

    def publish(self, columns: Mapping[str, type], rows: Iterable[Mapping[str, Any]]) -> None:
        """Let what is done take the place of earlier results; it stays here to go on. OSError."""
        part = part_of(self.table)
        write_table(part, self.form, columns, rows)
        with part.open("r+b") as stream:
            to_disk(stream)
        os.replace(part, self.table)
        _remove_figures(self.figures)
        if self.drawn.is_dir():
            self.figures.mkdir(exist_ok=True)
            for figure in self.drawn.iterdir():
                if _FIGURE.fullmatch(figure.name):
                    _shared(figure, self.figures / figure.name)

    def publish_tracks(self, summary: Mapping[str, Any] | None) -> None:
        """Write what became of the faces of videos, or remove an earlier run's. Raises OSError."""
        if summary is not None:
            write_text(self.tracks, json.dumps(summary, indent=1, allow_nan=False) + "\n")
            return
        with suppress(FileNotFoundError):
            with self.tracks.open("rb") as stream:
                ours = stream.read(len(_OF_TRACKS)) == _OF_TRACKS
            if ours:
                self.tracks.unlink()

    def forget(self) -> None:
        """Remove the journal and what was drawn: they are published, or of no use. OSError."""
        self.journal.unlink(missing_ok=True)
        self.forget_drawn()

    def forget_drawn(self) -> None:
        """Remove what an unfinished run has drawn. Raises OSError."""
        _remove_figures(self.drawn)


def part_of(path: Path) -> Path:
    """Where a file or folder of results is while it is made."""
    return path.with_name(f"{path.name}.part")


def _shared(source: Path, target: Path) -> None:
    """Give a figure a second name, or make a copy where there is no such thing."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _remove_figures(folder: Path) -> None:
    """Remove figures of an earlier run, and nothing else, and the folder if it is empty then."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        named = _FIGURE.fullmatch(path.name) or _FRAME.fullmatch(path.name)
        if (named and is_figure(path)) or _HALF_WRITTEN.fullmatch(path.name):
            path.unlink()
    with suppress(OSError):
        folder.rmdir()
