"""Frames of a video come whole, upright and in order, or not at all."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from latent_ofer.errors import ImageError
from latent_ofer.images.video import Choice, Frame, Video
from videos import plain, write_video


def frames(path: Path, choice: Choice | None = None, after: int = -1) -> list[Frame]:
    return list(Video(str(path), choice or Choice(), after))


def taken(path: Path, choice: Choice, after: int = -1) -> list[int]:
    return [frame.number for frame in frames(path, choice, after) if frame.pixels is not None]


def until_error(path: Path) -> tuple[int, ImageError]:
    """How many frames came, and why no more."""
    done = 0
    with pytest.raises(ImageError) as caught:
        for _ in Video(str(path), Choice()):
            done += 1
    return done, caught.value


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi", ".ts"])
def test_all_frames_come_in_order_with_their_times(suffix: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / f"a{suffix}", plain(20))
    found = frames(path)
    assert [frame.number for frame in found] == list(range(20))
    assert [frame.time for frame in found] == pytest.approx([n / 25 for n in range(20)], abs=1e-3)
    for frame in found:
        assert frame.pixels is not None and frame.pixels.shape == (48, 64, 3)
        assert abs(frame.pixels.mean() - 8 * frame.number) < 4
    if suffix != ".ts":  # which has no header that says so
        assert Video(str(path), Choice()).expected == 20


def test_some_frames_are_wanted_the_same_ones_wherever_one_begins(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", plain(25))
    assert taken(path, Choice(every=7)) == [0, 7, 14, 21]
    assert taken(path, Choice(every=7), after=7) == [14, 21]
    assert taken(path, Choice(per_second=10)) == [0, 3, 5, 8, 10, 13, 15, 18, 20, 23]
    assert taken(path, Choice(per_second=10), after=9) == [10, 13, 15, 18, 20, 23]
    assert taken(path, Choice(per_second=100)) == list(range(25))
    assert taken(path, Choice(only=frozenset([3, 24, 30]))) == [3, 24]
    wanted = [Choice(every=7), Choice(per_second=10), Choice(per_second=100)]
    assert [Video(str(path), choice).expected for choice in wanted] == [4, 10, 25]


def test_what_phones_turn_comes_upright_and_pixels_become_square(tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24, :32] = 255  # bright at the top left
    for turned, corner in ((90, (1, 0)), (-90, (0, 1)), (180, (1, 1))):
        path = write_video(tmp_path / f"{turned}.mp4", [picture] * 2, turned=turned)
        upright = frames(path)[0].pixels
        assert upright is not None
        assert upright.shape == ((64, 48, 3) if abs(turned) == 90 else (48, 64, 3))
        height, width = upright.shape[0] // 2, upright.shape[1] // 2
        part = upright[corner[0] * height :, corner[1] * width :][:height, :width]
        assert part.mean() > 200 > 100 > upright.mean()
    path = write_video(tmp_path / "wide.mp4", [picture], sample_aspect_ratio=2)
    wide = frames(path)[0].pixels
    assert wide is not None and wide.shape == (48, 128, 3)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_video_that_was_cut_gives_what_is_whole_and_says_so(suffix: str, tmp_path: Path) -> None:
    options = {"movflags": "faststart"} if suffix == ".mp4" else {}
    noise = np.random.default_rng(0).integers(0, 255, (20, 48, 64, 3), dtype=np.uint8)
    whole = write_video(tmp_path / f"a{suffix}", noise, options=options).read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole[: len(whole) * 6 // 10])
    done, error = until_error(cut)
    assert 5 < done < 15
    assert (error.code, error.path) == ("truncated", str(cut))
    cut.write_bytes(whole[:100])
    assert until_error(cut)[0] == 0


def test_a_damaged_frame_is_not_filled_in(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (20, 48, 64, 3), dtype=np.uint8)
    data = bytearray(write_video(tmp_path / "a.mp4", noise).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    (tmp_path / "a.mp4").write_bytes(data)
    done, error = until_error(tmp_path / "a.mp4")
    assert 2 < done < 15 and error.code == "corrupt"


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    wide = np.zeros((16, 20_016, 3), np.uint8)
    path = write_video(tmp_path / "a.mov", [wide], codec="png", pix_fmt="rgb24")
    with pytest.raises(ImageError) as caught:
        Video(str(path), Choice())
    assert caught.value.code == "too_many_pixels"


def test_sound_alone_and_lists_of_other_files_are_no_video(tmp_path: Path) -> None:
    import av

    with av.open(tmp_path / "a.mkv", "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    assert until_error(tmp_path / "a.mkv")[1].message.endswith(
        "has no video track; check the path."
    )
    write_video(tmp_path / "a.mp4", plain(2))
    (tmp_path / "a.m3u8").write_text("#EXTM3U\n#EXTINF:1,\na.mp4\n#EXT-X-ENDLIST\n")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile a.mp4\n")
    for name in ("a.m3u8", "list.mp4", "none.mp4"):
        assert until_error(tmp_path / name)[1].code == "not_an_image"


def test_without_pyav_the_refusal_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", plain(2))
    monkeypatch.setattr(
        "latent_ofer.images.video.find_spec", lambda n: None if n == "av" else find_spec(n)
    )
    _, error = until_error(path)
    assert error.code == "unsupported_format"
    assert "pip install 'latent-ofer[video]'" in error.message
