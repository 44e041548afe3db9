"""A file that lost something is refused, however well its end looks; a whole one never is."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from helpers import drawn_face
from latent_ofer.errors import ImageError
from latent_ofer.images.damage import has_blank_block
from latent_ofer.images.jpeg import strict_pixels
from latent_ofer.images.load import load_image

HOLE = 4096
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "baseline JPEG": ("JPEG", {"quality": 92}),
    "JPEG with tables of its own": ("JPEG", {"quality": 92, "optimize": True}),
    "JPEG with restarts": ("JPEG", {"quality": 92, "restart_marker_rows": 1}),
    "JPEG with many restarts": ("JPEG", {"quality": 92, "restart_marker_blocks": 5}),
    "progressive JPEG": ("JPEG", {"quality": 92, "progressive": True}),
    "grey JPEG": ("JPEG", {"quality": 95, "grey": True}),
    "CMYK JPEG": ("JPEG", {"quality": 92, "cmyk": True}),
    "PNG": ("PNG", {}),
    "WebP": ("WEBP", {"quality": 92}),
    "lossless WebP": ("WEBP", {"lossless": True}),
}


def photo(size: int = 384) -> NDArray[np.uint8]:
    """A drawn face with grain of several sizes, so that no part of its file is short."""
    face = drawn_face(size)[0].astype(np.float64)
    rng = np.random.default_rng(1)
    for scale in (1, 4):
        grain = rng.normal(0, 9, (size // scale, size // scale, 3))
        face += grain.repeat(scale, axis=0).repeat(scale, axis=1)
    return np.clip(face, 0, 255).astype(np.uint8)


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    if options.pop("grey", False):
        picture = picture.convert("L")
    if options.pop("cmyk", False):
        picture = picture.convert("CMYK")
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="module", params=KINDS)
def file(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    kind, options = KINDS[request.param]
    data = encoded(Image.fromarray(photo()), kind, **options)
    assert len(data) > 6 * HOLE
    return kind, data


def ended(kind: str, data: bytes) -> bytes:
    """The end mark of a whole file, or sizes that fit, behind data that were cut."""
    if kind == "JPEG":
        return data + b"\xff\xd9"
    if kind == "PNG":
        return data + b"\0\0\0\0IEND\xaeB`\x82"
    data = data[: len(data) & ~1]
    sizes = struct.pack("<I4s4sI", len(data) - 8, b"WEBP", data[12:16], len(data) - 20)
    return data[:4] + sizes + data[20:]


def refused(data: bytes) -> str | None:
    try:
        load_image(data)
    except ImageError as error:
        return error.code
    return None


@pytest.mark.parametrize("percent", range(5, 100, 5))
def test_a_cut_file_is_refused_with_and_without_an_end_mark(
    file: tuple[str, bytes], percent: int
) -> None:
    kind, data = file
    cut = data[: len(data) * percent // 100]
    assert refused(cut) == "truncated"
    assert refused(ended(kind, cut)) in ("truncated", "corrupt")


@pytest.mark.parametrize("percent", range(10, 90, 10))
def test_a_file_with_a_hole_is_refused(file: tuple[str, bytes], percent: int) -> None:
    _, data = file
    start = len(data) * percent // 100
    rest = data[start + HOLE :]
    assert refused(data[:start] + rest) in ("truncated", "corrupt")
    assert refused(data[:start] + bytes(HOLE) + rest) in ("truncated", "corrupt")
    assert refused(data[:start] + b"\xff" * HOLE + rest) in ("truncated", "corrupt")


@pytest.mark.parametrize("percent", [25, 50, 75])
def test_a_file_whose_rest_is_zeroes_is_refused(file: tuple[str, bytes], percent: int) -> None:
    _, data = file
    start = len(data) * percent // 100
    assert refused(data[:start] + bytes(len(data) - start)) in ("truncated", "corrupt")


def test_the_message_says_what_is_missing() -> None:
    data = encoded(Image.fromarray(photo()), "JPEG")
    with pytest.raises(ImageError, match="data end before the picture does; get a fresh copy"):
        load_image(ended("JPEG", data[: len(data) // 2]))


def passes(data: bytes) -> list[int]:
    """Where the passes of a progressive JPEG begin."""
    return [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xda"]


def test_every_pass_of_a_progressive_file_is_needed() -> None:
    data = encoded(Image.fromarray(photo(64)), "JPEG", progressive=True)
    starts = passes(data)
    assert len(starts) > 5
    for start in starts:
        assert refused(data[:start] + b"\xff\xd9") is not None
    # Between two passes their tables stand as well; without them nothing is cut within a pass.
    assert refused(data[: starts[-1]] + b"\xff\xd9") == "truncated"


WHOLE: dict[str, bytes] = {}


def whole(name: str, data: bytes) -> None:
    WHOLE[name] = data


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


_DATA = encoded(Image.fromarray(photo(96)), "JPEG", quality=90)
_BLACK = Image.new("RGB", (3000, 2000))
_BORDERED = Image.fromarray(np.pad(photo(96), ((900, 0), (900, 900), (0, 0))))
whole("zeroes behind the end mark", _DATA + bytes(5000))
whole("another file behind the end mark", _DATA + _DATA[: len(_DATA) // 2])
whole("an unknown version of JFIF", _DATA.replace(b"JFIF\0\1", b"JFIF\0\7", 1))
whole("a broken profile", _DATA[:2] + _segment(0xE2, b"ICC_PROFILE\0\2\3no") + _DATA[2:])
whole("zeroes in a comment", _DATA[:2] + _segment(0xFE, bytes(9000)) + _DATA[2:])
whole("a thumbnail in a segment", _DATA[:2] + _segment(0xE1, b"Exif\0\0" + _DATA) + _DATA[2:])
whole("two bytes of padding", _DATA[:-2] + b"\0\0\xff\xd9")
whole("fill bytes before the end mark", _DATA[:-2] + b"\xff" * 600 + b"\xff\xd9")
whole("garbage between segments", _DATA[:20] + b"\0" + _DATA[20:])
for _options in ({}, {"optimize": True}, {"progressive": True}):
    whole(f"black, {_options}", encoded(_BLACK, "JPEG", **_options))
    whole(f"grey black, {_options}", encoded(_BLACK.convert("L"), "JPEG", **_options))
    whole(f"black borders, {_options}", encoded(_BORDERED, "JPEG", **_options))
for _sampling in ("4:4:4", "4:2:2", "4:2:0"):
    whole(f"sampled {_sampling}", encoded(_BORDERED, "JPEG", subsampling=_sampling))
whole("RGB in a JPEG", encoded(_BORDERED, "JPEG", keep_rgb=True))
whole("CMYK in a JPEG", encoded(_BORDERED.convert("CMYK"), "JPEG"))
for _lossless in (False, True):
    whole(f"black WebP, {_lossless}", encoded(_BLACK, "WEBP", lossless=_lossless))
    whole(f"black borders in a WebP, {_lossless}", encoded(_BORDERED, "WEBP", lossless=_lossless))
whole("zeroes behind a WebP", encoded(_BORDERED, "WEBP") + bytes(5000))
whole(
    "WebP with a blank profile",
    encoded(_BORDERED, "WEBP", icc_profile=bytes(9000), exif=b"Exif\0\0" + bytes(9000)),
)


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_is_read_as_pillow_reads_it(name: str) -> None:
    data = WHOLE[name]
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(load_image(data), expected)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_strict_pixels_are_those_that_pillow_finds(mode: str) -> None:
    data = encoded(
        Image.fromarray(photo(100)).crop((0, 0, 97, 93)).convert(mode), "JPEG", quality=80
    )
    pixels = strict_pixels(data, mode)
    assert pixels is not None
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(pixels, np.asarray(image))


def test_a_profile_of_a_jpeg_is_still_applied_and_its_orientation_too() -> None:
    pixels = np.zeros((300, 40, 3), np.uint8)
    pixels[:150, :, 0] = 180
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    exif = Image.Exif()
    exif[0x0112] = 3
    data = encoded(Image.fromarray(pixels), "JPEG", quality=95, icc_profile=swapped, exif=exif)
    loaded = load_image(data)
    assert loaded[:140].max() < 12
    assert loaded[160:, :, 2].min() > 150 and loaded[160:, :, 0].max() < 60


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 255]), st.integers(1, 70)), max_size=12),
    st.sampled_from([8, 16, 32]),
    st.sampled_from([b"\0", b"\xff", b"\0\xff"]),
)
def test_blank_blocks_are_those_of_a_plain_loop(
    runs: list[tuple[int, int]], size: int, values: bytes
) -> None:
    data = b"".join(bytes([value]) * length for value, length in runs)
    expected = any(
        set(data[start : start + size]) == {value}
        for start in range(0, len(data) - size + 1, size)
        for value in values
    )
    assert has_blank_block(data, size, values) == expected
