"""Anything may come in; out comes upright RGB, or an error with a stable code."""

import io
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from helpers import drawn_face
from latent_ofer.errors import ImageError
from latent_ofer.images.heif import can_read_heic
from latent_ofer.images.load import MAX_BYTES, load_image

FACE = drawn_face(64)[0]
LOSSLESS = [
    ("PNG", {}), ("WEBP", {"lossless": True}), ("BMP", {}), ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}), ("TIFF", {"compression": "tiff_deflate"}),
]  # fmt: skip
LOSSY = [
    ("JPEG", {"quality": 95}), ("JPEG", {"progressive": True}), ("WEBP", {"quality": 95}),
    ("GIF", {}), ("AVIF", {"quality": 95}), ("TIFF", {"compression": "jpeg"}),
]  # fmt: skip


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def code_of(source: Any) -> str:
    with pytest.raises(ImageError) as caught:
        load_image(source)
    assert "\n" not in caught.value.message
    assert caught.value.message.endswith(".")
    return caught.value.code


@pytest.mark.parametrize(("kind", "options"), LOSSLESS)
def test_a_lossless_file_gives_its_pixels_back(kind: str, options: dict[str, Any]) -> None:
    loaded = load_image(encoded(Image.fromarray(FACE), kind, **options))
    assert loaded.dtype == np.uint8
    np.testing.assert_array_equal(loaded, FACE)


@pytest.mark.parametrize(("kind", "options"), LOSSY)
def test_a_lossy_file_gives_nearly_its_pixels_back(kind: str, options: dict[str, Any]) -> None:
    loaded = load_image(encoded(Image.fromarray(FACE), kind, **options)).astype(int)
    assert loaded.shape == FACE.shape
    assert np.abs(loaded - FACE).mean() < 8


@pytest.mark.parametrize(("kind", "options"), LOSSLESS + LOSSY)
def test_a_file_cut_short_is_refused_or_whole_but_never_filled_in(
    kind: str, options: dict[str, Any]
) -> None:
    data = encoded(Image.fromarray(FACE), kind, **options)
    whole = load_image(data)
    assert code_of(data[: len(data) // 2]) == "truncated"
    for length in np.linspace(1, len(data) - 1, 40).astype(int):
        try:
            loaded = load_image(data[:length])
        except ImageError as error:
            assert error.code in ("truncated", "not_an_image", "corrupt")
            assert error.code == "truncated" or length < 32
        else:
            np.testing.assert_array_equal(loaded, whole)


def test_all_sources_of_one_image_agree(tmp_path: Path) -> None:
    picture = Image.fromarray(FACE)
    path = tmp_path / "wrong suffix.jpg"
    path.write_bytes(encoded(picture, "PNG"))
    for source in (path, str(path), path.read_bytes(), picture, FACE):
        np.testing.assert_array_equal(load_image(source), FACE)


def test_a_loaded_array_is_a_copy() -> None:
    source = FACE.copy()
    load_image(source)[:] = 0
    np.testing.assert_array_equal(source, FACE)


def test_a_grey_array_is_repeated_in_three_channels() -> None:
    np.testing.assert_array_equal(load_image(FACE[..., 0])[..., 2], FACE[..., 0])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(kind: str, orientation: int) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = (250, 30, 30)
    upright[8:, :16] = (30, 250, 30)
    upright[:8, 16:] = (30, 30, 250)
    # What a camera held that way stores, from the EXIF standard's table of rows and columns.
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"JPEG": {"quality": 95, "subsampling": 0}}.get(kind, {})
    if kind == "WEBP":
        options = {"lossless": True}
    picture = Image.fromarray(np.ascontiguousarray(stored))
    loaded = load_image(encoded(picture, kind, exif=exif, **options))
    assert loaded.shape == upright.shape
    assert np.abs(loaded.astype(int) - upright).mean() < 6


def test_transparency_is_laid_over_white() -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[..., 3] = [0, 85, 170, 255]
    for kind in ("PNG", "TIFF"):
        loaded = load_image(encoded(Image.fromarray(pixels), kind))
        np.testing.assert_array_equal(loaded[0, :, 0], [255, 170, 85, 0])


def test_a_transparent_palette_entry_is_white() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([200, 0, 0, 0, 100, 0])
    picture.putdata([0, 1])
    loaded = load_image(encoded(picture, "PNG", transparency=0))
    np.testing.assert_array_equal(loaded[0], [[255, 255, 255], [0, 100, 0]])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(kind: str) -> None:
    deep = np.array([[0, 257, 32896, 65535]], np.uint16)
    loaded = load_image(encoded(Image.fromarray(deep), kind))
    np.testing.assert_array_equal(loaded[0, :, 1], [0, 1, 128, 255])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_deep_grey_is_scaled_by_the_bits_that_its_values_need(kind: str, bits: int) -> None:
    grey = FACE[..., 1]
    deep = np.rint(grey / 255 * (2**bits - 1)).astype(np.uint16)
    loaded = load_image(encoded(Image.fromarray(deep), kind)).astype(int)
    assert np.abs(loaded[..., 0] - grey).max() <= 1


def test_deep_grey_beyond_sixteen_bits_is_scaled_by_its_highest_value() -> None:
    values = np.array([[0, 50_000, 100_000]], np.int32)
    loaded = load_image(encoded(Image.fromarray(values), "TIFF"))
    np.testing.assert_allclose(loaded[0, :, 0], [0, 127.5, 255], atol=0.5)


@pytest.mark.parametrize("top", [1.0, 255.0, 4095.0, 65535.0, 1e6])
def test_float_grey_is_scaled_by_its_range(top: float) -> None:
    values = np.array([[0, top / 2, top]], np.float32)
    loaded = load_image(encoded(Image.fromarray(values), "TIFF"))
    np.testing.assert_allclose(loaded[0, :, 0], [0, 127.5, 255], atol=0.5)


def test_one_bit_and_cmyk_become_rgb() -> None:
    checks = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("1")
    np.testing.assert_array_equal(load_image(encoded(checks, "PNG"))[0, :, 0], [0, 255])
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    red = load_image(encoded(ink, "JPEG", quality=95))[8, 8].astype(int)
    assert red[0] > 220 and red[1:].max() < 40


def test_an_embedded_profile_is_converted_to_srgb() -> None:
    grey = Image.new("RGB", (8, 8), (120, 120, 120))
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    lab = Image.new("LAB", (8, 8), (137, 128, 128))
    assert abs(int(load_image(lab)[0, 0, 0]) - 128) < 6
    # A profile that does not fit the picture is ignored, not an error.
    np.testing.assert_array_equal(load_image(encoded(grey, "PNG", icc_profile=linear))[0, 0], 120)
    np.testing.assert_array_equal(load_image(encoded(grey, "PNG", icc_profile=b"no"))[0, 0], 120)


def test_only_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for kind in ("GIF", "TIFF", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(load_image(data)[4, 4], [255, 0, 0])


def png_announcing(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + checksum

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(10_000, 5_001), (20_001, 10), (10, 20_001), (60_000, 60_000)])
def test_too_many_pixels_are_refused_from_the_header(size: tuple[int, int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert code_of(png_announcing(*size)) == "too_many_pixels"


def test_a_webp_canvas_is_measured_before_its_decoder_reserves_it() -> None:
    canvas = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + b"\xfe\x3f\0" * 2
    data = b"RIFF" + struct.pack("<I", 4 + len(canvas)) + b"WEBP" + canvas
    assert code_of(data) == "too_many_pixels"


def test_a_jpeg_that_repaints_itself_without_end_is_refused() -> None:
    data = encoded(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    assert code_of(data[:-2] + b"\xff\xda\0\x08\x01\x01\0\0\0\0" * 100 + b"\xff\xd9") == "corrupt"


def test_the_same_bytes_are_refused_in_the_same_words() -> None:
    data = encoded(Image.fromarray(FACE), "PNG")
    messages = set()
    for _ in range(2):
        with pytest.raises(ImageError) as caught:
            load_image(data[:12] + bytes(8) + data[20:])
        messages.add(caught.value.message)
    (message,) = messages
    assert "0x" not in message


def test_damaged_pixels_are_corrupt() -> None:
    data = bytearray(encoded(Image.fromarray(FACE), "PNG"))
    data[len(data) // 2] ^= 0xFF
    assert code_of(bytes(data)) == "corrupt"


def test_each_bad_file_has_its_code(tmp_path: Path) -> None:
    def file(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    assert code_of(tmp_path / "gone.jpg") == "not_found"
    assert code_of("x" * 5000) == "not_found"
    assert code_of("nul\0byte") == "not_found"
    assert code_of(tmp_path) == "not_an_image"
    assert code_of(file("a.jpg", b"")) == "empty"
    assert code_of(file("b.jpg", b"just text")) == "not_an_image"
    heic = code_of(file("c.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"))
    assert heic == ("corrupt" if can_read_heic() else "unsupported_format")
    assert code_of(file("d.png", b"<?xml version='1.0'?>\n<svg/>")) == "unsupported_format"
    assert code_of(file("e.png", b"%PDF-1.7")) == "unsupported_format"
    assert code_of(file("f.bmp", b"BM" + bytes(MAX_BYTES))) == "too_large"
    assert code_of(b"") == "empty"
    os.mkfifo(tmp_path / "pipe.png")
    assert code_of(tmp_path / "pipe.png") == "not_an_image"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(Image.fromarray(FACE), "PNG"))
    path.chmod(0)
    assert code_of(path) == "no_permission"


def test_the_message_names_the_file_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines.jpg"
    path.write_bytes(b"text")
    with pytest.raises(ImageError, match="two.*lines.jpg: is no image; give JPEG") as caught:
        load_image(path)
    assert caught.value.path == str(path)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)],
    ids=["float", "four channels", "flat"],
)
def test_arrays_of_another_kind_are_no_images(array: Any) -> None:
    assert code_of(array) == "not_an_image"


def test_an_array_without_pixels_is_empty() -> None:
    assert code_of(np.zeros((0, 4, 3), np.uint8)) == "empty"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(LOSSLESS + LOSSY), st.data())
def test_random_damage_gives_an_image_or_an_image_error(
    how: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    file = bytearray(encoded(Image.fromarray(FACE[:24, :24]), how[0], **how[1]))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        loaded = load_image(bytes(file))
    except ImageError:
        return
    assert loaded.dtype == np.uint8 and loaded.ndim == 3 and loaded.shape[2] == 3


def test_damaged_tiff_files_leave_stderr_alone(capfd: pytest.CaptureFixture[str]) -> None:
    data = encoded(Image.fromarray(FACE), "TIFF", compression="tiff_lzw")
    code_of(data[:8] + bytes(400) + data[408:])
    assert capfd.readouterr().err == ""
