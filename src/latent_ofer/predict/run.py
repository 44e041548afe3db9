"""A whole run: pictures in, rows out as they come, from where an earlier run was cut short."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from latent_ofer.ahead import ahead
from latent_ofer.errors import ImageError, LatentOFERError
from latent_ofer.figure import draw_figure
from latent_ofer.overlay import annotate
from latent_ofer.pipeline import LatentOFER
from latent_ofer.predict.journal import Entry, Input, Journal, Run
from latent_ofer.predict.reading import Reader, Source
from latent_ofer.predict.results_folder import ResultsFolder
from latent_ofer.predict.rows import TABLE_COLUMNS, Columns, rows_of
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
    no_face: int = 0
    resumed: int = 0
    expressions: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Count what one picture gave."""
        self.images += 1
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
    for entry in journal.entries():
        counts.add(entry)
    counts.resumed = counts.images
    if not counts.resumed:
        results.forget_drawn()
    try:
        try:
            check_errors(counts, options)
            _recognise(results, journal, model, source, options, counts, tell)
        finally:
            journal.close()
        _publish(results, journal, options)
    except TooManyErrorsError:
        _publish(results, journal, options)
        raise
    except Exception:
        raise
    except BaseException:
        if counts.images:
            _publish(results, journal, options)
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
) -> None:
    crop_to = model.image_size if options.crops else None
    reader = Reader(source.after(counts.images), options.figures, crop_to, options.annotate)
    # Crops are small by the time that they wait; of photos, one more in memory must do.
    pictures = ahead(reader, options.batch_size if options.crops else 1)
    outcomes = model.predict_each(
        pictures,
        crops=options.crops,
        labels=options.labels,
        batch_size=options.batch_size,
        abstain_below=options.abstain_below,
    )
    bar = track(outcomes, source.total, "Images", done=counts.images)
    with ExitStack() as ends:
        ends.enter_context(closing(pictures))
        ends.callback(source.stop)  # before the thread that waits for it
        answers = ends.enter_context(closing(iter(bar)))
        for outcome in answers:
            origin, preview = reader.take()
            if isinstance(outcome, ImageError) and outcome.path is None:
                outcome = outcome.named(os.fspath(origin.path))
            flat = results.form != "jsonl"
            rows = rows_of(options.columns, counts.images, origin, outcome, flat)
            if preview is not None and isinstance(outcome, list):
                for face, (result, row) in enumerate(zip(outcome, rows, strict=False)):
                    name = results.add_figure(counts.images, face, draw_figure(preview, result))
                    if options.columns == "latent-ofer":
                        row["figure"] = name
            photo = reader.take_photo()
            if photo is not None and isinstance(outcome, list) and outcome:
                annotated = Image.fromarray(annotate(photo, outcome))
                name = results.add_annotated(counts.images, annotated)
                if options.columns == "latent-ofer":
                    rows = [{**row, "annotated": name} for row in rows]
            entry = _entry(outcome, rows)
            journal.add(entry)
            counts.add(entry)
            if isinstance(outcome, ImageError):
                tell(outcome)
                check_errors(counts, options)


def _entry(outcome: Outcome, rows: Sequence[Mapping[str, Any]]) -> Entry:
    if isinstance(outcome, list):
        return Entry(None, [face.expression for face in outcome], rows)
    return Entry(outcome.code, [], rows)


def check_errors(counts: Counts, options: Options) -> None:
    """Raise TooManyErrorsError where there are more than the user wanted to bear."""
    if options.max_errors is not None and counts.errors.total() > options.max_errors:
        raise TooManyErrorsError(
            f"{counts.errors.total()} of {counts.images} images cannot be used, --max-errors "
            f"allows {options.max_errors}"
        )


def _publish(results: ResultsFolder, journal: Journal, options: Options) -> None:
    columns = dict(TABLE_COLUMNS[options.columns])
    if options.figures and options.columns == "latent-ofer":
        columns["figure"] = str
    if options.annotate and options.columns == "latent-ofer":
        columns["annotated"] = str
    rows = (row for entry in journal.entries() for row in entry.rows)
    results.publish(columns, rows)
