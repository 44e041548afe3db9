"""`latent-ofer predict` on videos: a row a face a frame, tracks, and no frame twice or never."""

import itertools
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from numpy.typing import NDArray
from PIL import Image

from cameras import at_25_a_second
from fakes import FakeFinder, fake_model
from helpers import drawn_face
from latent_ofer import LatentOFER
from latent_ofer.cli.main import main
from latent_ofer.cli.stopping import Stopped
from latent_ofer.images.guarded import GuardedDecoder
from latent_ofer.images.load import load_image
from latent_ofer.images.video import Choice, Video
from videos import open_here, write_video

FACE, LANDMARKS = drawn_face()


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch) -> LatentOFER:
    model, _ = fake_model(FakeFinder([LANDMARKS, LANDMARKS + 120]))
    monkeypatch.setattr(LatentOFER, "from_pretrained", lambda *_, **__: model)
    return model


@pytest.fixture(autouse=True)
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode in this process, which is quicker to start."""
    monkeypatch.setattr(GuardedDecoder, "start", lambda _: None)
    monkeypatch.setattr(GuardedDecoder, "read", lambda _, path: load_image(path))
    monkeypatch.setattr(GuardedDecoder, "open_video", open_here)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Twelve frames of two faces, of which the last ones are brighter and brighter."""
    faces = np.hstack([FACE, drawn_face(seed=3)[0]])
    picture = np.vstack([faces, faces[:, ::-1]])
    return write_video(
        tmp_path / "film.mp4",
        [np.minimum(picture + 9.0 * max(0, n - 6), 255).astype(np.uint8) for n in range(12)],
    )


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def rows(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "results.jsonl").read_text().splitlines()]


def tracks(output: Path) -> list[dict[str, Any]]:
    videos: list[dict[str, Any]] = json.loads((output / "tracks.json").read_text())["videos"]
    return videos


def test_each_face_of_each_frame_has_a_row_and_one_track_through_the_video(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(FACE).save(tmp_path / "a.png")
    assert run("predict", tmp_path, "--output", tmp_path / "out") == 0
    photo, found = rows(tmp_path / "out")[:2], rows(tmp_path / "out")[2:]
    assert [(row["frame"], row["time"], row["track"]) for row in photo] == [(None,) * 3] * 2
    assert "smoothed" not in photo[0]
    where = [(row["frame"], row["time"], row["face"], row["track"]) for row in found]
    assert where == [(n, n / 25, face, face) for n in range(12) for face in range(2)]
    assert found[0]["smoothed"]["probabilities"] == found[0]["probabilities"]
    assert found[-2]["smoothed"]["probabilities"] != found[-2]["probabilities"]
    (video,) = tracks(tmp_path / "out")
    assert video["path"] == str(film)
    assert [(track["track"], track["frames"]) for track in video["tracks"]] == [(0, 12), (1, 12)]
    told = capsys.readouterr().out
    assert "Images: 13, faces: 26" in told and "Frames of videos among them: 12." in told


def test_some_frames_only(film: Path, tmp_path: Path) -> None:
    for words, frames in (
        (("--every", 5), [0, 5, 10]),
        (("--per-second", 10), [0, 3, 5, 8, 10]),
    ):
        assert run("predict", film, *words, "--output", tmp_path / "out", "--restart") == 0
        assert [row["frame"] for row in rows(tmp_path / "out")[::2]] == frames
    assert run("predict", film, *words, "--every", 2, "--output", tmp_path / "out") == 2


def test_tables_have_the_smoothed_columns_where_there_are_videos(
    film: Path, tmp_path: Path
) -> None:
    assert run("predict", film, "--output", tmp_path / "f.csv") == 0
    table = pandas.read_csv(tmp_path / "f.csv")
    assert list(table.columns[:5]) == ["file", "file_b64", "frame", "time", "track"]
    assert list(table.track) == [0, 1] * 12
    assert table.filter(like="smoothed_p_").sum(axis=1).tolist() == pytest.approx([1] * 24)
    assert set(table.smoothed_expression) <= set(table.expression)
    assert (tmp_path / "f-tracks.json").exists()
    assert run("predict", film, "--columns", "py-feat", "--output", tmp_path / "p.csv") == 0
    assert "track" not in pandas.read_csv(tmp_path / "p.csv")
    ours, theirs = (
        json.loads((tmp_path / f"{name}-tracks.json").read_text())["videos"][0]["tracks"]
        for name in "fp"
    )
    assert [len(each["changes"]) > 0 for each in theirs] == [True] * len(ours)
    Image.fromarray(FACE).save(tmp_path / "a.png")
    assert run("predict", tmp_path / "a.png", "--output", tmp_path / "f.csv") == 0
    assert "smoothed_expression" not in pandas.read_csv(tmp_path / "f.csv")
    assert not (tmp_path / "f-tracks.json").exists()


def test_a_stopped_run_goes_on_with_the_same_rows_and_tracks(
    film: Path,
    tmp_path: Path,
    model: LatentOFER,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Image.fromarray(FACE).save(tmp_path / "a.png")
    cut = tmp_path / "cut.avi"
    cut.write_bytes(write_video(tmp_path / "x.avi", [FACE] * 20).read_bytes()[:-3000])
    words = ["predict", film, tmp_path / "a.png", cut, film, "--every", 3, "--batch-size", 1]
    assert run(*words, "--output", tmp_path / "whole") == 1
    errors = [row for row in rows(tmp_path / "whole") if row["status"] == "error"]
    assert [(row["error"]["code"], row["time"]) for row in errors] == [("truncated", None)]
    assert errors[0]["frame"] > 2
    whole = model.predict_each
    resumed = 0

    def four(images: Any, **options: Any) -> Iterator[Any]:
        for number, outcome in enumerate(whole(images, **options)):
            if number == 4:
                raise Stopped(15)
            yield outcome

    monkeypatch.setattr(model, "predict_each", four)
    while (code := run(*words, "--output", tmp_path / "cut")) == 143:
        resumed += 1
    assert (code, resumed) == (1, 3)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    assert tracks(tmp_path / "cut") == tracks(tmp_path / "whole")
    assert "going on with an unfinished run: 4 of" in capsys.readouterr().err


def test_an_annotated_video_has_the_frames_that_were_read_at_their_times(
    film: Path, tmp_path: Path, model: LatentOFER, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(FACE).save(tmp_path / "a.png")
    words = ["predict", tmp_path / "a.png", film, "--every", 2, "--annotate", "--batch-size", 1]
    output = tmp_path / "out"
    whole = model.predict_each

    def three(images: Any, **options: Any) -> Iterator[Any]:
        for number, outcome in enumerate(whole(images, **options)):
            if number == 3:
                raise Stopped(15)
            yield outcome

    monkeypatch.setattr(model, "predict_each", three)
    assert run(*words, "--output", output) == 143
    assert [path.name for path in (output / "figures").iterdir()] == ["00000.jpg"]
    monkeypatch.setattr(model, "predict_each", whole)
    assert run(*words, "--output", output) == 0
    assert sorted(path.name for path in output.iterdir()) == [
        *("figures", "results.jsonl", "tracks.json")
    ]
    assert sorted(path.name for path in (output / "figures").iterdir()) == [
        *("00000.jpg", "00001.mp4")
    ]
    assert {row["annotated"] for row in rows(output)[2:]} == {"figures/00001.mp4"}
    _, drawn = open_here(GuardedDecoder(), output / "figures" / "00001.mp4", Choice())
    _, read = open_here(GuardedDecoder(), film, Choice(every=2))
    wanted = [frame for frame in read if frame.pixels is not None]
    for ours, theirs in zip(drawn, wanted, strict=True):
        assert ours.time == pytest.approx(theirs.time, abs=1e-3)
        assert ours.pixels is not None and theirs.pixels is not None
        assert ours.pixels.shape == theirs.pixels.shape
        off = np.abs(ours.pixels.astype(int) - theirs.pixels).max(axis=2)
        assert 0.01 < (off > 60).mean() < 0.5  # boxes and labels, and nothing else
    assert run("predict", output, tmp_path / "a.png", "--output", output) == 1  # nothing but ours
    assert [path.name for path in output.iterdir()] == ["results.jsonl"]


def test_without_pyav_a_video_is_an_error_row_that_says_what_to_install(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latent_ofer.images.video.find_spec", lambda _: None)
    assert run("predict", film, "--output", tmp_path / "out") == 2
    (row,) = rows(tmp_path / "out")
    assert (row["frame"], row["error"]["code"]) == (None, "unsupported_format")
    assert "latent-ofer[video]" in row["error"]["message"]


@pytest.fixture
def camera(film: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Shows the film's pictures over and over; gives what stops the program at the fifth."""
    stop = False

    def pictures() -> Iterator[NDArray[np.uint8]]:
        shown = [frame.pixels for frame in Video(str(film), Choice()) if frame.pixels is not None]
        for number, picture in enumerate(itertools.cycle(shown)):
            if stop and number == 5:
                signal.raise_signal(signal.SIGINT)
            yield picture

    def stop_it() -> None:
        nonlocal stop
        stop = True

    monkeypatch.setattr("latent_ofer.images.camera.opened", lambda _: at_25_a_second(pictures()))
    return stop_it


@pytest.mark.usefixtures("camera")
def test_a_camera_is_read_for_so_long_and_what_it_saw_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", "--camera", "0", "--output", tmp_path / "out"]
    assert run(*words, "--seconds", "1.5", "--annotate") == 0
    found = rows(tmp_path / "out")
    assert {row["path"] for row in found} == {"camera:0"}
    numbers = [row["frame"] for row in found if row["face"] == 0]
    assert len(numbers) > 1 and numbers == sorted(set(numbers))
    assert [track["track"] for track in tracks(tmp_path / "out")[0]["tracks"]] == [0, 1]
    assert (tmp_path / "out" / "figures" / "00000.mp4").exists()
    capsys.readouterr()
    assert run(*words, "--seconds", "0.5") == 2
    assert "what a camera saw cannot be read again" in capsys.readouterr().err
    assert rows(tmp_path / "out") == found
    assert run(*words, "--seconds", "0.2", "--restart") == 0


def test_ctrl_c_is_how_a_camera_ends(
    camera: Callable[[], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera()
    assert run("predict", "--camera", "0", "--output", tmp_path / "out") == 0
    assert rows(tmp_path / "out") and capsys.readouterr().out.startswith("Images: ")
    assert not (tmp_path / "out" / "results.unfinished.jsonl").exists()


def test_what_a_killed_run_has_of_a_camera_is_published(
    camera: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["predict", "--camera", "0", "--output", tmp_path / "out", "--seconds", "0.5"]
    with monkeypatch.context() as broken:
        broken.setattr("latent_ofer.predict.run._publish", fail)
        assert run(*words) == 2
    assert not (tmp_path / "out" / "results.jsonl").exists()
    camera()
    assert run(*words) == 0
    assert rows(tmp_path / "out") and "going on with an unfinished run" in capsys.readouterr().err


def fail(*_: object) -> None:
    raise RuntimeError("no room")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a.png", "--camera", "0"], "leave paths and lists out"),
        (["a.png", "--seconds", "1"], "--seconds is for a --camera"),
        (["--camera", "0", "--engine", "ray"], "which Ray does not read"),
        (["--camera", "/no/such/camera"], "camera /no/such/camera: cannot be opened"),
    ],
)
def test_what_does_not_go_with_a_camera_is_said(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", *words, "--output", tmp_path / "out") == 2
    assert told in capsys.readouterr().err
