"""A process of its own decodes as `load_image` does, and its end is one image's error."""

import os
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import drawn_face
from latent_ofer.errors import ImageError, LatentOFERError
from latent_ofer.images.guarded import GuardedDecoder
from latent_ofer.images.load import load_image
from latent_ofer.images.video import Choice, Video
from videos import plain, write_video

FACE = drawn_face(64)[0]
ODD_DECODER = """
import os, signal, sys, time

def open_heif(file, **_):
    data = file.read()
    if b"crash" in data:
        os.kill(os.getpid(), signal.SIGSEGV)
    if b"hang" in data:
        time.sleep(600)
    while b"spin" in data:
        pass
    if b"memory" in data:
        bytearray(2**32)
    print("shape", flush=True)
    os.write(1, b'{"shape": [1, 1]}')
    os.write(2, b"noise")
    raise ValueError("odd")
"""


@pytest.fixture(scope="module")
def decoder() -> Iterator[GuardedDecoder]:
    with GuardedDecoder() as made:
        yield made


def code_of(decoder: GuardedDecoder, source: str | Path | bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decoder.read(source)
    assert caught.value.message.endswith(".")
    return caught.value.code


def heic(word: bytes) -> bytes:
    """A file that is HEIC by its looks, with a word for the odd decoder."""
    return b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + struct.pack(">I", 8 + len(word)) + b"free" + word


def test_it_gives_what_load_image_gives(decoder: GuardedDecoder, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9 \n.jpg")
    Image.fromarray(FACE).resize((300, 200)).save(path, "JPEG")
    for source in (path, os.fspath(path), path.read_bytes()):
        read = decoder.read(source)
        np.testing.assert_array_equal(read, load_image(source))
        read[0] = 0  # the caller's own


def test_refusals_are_those_of_load_image(decoder: GuardedDecoder, tmp_path: Path) -> None:
    path = tmp_path / "text\n.png"
    path.write_text("text")
    for source in (path, tmp_path / "none.png", b"", b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(ImageError) as ours:
            decoder.read(source)
        with pytest.raises(ImageError) as theirs:
            load_image(source)
        assert (ours.value.code, ours.value.path, ours.value.message) == (
            *(theirs.value.code, theirs.value.path, theirs.value.message),
        )


@pytest.mark.parametrize(
    ("word", "told"),
    [
        (b"crash", "broke down (exit code -11)"),
        (b"spin", "took more than 1 s of processor time"),
        (b"hang", "took longer than 3 s"),
        (b"memory", "ran out of memory"),
    ],
)
def test_a_file_that_kills_its_decoder_costs_one_error(
    word: bytes, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pillow_heif.py").write_text(ODD_DECODER)
    monkeypatch.syspath_prepend(tmp_path)
    bad = tmp_path / "bad.heic"
    bad.write_bytes(heic(word))
    # A machine that is busy may give a decoder that spins too little to be seen to.
    monkeypatch.setattr("latent_ofer.images.guarded._PATIENCE", 30 if word == b"spin" else 3)
    with GuardedDecoder(seconds=1) as decoder:
        with pytest.raises(ImageError) as caught:
            decoder.read(bad)
        assert caught.value.code == "internal"
        assert caught.value.path == str(bad)
        assert told in caught.value.message and str(bad) in caught.value.message
        picture = tmp_path / "good.png"
        Image.fromarray(FACE).save(picture)
        np.testing.assert_array_equal(decoder.read(picture), FACE)


def test_what_a_decoder_prints_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pillow_heif.py").write_text(ODD_DECODER)
    monkeypatch.syspath_prepend(tmp_path)
    with GuardedDecoder() as decoder:
        assert code_of(decoder, heic(b"talk")) == "corrupt"
    assert capfd.readouterr() == ("", "")


def test_closing_ends_what_is_being_read_and_later_reads_are_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pillow_heif.py").write_text(ODD_DECODER)
    monkeypatch.syspath_prepend(tmp_path)
    decoder = GuardedDecoder(seconds=600)
    codes: list[str] = []
    reader = threading.Thread(target=lambda: codes.append(code_of(decoder, heic(b"hang"))))
    reader.start()
    time.sleep(0.1)
    decoder.close()
    reader.join(10)
    assert codes == ["internal"]
    assert code_of(decoder, b"") == "internal"


def test_a_process_that_cannot_start_is_said_once_and_not_for_each_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("latent_ofer.images.guarded._PROGRAM", "raise SystemExit(3)")
    with GuardedDecoder() as decoder, pytest.raises(LatentOFERError, match="exit code 3"):
        decoder.read(b"")


def test_frames_of_a_video_come_from_the_process_and_photos_between_them(
    decoder: GuardedDecoder, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "a.mp4", plain(12))
    here = list(Video(str(path), Choice(every=3)))
    expected, there = decoder.open_video(path, Choice(every=3))
    assert expected == 4
    for ours, theirs in zip(there, here, strict=True):
        assert (ours.number, ours.time) == (theirs.number, theirs.time)
        assert (ours.pixels is None) == (theirs.pixels is None)
        if ours.pixels is not None and theirs.pixels is not None:
            np.testing.assert_array_equal(ours.pixels, theirs.pixels)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError) as caught:
        list(decoder.open_video(path, Choice())[1])
    assert (caught.value.code, caught.value.path) == ("truncated", str(path))


def test_a_frame_that_kills_its_decoder_costs_the_rest_of_its_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", plain(6))
    (tmp_path / "sitecustomize.py").write_text(
        "from latent_ofer.images import video\n"
        "import os\n"
        "pixels = video.Video._pixels\n"
        "video.Video._pixels = lambda *a: pixels(*a) if a[1].pts == 0 else os._exit(7)\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    with GuardedDecoder() as decoder:
        _, frames = decoder.open_video(path, Choice())
        assert next(frames).number == 0
        with pytest.raises(ImageError, match=r"broke down \(exit code 7\)") as caught:
            next(frames)
        assert caught.value.code == "internal"
        Image.fromarray(FACE).save(tmp_path / "good.png")
        np.testing.assert_array_equal(decoder.read(tmp_path / "good.png"), FACE)
