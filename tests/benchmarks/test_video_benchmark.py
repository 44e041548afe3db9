"""The benchmark of videos knows whose face a row is, and counts tracks and switches."""

import csv
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")
import video  # noqa: E402  (needs PyAV)

from latent_ofer.images.video import Choice, Video  # noqa: E402


def write_rows(path: Path, tracks: dict[int, list[int]]) -> None:
    """A row a face a tenth of a second, where it is in truth, with these tracks."""
    names = ["status", "time", "track", "x0", "y0", "x1", "y1"]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        writer.writerow(["no_face", 0, *[""] * 5])
        for face, numbers in tracks.items():
            for step, number in enumerate(numbers):
                x, y = video.place(face, step / 10)
                writer.writerow(["ok", step / 10, number, x - 9, y - 9, x + 9, y + 9])


def test_a_switch_and_a_second_track_are_counted(tmp_path: Path) -> None:
    write_rows(tmp_path / "good.csv", {face: [face] * 8 for face in range(3)})
    found = video.followed(tmp_path / "good.csv")
    assert found["tracks_of_each_face"] == [[0], [1], [2]]
    assert (found["switches"], found["tracks_of_several_faces"], found["rows_of_no_face"]) == (
        *(0, 0, 0),
    )
    assert found["rows_of_each_face"][0] == 8 > found["rows_of_each_face"][1] > 0  # two meet
    write_rows(tmp_path / "bad.csv", {0: [0] * 4 + [7] * 4, 1: [1] * 8, 2: [1] * 8})
    found = video.followed(tmp_path / "bad.csv")
    assert found["tracks_of_each_face"] == [[0, 7], [1], [1]]
    assert (found["switches"], found["tracks_of_several_faces"]) == (1, 1)


def test_each_face_is_hidden_for_a_second_and_they_cross(tmp_path: Path) -> None:
    times = np.arange(0, video.CYCLE, 1 / video.RATE)
    for face in range(3):
        assert sum(video.is_hidden(face, time) for time in times) == video.RATE
    for one, other in ((0, 1), (0, 2), (1, 2)):
        sides = np.array([video.place(one, t)[0] > video.place(other, t)[0] for t in times])
        assert (sides != np.roll(sides, 1)).sum() == 2
    video.write_video(tmp_path / "a.mp4", 0.2)
    frames = list(Video(str(tmp_path / "a.mp4"), Choice()))
    assert len(frames) == 5 and frames[0].pixels is not None
    assert frames[0].pixels.shape == (360, 640, 3)
