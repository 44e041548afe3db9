"""What a program does to Pillow, numpy or its warnings changes no picture, and is left alone."""

import io
import warnings
from typing import Any

import numpy as np
import pytest
from PIL import BmpImagePlugin, GifImagePlugin, Image, ImageFile, PngImagePlugin

from helpers import drawn_face
from latent_ofer.errors import ImageError
from latent_ofer.images.load import load_image

FACE = drawn_face(64)[0]
SWITCHES: list[tuple[Any, str, Any]] = [
    (ImageFile, "LOAD_TRUNCATED_IMAGES", True),
    (Image, "MAX_IMAGE_PIXELS", 100),
    (Image, "MAX_IMAGE_PIXELS", None),
    (PngImagePlugin, "MAX_TEXT_CHUNK", 10),
    (PngImagePlugin, "MAX_TEXT_MEMORY", 10),
    (GifImagePlugin, "LOADING_STRATEGY", GifImagePlugin.LoadingStrategy.RGB_ALWAYS),
    (BmpImagePlugin, "USE_RAW_ALPHA", True),
]


def encoded(kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(FACE).save(file, kind, **options)
    return file.getvalue()


def files() -> list[bytes]:
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "long " * 400, zip=True)
    whole = [encoded("PNG", pnginfo=text), encoded("GIF"), encoded("BMP"), encoded("TIFF")]
    bmp = bytearray(whole[2])
    raw = np.dstack((FACE[::-1, :, ::-1], np.zeros((64, 64), np.uint8))).tobytes()
    bmp[10:14], bmp[28:30] = (54).to_bytes(4, "little"), (32).to_bytes(2, "little")
    whole.append(bytes(bmp[:54]) + raw)
    return whole + [data[: len(data) * 2 // 3] for data in whole]


def answers() -> list[bytes | str]:
    found: list[bytes | str] = []
    for data in files():
        try:
            found.append(load_image(data).tobytes())
        except ImageError as error:
            found.append(error.code)
    return found


@pytest.mark.parametrize(("module", "name", "value"), SWITCHES)
def test_a_switch_of_pillow_changes_no_answer_and_stays_as_it_was(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, value: Any
) -> None:
    expected = answers()
    assert expected.count("truncated") == 5
    monkeypatch.setattr(module, name, value)
    assert answers() == expected
    assert getattr(module, name) == value


def test_warnings_as_errors_and_a_strict_numpy_change_no_answer() -> None:
    odd = np.array([[np.inf, -np.inf, 0, 1]], np.float32)
    file = io.BytesIO()
    Image.fromarray(odd).save(file, "TIFF")
    expected = load_image(file.getvalue())
    palette = Image.fromarray(FACE).quantize(8)
    palette.info["transparency"] = bytes([0, 100, 255])
    clear = load_image(palette)
    with warnings.catch_warnings(action="error"), np.errstate(all="raise"):
        np.testing.assert_array_equal(load_image(file.getvalue()), expected)
        np.testing.assert_array_equal(load_image(palette), clear)
        assert np.geterr()["over"] == "raise"
        with pytest.raises(UserWarning):
            warnings.warn("still an error", stacklevel=1)


def test_a_picture_that_was_only_opened_is_as_strict_as_its_file() -> None:
    whole = encoded("JPEG", quality=95)
    cut = whole[: len(whole) // 2] + b"\xff\xd9"
    with Image.open(io.BytesIO(cut)) as image, pytest.raises(ImageError, match="end before"):
        load_image(image)
    with Image.open(io.BytesIO(whole)) as image:
        np.testing.assert_array_equal(load_image(image), load_image(whole))
        np.testing.assert_array_equal(np.asarray(image), load_image(whole))  # still usable
    with Image.open(io.BytesIO(whole)) as image:
        image.draft("RGB", (32, 32))
        assert load_image(image).shape == (32, 32, 3)
