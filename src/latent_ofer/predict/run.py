"""A whole run: pictures in, rows out as they come, from where an earlier run was cut short."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from latent_ofer.ahead import ahead
from latent_ofer.arrays import Pixels
from latent_ofer.errors import ImageError, LatentOFERError
from latent_ofer.pipeline import LatentOFER
from latent_ofer.predict.annotated_video import write_videos
from latent_ofer.predict.drawing import draw_annotated, draw_figures
from latent_ofer.predict.following import Follower
from latent_ofer.predict.journal import Entry, Input, Journal, Run, Seen
from latent_ofer.predict.reading import Origin, Place, Reader, Source
from latent_ofer.predict.results_folder import ResultsFolder
from latent_ofer.predict.rows import SMOOTHED_COLUMNS, TABLE_COLUMNS, Columns, add_track, rows_of
from latent_ofer.predict.summary import TrackSummary
from latent_ofer.progress import track
from latent_ofer.results import Outcome


class TooManyErrorsError(LatentOFERError):
    """More images than the user wanted to bear cannot be used."""


@dataclass(frozen=True)
class Options:
    """What a run does with each picture; see `latent-ofer predict --help`."""

    crops: bool = False
    labels: int = 8
    batch_size: int = 32
    figures: bool = False
    columns: Columns = "latent-ofer"
    max_errors: int | None = None
    abstain_below: float = 0
    annotate: bool = False


@dataclass
class Counts:
    """What a run has done, earlier parts of it included."""

    images: int = 0
    frames: int = 0
    no_face: int = 0
    resumed: int = 0
    expressions: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Count what one picture gave."""
        self.images += 1
        self.frames += entry.frame is not None
        self.expressions.update(entry.faces)
        self.errors.update([] if entry.code is None else [entry.code])
        self.no_face += entry.code is None and not entry.faces


def describe(
    model: LatentOFER,
    images: Sequence[tuple[Path, ImageError | None]],
    options: Options,
    results: ResultsFolder,
    **more: str,
) -> Run:
    """What the rows of a run depend on; `more` are further settings."""
    return Run(
        {
            **{"weights": fingerprint(model), **more},
            **{"crops": options.crops, "labels": options.labels, "figures": options.figures},
            "annotate": options.annotate,
            **{"columns": options.columns, "format": results.form},
            "abstain_below": options.abstain_below,
        },
        [_input(path, error) for path, error in images],
    )


def fingerprint(model: LatentOFER) -> str:
    """What tells a model's weights from others: 16 hexadecimal digits."""
    manifest = None if model.weights is None else model.weights.manifest
    text = json.dumps(manifest, sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()[:16]


def _input(path: Path, error: ImageError | None) -> Input:
    name = os.fspath(path)
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return name, None, None
    # That of a folder changes with whatever is written into it.
    return (name, status.st_size, status.st_mtime_ns) if error is None else (name, None, None)


def predict_into(
    results: ResultsFolder,
    journal: Journal,
    model: LatentOFER,
    source: Source,
    options: Options,
    counts: Counts,
    tell: Callable[[ImageError], None],
) -> None:
    """Recognise all pictures that the journal does not have yet, and publish what it has.

    Parameters
    ----------
    results, journal
        Where rows and figures go.
    model, source, options
        What is done. Pictures are read on a thread of their own, ahead of the networks.
    counts : Counts
        Takes what is done, also where this fails or is told to stop.
    tell : callable
        Takes the error of each image that cannot be used.

    Raises
    ------
    TooManyErrorsError
        As `options.max_errors` wants; what is done is published.
    Exception, BaseException
        Whatever goes wrong, or tells the program to stop: what is done is in the journal, and
        published as well by whatever is no `Exception`.
    """
    follower, done = Follower(), None
    for entry in journal.entries():
        counts.add(entry)
        follower.replay(entry)
        done = Place(entry.input, entry.frame)
    counts.resumed = counts.images
    if not counts.resumed:
        results.forget_drawn()
    try:
        try:
            check_errors(counts, options)
            _recognise(results, journal, model, source, options, counts, tell, follower, done)
        finally:
            journal.close()
        if options.annotate:
            write_videos(results, journal.entries())
        _publish(results, journal, options, counts)
    except TooManyErrorsError:
        _publish(results, journal, options, counts)
        raise
    except Exception:
        raise
    except BaseException:
        if counts.images:
            _publish(results, journal, options, counts)
        raise
    finally:
        if not counts.images:
            results.forget()
    results.forget()


def _recognise(
    results: ResultsFolder,
    journal: Journal,
    model: LatentOFER,
    source: Source,
    options: Options,
    counts: Counts,
    tell: Callable[[ImageError], None],
    follower: Follower,
    done: Place | None,
) -> None:
    crop_to = model.image_size if options.crops else None
    reader = Reader(source.after(done), options.figures, crop_to, options.annotate)
    # Crops are small by the time that they wait; of photos, one more in memory must do.
    pictures = ahead(reader, options.batch_size if options.crops else 1)
    outcomes = _outcomes(model, pictures, options)
    with ExitStack() as ends:
        ends.enter_context(closing(pictures))
        ends.callback(source.stop)  # before the thread that waits for it
        before, count = follower.forgotten
        if count and not source.live:
            again = (picture for _, picture in islice(source.after(before), count))
            follower.remember(_outcomes(model, again, options))
        if not source.live:
            # While the rows of a batch are written, the networks are at the next one.
            outcomes = ahead(outcomes, options.batch_size, source.stop)
            ends.enter_context(closing(outcomes))
        bar = track(outcomes, source.total, "Images", done=counts.images)
        answers = ends.enter_context(closing(iter(bar)))
        for outcome in answers:
            origin, preview = reader.take()
            if isinstance(outcome, ImageError) and outcome.path is None:
                outcome = outcome.named(os.fspath(origin.path))
            flat = results.form != "jsonl"
            rows = rows_of(options.columns, counts.images, origin, outcome, flat)
            followed = follower.see(origin, outcome)
            figures, annotated = [], None
            photo = reader.take_photo()
            if isinstance(outcome, list):
                if preview is not None:
                    figures = draw_figures(results, counts.images, preview, outcome)
                if photo is not None:
                    place = (results, counts.images, origin)
                    annotated = draw_annotated(*place, photo, outcome, followed)
            if options.columns == "latent-ofer":
                for row, one in zip(rows, followed, strict=False):
                    add_track(row, one, flat)
                for row, figure in zip(rows, figures, strict=False):
                    row["figure"] = figure
                rows = [{**row, "annotated": annotated} for row in rows] if annotated else rows
            entry = _entry(origin, outcome, rows, [one.seen for one in followed])
            journal.add(entry)
            counts.add(entry)
            if isinstance(outcome, ImageError):
                tell(outcome)
                check_errors(counts, options)


def _entry(
    origin: Origin, outcome: Outcome, rows: Sequence[Mapping[str, Any]], seen: Sequence[Seen]
) -> Entry:
    place = (origin.input, origin.frame, origin.time)
    if isinstance(outcome, list):
        return Entry(None, [face.expression for face in outcome], rows, *place, seen)
    return Entry(outcome.code, [], rows, *place)


def check_errors(counts: Counts, options: Options) -> None:
    """Raise TooManyErrorsError where there are more than the user wanted to bear."""
    if options.max_errors is not None and counts.errors.total() > options.max_errors:
        raise TooManyErrorsError(
            f"{counts.errors.total()} of {counts.images} images cannot be used, --max-errors "
            f"allows {options.max_errors}"
        )


def _publish(results: ResultsFolder, journal: Journal, options: Options, counts: Counts) -> None:
    columns = dict(TABLE_COLUMNS[options.columns])
    if options.columns == "latent-ofer":
        added = {"figure": options.figures, "annotated": options.annotate}
        columns.update(SMOOTHED_COLUMNS if counts.frames else {})
        columns.update({name: str for name, wanted in added.items() if wanted})
    summary = TrackSummary([name for name, *_ in journal.run.inputs])

    def rows() -> Iterator[Mapping[str, Any]]:
        for entry in journal.entries():
            summary.add(entry)
            yield from entry.rows

    results.publish(columns, rows())
    results.publish_tracks(summary.to_dict() if counts.frames else None)


def _outcomes(
    model: LatentOFER, pictures: Iterable[Pixels | ImageError], options: Options
) -> Iterator[Outcome]:
    return model.predict_each(
        pictures,
        crops=options.crops,
        labels=options.labels,
        batch_size=options.batch_size,
        abstain_below=options.abstain_below,
    )
