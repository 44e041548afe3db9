"""Phones' pictures: read with pillow-heif, refused with a hint where it is missing."""

import io
import struct
import sys
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from helpers import drawn_face
from latent_ofer.errors import ImageError
from latent_ofer.images.load import load_image

FACE = drawn_face(128)[0]


def heic(pixels: np.ndarray[Any, Any] = FACE, **options: Any) -> bytes:
    file = io.BytesIO()
    image = pillow_heif.from_pillow(Image.fromarray(pixels))
    image.save(file, quality=95, **options)
    return file.getvalue()


def code_of(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        load_image(data)
    return caught.value.code


def test_a_heic_file_gives_nearly_its_pixels_back() -> None:
    loaded = load_image(heic()).astype(int)
    assert loaded.shape == FACE.shape
    assert np.abs(loaded - FACE).mean() < 4


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_heic_file_comes_upright_once(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(np.rot90(FACE[:96], {1: 0, 3: 2, 6: 1, 8: 3}[orientation]))
    loaded = load_image(heic(stored, exif=exif.tobytes())).astype(int)
    assert loaded.shape == (96, 128, 3)
    assert np.abs(loaded - FACE[:96]).mean() < 4


def test_a_cut_or_damaged_heic_file_is_refused() -> None:
    data = heic()
    for percent in range(5, 100, 5):
        assert code_of(data[: len(data) * percent // 100]) in ("truncated", "not_an_image")
    assert code_of(data[:40] + bytes(len(data) - 40)) == "corrupt"


def test_a_heic_file_that_announces_too_many_pixels_is_refused() -> None:
    data = heic()
    place = data.index(b"ispe") + 8
    huge = data[:place] + struct.pack(">II", 30_000, 30_000) + data[place + 8 :]
    assert code_of(huge) in ("too_many_pixels", "corrupt")


def test_pillows_list_of_formats_is_left_alone() -> None:
    load_image(heic())
    assert "HEIF" not in Image.OPEN


def test_without_pillow_heif_the_hint_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic()
    monkeypatch.setattr("latent_ofer.images.heif.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"pip install 'latent-ofer\[heif\]'") as caught:
        load_image(data)
    assert caught.value.code == "unsupported_format"
