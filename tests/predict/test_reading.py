"""Each picture is read once, and what is drawn is what was recognised."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakes import FakeFinder, fake_model
from helpers import drawn_face
from latent_ofer.errors import ImageError
from latent_ofer.figure import Preview, draw_figure
from latent_ofer.images.guarded import GuardedDecoder
from latent_ofer.images.load import load_image
from latent_ofer.images.video import Choice
from latent_ofer.predict.reading import Origin, Picture, Place, Reader, source_of
from videos import open_here, write_video

FACE, LANDMARKS = drawn_face()


class HereDecoder(GuardedDecoder):
    """Decodes in this process."""

    def read(self, source):  # type: ignore[no-untyped-def]
        return load_image(source)


def pictures(
    images: Sequence[tuple[Path, ImageError | None]], done: Place | None = None
) -> Iterable[Picture]:
    return source_of(images, HereDecoder()).after(done)


def test_a_photo_that_vanishes_or_changes_meanwhile_is_still_the_one_that_was_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(FACE).save(path)
    model, _ = fake_model(FakeFinder([LANDMARKS]))
    expected = np.asarray(draw_figure(FACE, model.predict(path)[0]))
    reader = Reader(pictures([(path, None)] * 2), previews=True)
    outcomes = model.predict_each(reader, batch_size=2)
    first = next(outcomes)  # both are read for it
    path.write_bytes(b"something else")
    second = next(outcomes)
    path.unlink()
    for number, faces in enumerate((first, second)):
        origin, preview = reader.take()
        assert origin == Origin(path, input=number)
        assert isinstance(faces, list) and preview is not None
        np.testing.assert_array_equal(np.asarray(draw_figure(preview, faces[0])), expected)


def test_what_cannot_be_read_keeps_its_place(tmp_path: Path) -> None:
    Image.fromarray(FACE).save(tmp_path / "a.png")
    (tmp_path / "bad.png").write_bytes(b"text")
    refused = ImageError("empty", "folder", "folder: no image.")
    images = [
        *((tmp_path / "bad.png", None), (tmp_path / "a.png", None)),
        *((tmp_path / "folder", refused), (tmp_path / "a.png", None)),
    ]
    model, _ = fake_model(FakeFinder([LANDMARKS]))
    for previews in (False, True):
        reader = Reader(pictures(images), previews)
        outcomes = list(model.predict_each(reader, batch_size=1))
        codes = [o.code if isinstance(o, ImageError) else len(o) for o in outcomes]
        assert codes == ["not_an_image", 1, "empty", 1]
        assert isinstance(outcomes[0], ImageError)
        assert outcomes[0].path == str(tmp_path / "bad.png")
        kept = [reader.take() for _ in images]
        assert [origin.path for origin, _ in kept] == [path for path, _ in images]
        drawn = [preview is not None for _, preview in kept]
        assert drawn == [previews and isinstance(outcome, list) for outcome in outcomes]


def test_what_is_done_is_not_read_again(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    (first, error), (second, _) = pictures([(path, None) for path in paths], done=Place(0))
    assert (first, second) == (Origin(paths[1], input=1), Origin(paths[2], input=2))
    assert isinstance(error, ImageError) and error.code == "not_found"


def test_ready_crops_wait_as_small_as_the_networks_want_them_and_read_the_same() -> None:
    large = np.kron(FACE, np.ones((3, 2, 1), np.uint8))
    model, _ = fake_model()
    reader = Reader([(Origin(Path("a")), large)], previews=True, crop_to=model.image_size)
    (waiting,) = list(reader)
    assert isinstance(waiting, np.ndarray) and waiting.shape == (112, 112, 3)
    small, whole = (model.predict(image, crops=True)[0] for image in (waiting, large))
    assert small.probabilities == whole.probabilities
    _, preview = reader.take()
    assert preview is not None and preview.scale == 482 / 336


def test_photos_are_kept_nearly_as_they_were_read_and_in_order(tmp_path: Path) -> None:
    Image.fromarray(FACE).save(tmp_path / "a.png")
    (tmp_path / "bad.png").write_bytes(b"text")
    images = [(tmp_path / "bad.png", None), (tmp_path / "a.png", None)]
    reader = Reader(pictures(images), photos=True)
    assert [type(source) for source in reader] == [ImageError, np.ndarray]
    assert reader.take_photo() is None
    photo = reader.take_photo()
    assert photo is not None and photo.shape == FACE.shape
    assert np.abs(photo.astype(int) - FACE).mean() < 2
    assert [preview for _, preview in (reader.take(), reader.take())] == [None, None]


@pytest.mark.parametrize("shape", [(3000, 40, 3), (40, 3000, 3), (4, 4, 3)])
def test_a_preview_is_as_large_as_its_panel_whatever_the_photo(shape: tuple[int, ...]) -> None:
    preview = Preview.of(np.zeros(shape, np.uint8))
    assert max(preview.image.size) == round(preview.scale * max(shape)) == 482


def test_a_cut_video_ends_with_one_error_which_is_not_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedDecoder, "open_video", open_here)
    path = write_video(tmp_path / "a.avi", [FACE] * 12)
    path.write_bytes(path.read_bytes()[:-2000])
    images = [(path, None), (tmp_path / "none.mp4", None)]
    *frames, (error, refused), (last, missing) = pictures(images)
    assert [origin.frame for origin, _ in frames] == list(range(len(frames)))
    assert error == Origin(path, len(frames), None, 0)
    assert isinstance(refused, ImageError) and refused.code == "truncated"
    assert last == Origin(tmp_path / "none.mp4", input=1)
    assert isinstance(missing, ImageError) and missing.code == "not_found"
    for done in range(len(frames)):
        rest = [origin for origin, _ in pictures(images, Place(0, done))]
        assert rest == [*(origin for origin, _ in frames[done + 1 :]), error, last]
    assert [origin for origin, _ in pictures(images, Place(0, len(frames)))] == [last]


def test_a_header_that_says_how_many_frames_there_are_makes_the_total(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedDecoder, "open_video", open_here)
    path = write_video(tmp_path / "a.mp4", [FACE] * 12)
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(path.read_bytes()[:60])
    images = [(path, None), (bad, None), (tmp_path / "none.png", None)]
    assert source_of(images, HereDecoder(), Choice(every=5)).total == 3 + 1 + 1
