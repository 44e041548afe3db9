"""A run ends at once when it is told to, whatever is being read."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes import fake_model
from helpers import drawn_face
from latent_ofer.errors import ImageError
from latent_ofer.predict.journal import Journal
from latent_ofer.predict.reading import Origin, Picture, Source
from latent_ofer.predict.results_folder import ResultsFolder
from latent_ofer.predict.run import Counts, Options, describe, predict_into

FACE, _ = drawn_face()
MODEL, _ = fake_model()
FILM = Path("film.mp4")
CROPS = Options(crops=True, batch_size=1)


class Told(BaseException):
    """As the command is told to stop."""


def run(folder: Path, source: Source, counts: Counts, tell=lambda _: None, model=MODEL) -> None:  # type: ignore[no-untyped-def]
    results = ResultsFolder.of(folder)
    journal = Journal.open(results.journal, describe(model, [(FILM, None)], CROPS, results))
    predict_into(results, journal, model, source, CROPS, counts, tell)


def test_what_is_being_read_keeps_nobody_waiting(tmp_path: Path) -> None:
    reading, stopped = threading.Event(), threading.Event()

    def pictures(_: int) -> Iterator[Picture]:
        yield Origin(Path("a")), ImageError("empty", "a", "a: empty.")
        reading.set()
        stopped.wait(20)  # a file that its decoder hangs at

    def told(_: ImageError) -> None:
        assert reading.wait(10)
        raise Told

    counts, begun = Counts(), time.monotonic()
    with pytest.raises(Told):
        run(tmp_path, Source(pictures, 9, stopped.set), counts, told)
    assert time.monotonic() - begun < 10
    assert (tmp_path / "results.jsonl").read_text().count("\n") == counts.images == 1


def test_a_source_of_frames_fills_the_columns_that_photos_leave_empty(tmp_path: Path) -> None:
    frames: list[Picture] = [(Origin(FILM, n, n / 25), FACE) for n in range(3)]
    counts = Counts()
    run(tmp_path, Source(lambda done: frames[done:], 3, lambda: None), counts)
    rows = (tmp_path / "results.jsonl").read_text().splitlines()
    assert '"path": "film.mp4", "frame": 2, "time": 0.08, "track": 0' in rows[2]
    assert counts.expressions.total() == counts.images == 3


def test_the_networks_are_at_the_next_batch_while_rows_are_written(tmp_path: Path) -> None:
    begun = [threading.Event() for _ in range(3)]

    def pictures(_: int) -> Iterator[Picture]:
        for number in range(3):
            name = str(number)
            yield Origin(Path(name)), ImageError("empty", name, f"{name}: empty.")

    class Model:
        """Recognises one picture at a time."""

        weights, image_size = None, 112

        def predict_each(self, images: Iterator[object], **_: object) -> Iterator[object]:
            for event, image in zip(begun, images, strict=False):
                event.set()
                yield image

    def told(error: ImageError) -> None:
        if int(str(error.path)) < 2:
            assert begun[int(str(error.path)) + 1].wait(10)

    counts = Counts()
    run(tmp_path, Source(pictures, 3, lambda: None), counts, told, Model())
    assert counts.errors.total() == 3
