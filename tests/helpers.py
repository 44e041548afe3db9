"""Made-up faces and objects for the tests: nothing here is a picture of a person."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from latent_ofer.datasets.pool import FaceSet

TEMPLATE = np.array(
    [[35.88, 42.28], [75.12, 42.28], [55.5, 66.25], [39.61, 84.59], [71.39, 84.59]],
    dtype=np.float64,
)
"""Five landmarks of an aligned 112 px face: eyes, nose, corners of the mouth."""


def drawn_face(size: int = 112, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Draw a cartoon face in the aligned frame.

    Returns
    -------
    face : (size, size, 3) uint8 RGB
    landmarks : (5, 2) float, pixels, (x, y)
    """
    face, landmarks = _drawn_once(size, seed)
    return face.copy(), landmarks.copy()


def drawn_planes(count: int) -> NDArray[np.float32]:
    """Draw faces as the networks take them: (count, 3, 112, 112) in [0, 1]."""
    faces = np.stack([drawn_face(seed=seed)[0] for seed in range(count)])
    return np.ascontiguousarray(faces.transpose(0, 3, 1, 2)).astype(np.float32) / 255


@cache
def _drawn_once(size: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    skin = tuple(int(v) for v in rng.integers([150, 110, 80], [240, 190, 160]))
    dark = tuple(int(v) for v in rng.integers(10, 70, 3))
    background = tuple(int(v) for v in rng.integers(60, 200, 3))
    scale = 4
    image = Image.new("RGB", (112 * scale, 112 * scale), background)
    draw = ImageDraw.Draw(image)

    def ellipse(x: float, y: float, rx: float, ry: float, fill: tuple[int, ...]) -> None:
        draw.ellipse([v * scale for v in (x - rx, y - ry, x + rx, y + ry)], fill=fill)

    ellipse(55.5, 50, 50, 60, dark)
    ellipse(55.5, 62, 42, 52, skin)
    for x, y in TEMPLATE[:2]:
        ellipse(x, y, 8, 5, (250, 250, 250))
        ellipse(x, y, 3.5, 3.5, dark)
    ellipse(*TEMPLATE[2], 4, 6, tuple(int(v * 0.8) for v in skin))
    curve = rng.uniform(2, 9)
    box = [v * scale for v in (39.6, 84.6 - curve, 71.4, 84.6 + curve)]
    draw.arc(box, 0, 180, fill=(150, 40, 50), width=3 * scale)
    noise = rng.normal(0, 4, (size, size, 1))
    pixels = np.asarray(image.resize((size, size), Image.Resampling.LANCZOS), dtype=np.float64)
    face = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    return face, (TEMPLATE + 0.5) * size / 112 - 0.5


def some_of(faces: FaceSet, rows: NDArray[np.int64]) -> FaceSet:
    """The faces of these rows (k,), in their order."""
    parts: dict[str, Any] = {
        name: value[rows] if isinstance(value, np.ndarray) else [value[row] for row in rows]
        for name, value in vars(faces).items()
    }
    return FaceSet(**parts)


def drawn_set(count: int, size: int = 112, first: int = 0, **other: Any) -> FaceSet:
    """Drawn faces in colour, of the seeds from `first` on, without labels; or what else is said."""
    drawn = [drawn_face(size, seed) for seed in range(first, first + count)]
    faces = FaceSet(
        np.stack([face for face, _ in drawn]),
        np.stack([points for _, points in drawn]),
        np.ones(count, dtype=np.bool_),
        ["utkface"] * count,
        [f"{row}.webp" for row in range(count)],
        np.full(count, -1),
        np.zeros((count, 8), dtype=np.float32),
        [""] * count,
        [{}] * count,
    )
    return replace(faces, **other)
