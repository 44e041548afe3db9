"""Outcomes come in order, with their files, and do not wait for ever."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from fakes import FakeFinder, fake_model
from helpers import drawn_face
from latent_ofer.errors import ImageError
from latent_ofer.results import Faces

FACE, LANDMARKS = drawn_face()
PLAIN = np.full((64, 64, 3), 255, np.uint8)


def test_where_faces_are_rare_images_do_not_wait_for_a_full_batch() -> None:
    model, backend = fake_model(FakeFinder([LANDMARKS]))
    read = 0

    def images() -> Iterator[np.ndarray]:
        nonlocal read
        for read in range(1, 1000):
            yield FACE if read == 1 else PLAIN

    first = next(model.predict_each(images(), batch_size=3))
    assert isinstance(first, list) and len(first) == 1
    assert read == 12 and backend.batches == [1]


def test_a_failure_of_ours_keeps_the_images_name_on_one_line(tmp_path: Path) -> None:
    class Broken(FakeFinder):
        def find(self, image: np.ndarray) -> list:
            raise RuntimeError("boom\nbang")

    path = tmp_path / "two\nlines.png"
    Image.fromarray(FACE).save(path)
    model, _ = fake_model(Broken([]))
    error = model.predict(path, on_error="return")
    assert isinstance(error, ImageError) and error.code == "internal"
    assert error.path == str(path)
    assert error.message.endswith(
        "lines.png: failed (RuntimeError: boom bang); please report this image."
    )


def test_faces_know_the_file_that_they_are_from(tmp_path: Path) -> None:
    Image.fromarray(FACE).save(tmp_path / "a.png")
    model, _ = fake_model()
    found = model.predict([tmp_path / "a.png", FACE], crops=True)
    assert [faces.path for faces in found if isinstance(faces, Faces)] == [
        str(tmp_path / "a.png"),
        None,
    ]
