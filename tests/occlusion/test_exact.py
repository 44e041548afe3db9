"""Arithmetic that ends in the same bits everywhere."""

import os
import subprocess
import sys
from fractions import Fraction
from math import cos, pi, sin

import numpy as np
import pytest
from PIL import Image, ImageFilter

from helpers import drawn_face
from latent_ofer.occlusion.exact import (
    box_radius,
    luma,
    mean_colour,
    number_on_grid,
    on_grid,
    sine,
    softened,
)
from latent_ofer.occlusion.placing import placed

COMPOSE = """
import hashlib
import numpy as np
from helpers import drawn_face
from latent_ofer.occlusion.cutouts import Cutout
from latent_ofer.occlusion.irregular import irregular_mask
from latent_ofer.occlusion.objects import compose_object
from latent_ofer.occlusion.procedural import compose_procedural
from latent_ofer.occlusion.seeds import image_rng

y, x = np.mgrid[:70, :90]
disc = np.stack([2 * x, 3 * y, x + y, 255 * (np.hypot(x - 45, y - 35) < 33)], 2).astype(np.uint8)
cutout = Cutout(disc, "ball", "any", "ball.png")
whole = hashlib.sha256()
for number in range(12):
    size = 48 if number % 2 else 112
    y, x = np.mgrid[:size, :size]
    face = np.stack([x, y, (x * y) % 251], axis=2).astype(np.uint8)
    points = drawn_face(size)[1]
    rng = image_rng(7, "test", "drawn", str(number))
    one = compose_object(face, points, cutout, rng, size=112, grey=number % 3 == 0)
    other = compose_procedural(face, rng, size=112, grey=number % 3 == 0)
    hole = irregular_mask(rng, 112, (0.2, 0.3))
    for array in (one.face, one.covered, other.face, other.covered, hole):
        whole.update(array.tobytes())
print(whole.hexdigest())
"""
"""Prints a digest over compositions of every kind; its faces need no arithmetic of their own."""


DIGEST = "63ee1f1dfed6c76b810bda634312effb908633b71226801b4ca7a49d81a34d20"
"""What it prints everywhere. Another one means other pictures for everybody: weights and figures
of before no longer belong to them."""


def digest_of_compositions(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", COMPOSE],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )
    return done.stdout.strip()


def test_compositions_are_the_same_pictures_everywhere() -> None:
    assert digest_of_compositions() == DIGEST


def test_compositions_do_not_depend_on_the_instructions_of_the_processor() -> None:
    usable = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not usable:
        pytest.skip("this build of numpy has no instructions to leave out")
    without = {"NPY_DISABLE_CPU_FEATURES": " ".join(usable), "OPENBLAS_CORETYPE": "Prescott"}
    assert digest_of_compositions(**without) == DIGEST


def test_a_blur_is_that_of_pillow() -> None:
    face, _ = drawn_face()
    picture = Image.fromarray(face)
    for sigma in (0.2, 0.5, 0.83, 1.2, 3.0, 9.7):
        ours = np.asarray(softened(picture, sigma), dtype=int)
        theirs = np.asarray(picture.filter(ImageFilter.GaussianBlur(sigma)), dtype=int)
        assert np.abs(ours - theirs).max() <= 1
        assert (ours != theirs).mean() < 0.03


def test_boxes_have_the_variance_of_the_gaussian() -> None:
    for sigma in (0.3, 1.0, 2.5, 20.0):
        radius = box_radius(sigma)
        whole = int(radius)
        places = np.arange(-whole - 1, whole + 2)
        weights = np.where(np.abs(places) <= whole, 1.0, radius - whole)
        variance = 3 * (weights * places**2).sum() / weights.sum()
        assert variance == pytest.approx(sigma**2)


def test_a_placed_layer_is_exact() -> None:
    """Pillow's floating point gives what fractions give, so that no machine rounds otherwise."""
    values = np.random.default_rng(1).integers(0, 256, (9, 8), dtype=np.uint8)
    angle, centre = number_on_grid(0.7), on_grid(np.array([6.3, 5.1]))
    got = np.asarray(placed(Image.fromarray(values), 1.3, angle, centre, (12, 11)))
    expected = np.array(
        [[_sample(values, angle, centre, x, y) for x in range(12)] for y in range(11)]
    )
    np.testing.assert_array_equal(got, expected)


def _sample(values: np.ndarray, angle: float, centre: np.ndarray, column: int, row: int) -> int:
    """One pixel of the layer at scale 1.3, by bilinear interpolation in fractions."""
    height, width = values.shape
    cosine, sine_ = (number_on_grid(f(angle) * (1 / 1.3)) for f in (cos, sin))
    x0, y0 = (centre + 0.5).tolist()
    left = number_on_grid(width / 2 - cosine * x0 - sine_ * y0)
    top = number_on_grid(height / 2 + sine_ * x0 - cosine * y0)
    place = Fraction(column) + Fraction(1, 2), Fraction(row) + Fraction(1, 2)
    x = Fraction(cosine) * place[0] + Fraction(sine_) * place[1] + Fraction(left)
    y = -Fraction(sine_) * place[0] + Fraction(cosine) * place[1] + Fraction(top)
    if not (0 <= x < width and 0 <= y < height):
        return 0
    x, y = x - Fraction(1, 2), y - Fraction(1, 2)
    i, j = x.__floor__(), y.__floor__()
    total = Fraction(0)
    for dx in (0, 1):
        for dy in (0, 1):
            inside = values[min(max(j + dy, 0), height - 1), min(max(i + dx, 0), width - 1)]
            share = (x - i if dx else 1 - x + i) * (y - j if dy else 1 - y + j)
            total += int(inside) * share
    return int(total)


def test_means_and_luma_are_those_of_the_obvious_way() -> None:
    face, _ = drawn_face()
    np.testing.assert_allclose(mean_colour(face), face.reshape(-1, 3).mean(axis=0))
    grey = luma(face.astype(np.float32))
    expected = face @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey[..., 2], expected, rtol=1e-5)
    assert (grey == grey[..., :1]).all()


def test_values_on_the_grid_are_near_and_a_last_bit_does_not_move_them() -> None:
    values = np.random.default_rng(0).uniform(-100, 100, 1000)
    rounded = on_grid(values)
    assert np.abs(rounded - values).max() <= 2.0**-21
    np.testing.assert_array_equal(on_grid(np.nextafter(values, 1e9)), rounded)
    assert [number_on_grid(value) for value in values[:50].tolist()] == rounded[:50].tolist()


def test_sines_are_sines() -> None:
    angles = np.linspace(-50, 50, 101, dtype=np.float32)
    np.testing.assert_allclose(sine(angles), [sin(a) for a in angles.tolist()], atol=1e-7)
    assert sine(np.array([pi], dtype=np.float32)).dtype == np.float32
