"""Images that the user has opened with Pillow, and perhaps changed, or closed."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from fakes import fake_model
from helpers import drawn_face
from latent_ofer.errors import ImageError
from latent_ofer.images.load import load_image

FACE = drawn_face()[0][:, :80]


def stored_sideways(path: Path) -> Path:
    """Write the face as a camera held sideways stores it, with the tag that says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(FACE))).save(path, exif=exif, quality=100)
    return path


@pytest.fixture(params=["png", "jpg"])
def sideways(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return stored_sideways(tmp_path / f"photo.{request.param}")


def is_upright(pixels: np.ndarray) -> bool:
    return pixels.shape == FACE.shape and np.abs(pixels.astype(int) - FACE).mean() < 8


def test_the_image_that_was_opened_is_turned_and_one_shrunk_in_place_too(sideways: Path) -> None:
    with Image.open(sideways) as image:
        assert is_upright(load_image(image))
    with Image.open(sideways) as image:
        image.thumbnail((56, 56))
        assert load_image(image).shape == (56, 40, 3)


@pytest.mark.parametrize(
    "turned",
    [
        lambda image: image.rotate(-90, expand=True),
        lambda image: image.transpose(Image.Transpose.ROTATE_270),
        ImageOps.exif_transpose,
        lambda image: image.rotate(-90, expand=True).convert("RGBA"),
    ],
)
def test_one_that_the_user_turned_is_not_turned_again(
    turned: Callable[[Image.Image], Image.Image], sideways: Path
) -> None:
    with Image.open(sideways) as image:
        assert is_upright(load_image(turned(image)))


def test_one_that_was_changed_is_taken_as_it_is_and_a_model_says_so_once(sideways: Path) -> None:
    model, _ = fake_model()
    with Image.open(sideways) as image:
        converted = image.convert("RGB")
    assert load_image(converted).shape == (80, 112, 3)
    with pytest.warns(UserWarning, match="exif_transpose") as told:
        model.predict([converted, converted], crops=True)
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(fake_model()[0].predict(converted, crops=True)) == 1
        model.predict(ImageOps.exif_transpose(converted), crops=True)


def test_tiff_which_pillow_turns_by_itself_is_upright_opened_and_changed(tmp_path: Path) -> None:
    with Image.open(stored_sideways(tmp_path / "photo.tif")) as image:
        assert is_upright(load_image(image))
        assert is_upright(load_image(image.convert("RGBA")))


@pytest.mark.parametrize("loaded", [False, True])
def test_one_that_is_closed_is_not_called_damaged(loaded: bool, sideways: Path) -> None:
    with Image.open(sideways) as image:
        if loaded:
            image.load()
    if loaded:
        assert is_upright(load_image(image))
        image.close()
    with pytest.raises(ImageError, match="closed PIL image; use it inside its `with`") as caught:
        load_image(image)
    assert caught.value.code == "not_an_image"


def test_one_whose_file_was_closed_is_not_called_damaged(sideways: Path) -> None:
    with sideways.open("rb") as file:
        image = Image.open(file)
    with pytest.raises(ImageError, match="closed PIL image"):
        load_image(image)


def test_one_that_is_damaged_still_is(tmp_path: Path) -> None:
    Image.fromarray(FACE).save(tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:3000])
    with Image.open(tmp_path / "cut.png") as image, pytest.raises(ImageError) as caught:
        load_image(image)
    assert caught.value.code in ("corrupt", "truncated")
