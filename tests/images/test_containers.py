"""Videos are known by their content, and by nothing that photos, texts or lists have."""

import io
from pathlib import Path

import pytest

from helpers import drawn_face
from latent_ofer.images.containers import container_of, ends_early, video_kind
from videos import plain, write_video

PACKET = b"G" + bytes(187)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypisom\0\0\0\0", "mov"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "mov"),
        (b"\0\0\0\x08wide\0\0\x10\0mdat", "mov"),
        (b"\x1a\x45\xdf\xa3\x9f", "matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (3 * PACKET, "mpegts"),
        (3 * (bytes(4) + PACKET), "mpegts"),
        (PACKET + bytes(400), None),
        (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", None),
        (b"\0\0\0\x18ftypheic\0\0\0\0heicmif1", None),
        (b"RIFF\0\0\0\0WEBPVP8 ", None),
        (b"#EXTM3U\n", None),
        (b"ffconcat version 1.0\n", None),
        (b"GIF89a", None),
        (b"", None),
    ],
)
def test_what_a_file_begins_with_says_what_reads_it(head: bytes, kind: str | None) -> None:
    assert container_of(head) == kind


def test_a_name_of_a_photo_and_what_is_no_file_are_no_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", plain(1))
    assert video_kind(path) == "mov"
    for name in ("a.JPG", "a.cr3"):  # which has the boxes of a video
        path.rename(tmp_path / name)
        path = tmp_path / name
        assert video_kind(path) is None
    for odd in (tmp_path, tmp_path / "none.mp4", tmp_path / "null\0.mp4"):
        assert video_kind(odd) is None


@pytest.mark.parametrize(("suffix", "kind"), [("mp4", "mov"), ("mkv", "matroska"), ("avi", "avi")])
def test_any_cut_is_seen_by_the_lengths(suffix: str, kind: str, tmp_path: Path) -> None:
    data = write_video(tmp_path / f"a.{suffix}", [drawn_face()[0]] * 3).read_bytes()
    assert not ends_early(io.BytesIO(data), kind)
    for end in range(100, len(data), 97):
        assert ends_early(io.BytesIO(data[:end]), kind), end


def test_lengths_that_nobody_knew_when_it_was_written_are_no_cut() -> None:
    live = b"\x1a\x45\xdf\xa3\x84abcd\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff rest"
    assert not ends_early(io.BytesIO(live), "matroska")
    assert not ends_early(io.BytesIO(b"RIFF\xff\xff\xff\xffAVI "), "avi")
    assert not ends_early(io.BytesIO(b"\0\0\0\x10ftypisom\0\0\0\0" + bytes(4) + b"mdat.."), "mov")
    assert not ends_early(io.BytesIO(b"\x1a\x45\xdf\xa3"), "matroska")
