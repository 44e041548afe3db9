"""Pictures in a report: of the faces that are worth it, as the networks saw them."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import drawn_face
from latent_ofer.images.align import align_face
from latent_ofer.images.guarded import GuardedDecoder
from latent_ofer.report import pictures as module
from latent_ofer.report.pictures import GONE, NO_PYAV, UNREADABLE, choose, pictures
from latent_ofer.report.rows import FaceRow, Row
from result_rows import write_photo
from videos import open_here, plain, write_video

FACE, LANDMARKS = drawn_face(300)


def face(expression: str = "neutral", confidence: float = 0.5, hidden: float = 0, **more):
    return FaceRow(expression, confidence, hidden, {}, expression, confidence, {}, {}, **more)


def test_the_least_certain_and_the_most_hidden_are_chosen_some_of_each_expression() -> None:
    rng = np.random.default_rng(0)
    faces = [face("neutral", c, h) for c, h in rng.random((500, 2))]
    faces += [face("fear", 0.9, 0.1), face("fear", 0.95, 0.0)]
    chosen = choose(faces, 40)
    assert len(set(chosen)) == 40 and chosen == sorted(chosen)
    assert {int(np.argmin([one.confidence for one in faces]))} <= set(chosen)
    assert {int(np.argmax([one.hidden for one in faces]))} <= set(chosen)
    assert {500, 501} <= set(chosen)
    assert choose(faces, 0) == []
    assert choose(faces, 502) == list(range(502)) == choose(faces, 9999)


def picture_of(row: Row, folder: Path) -> np.ndarray | str:
    ((_, data),) = pictures([row], folder)
    return data if isinstance(data, str) else np.asarray(Image.open(io.BytesIO(data)))


def test_a_picture_shows_the_face_as_it_was_aligned(tmp_path: Path) -> None:
    Image.fromarray(np.pad(FACE, ((50, 0), (90, 0), (0, 0)))).save(tmp_path / "a.png")
    landmarks = LANDMARKS + (90, 50)
    aligned = align_face(np.pad(FACE, ((50, 0), (90, 0), (0, 0))), landmarks)
    found = picture_of(Row("a", "a.png", face(landmarks=landmarks.tolist())), tmp_path)
    assert np.abs(found.astype(int) - aligned).mean() < 6
    boxed = picture_of(Row("a", "a.png", face(box=[90.0, 50.0, 390.0, 350.0])), tmp_path)
    assert np.abs(boxed.astype(int) - drawn_face()[0]).mean() < 15


def test_why_there_is_no_picture_is_said(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png", 0)
    (tmp_path / "bad.png").write_bytes(b"text")
    far = [[1e300, 0.0]] * 4 + [[0.0, 0.0]]
    for row, why in (
        (Row("g", "gone.png", face()), GONE),
        (Row("g", "null\0.png", face()), GONE),
        (Row("b", "bad.png", face()), UNREADABLE),
        (Row("g", "gone.mp4", face(frame=3)), GONE),
        (Row("a", "a.png", face(landmarks=far)), UNREADABLE),
        (Row("a", "a.png", face(landmarks=[[1.0, 2.0]])), UNREADABLE),
        (Row("a", "a.png", face(box=[500.0, 500.0, 600.0, 600.0])), UNREADABLE),
    ):
        assert picture_of(row, tmp_path) == why


def test_each_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    load = module.load_image
    monkeypatch.setattr(module, "load_image", lambda path: read.append(path) or load(path))
    for name in ("a.png", "b.png"):
        write_photo(tmp_path / name, 0)
    rows = [Row(name, name, face()) for name in ("a.png", "b.png", "a.png", "b.png")]
    assert sorted(place for place, _ in pictures(rows, tmp_path)) == [0, 1, 2, 3]
    assert len(read) == 2


def test_faces_of_a_video_come_from_their_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedDecoder, "open_video", open_here)
    write_video(tmp_path / "a.mp4", plain(20))
    write_photo(tmp_path / "a.png", 0)
    rows = [
        *(Row("a.mp4", "a.mp4", face(frame=n, box=[5.0, 5.0, 40.0, 40.0])) for n in (15, 3, 99)),
        Row("a.png", "a.png", face()),
        Row("a.png", "a.png", face(frame=1)),
    ]
    found = dict(pictures(rows, tmp_path))
    assert [found[2], found[4]] == [UNREADABLE] * 2 and isinstance(found[3], bytes)
    for place, level in ((0, 8 * 15), (1, 8 * 3)):
        cut = found[place]
        assert isinstance(cut, bytes)
        picture = np.asarray(Image.open(io.BytesIO(cut)))
        assert picture.shape == (112, 112, 3) and abs(picture.mean() - level) < 4
    monkeypatch.setattr("latent_ofer.images.video.find_spec", lambda _: None)
    assert dict(pictures(rows[:1], tmp_path)) == {0: NO_PYAV}
