import numpy as np
import pytest

from fakes import FakeFinder, fake_model, hide
from helpers import drawn_face
from latent_ofer.figure import draw_figure

FACE, LANDMARKS = drawn_face()
HIDDEN = hide(FACE, slice(8, 12), slice(3, 9))


def count(pixels: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((pixels == colour).all(axis=2).sum())


def test_the_figure_shows_box_hidden_patches_and_repair() -> None:
    model, _ = fake_model(FakeFinder([LANDMARKS]))
    (face,) = model.predict(HIDDEN)
    pixels = np.asarray(draw_figure(HIDDEN, face))
    assert pixels.shape[1] == 1600
    masked_share = count(pixels, (226, 229, 234)) / (482 * 482)
    assert masked_share == pytest.approx(face.occlusion.ratio, abs=0.02)
    assert count(pixels, (0, 230, 255)) > 1000
    assert count(pixels, (255, 196, 0)) > 1000


def test_a_clean_crop_has_neither_box_nor_hidden_patches() -> None:
    model, _ = fake_model()
    (face,) = model.predict(FACE, crops=True)
    pixels = np.asarray(draw_figure(FACE, face))
    assert count(pixels, (0, 230, 255)) == 0
    assert count(pixels, (255, 196, 0)) == 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 4000), (900, 2), (500, 700)])
def test_photos_of_any_shape_fit(shape: tuple[int, int]) -> None:
    model, _ = fake_model()
    photo = np.full((*shape, 3), 90, np.uint8)
    for labels in (7, 8):
        (face,) = model.predict(photo, crops=True, labels=labels)
        assert draw_figure(photo, face).width == 1600
