"""The figure for face finding: collages are where they say, and matching is strict."""

import csv
import io
import zipfile
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from face_finding import (
    DEMO_LANDMARKS,
    KnownFace,
    evaluate_face_finding,
    make_collage,
    match,
)
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.errors import DataError
from latent_ofer.images.align import TEMPLATE_112, align_face, similarity
from latent_ofer.images.find import FoundFace
from latent_ofer.images.load import load_image


def write_archive(
    path: Path, face: Image.Image, rows: int, landmarks: NDArray[np.float64] = TEMPLATE_112
) -> None:
    columns = ["path", "split", *(f"lm{i}{axis}" for i in range(5) for axis in "xy")]
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(columns)
    with zipfile.ZipFile(path, "w") as pack:
        for number in range(rows):
            file = io.BytesIO()
            face.save(file, "PNG")
            pack.writestr(f"images/{number}.png", file.getvalue())
            writer.writerow([f"images/{number}.png", "val", *landmarks.ravel()])
        pack.writestr("index.csv", table.getvalue())


@pytest.fixture
def dotted_archive(tmp_path: Path) -> Path:
    """Make crops of green with a soft red dot on each landmark."""
    ys, xs = np.mgrid[:112, :112]
    near = np.min([np.hypot(xs - x, ys - y) for x, y in TEMPLATE_112], axis=0)
    red = 255 * np.exp(-((near / 4) ** 2))
    pixels = np.stack((red, 255 - red, 0 * red), axis=2).astype(np.uint8)
    write_archive(tmp_path / "faces.zip", Image.fromarray(pixels), 6)
    return tmp_path / "faces.zip"


@pytest.mark.parametrize("seed", range(6))
def test_the_faces_of_a_collage_are_at_the_places_it_names(dotted_archive: Path, seed: int) -> None:
    known = [KnownFace(f"images/{i}.png", TEMPLATE_112) for i in range(6)]
    with zipfile.ZipFile(dotted_archive) as pack:
        collage = make_collage(pack, known, np.random.default_rng(seed))
        again = make_collage(pack, known, np.random.default_rng(seed))
    np.testing.assert_array_equal(collage.image, again.image)
    assert 1 <= len(collage.landmarks) <= 5
    eyes = np.linalg.norm(collage.landmarks[:, 1] - collage.landmarks[:, 0], axis=1)
    assert (eyes > 23).all() and (eyes < 81).all()
    height, width = collage.image.shape[:2]
    ys, xs = np.mgrid[:height, :width]
    for (x, y), distance in zip(collage.landmarks.reshape(-1, 2), eyes.repeat(5), strict=True):
        radius = distance * 0.15
        close = np.hypot(xs - x, ys - y) < radius
        light = collage.image[close].astype(float) @ (1, -1, 0)
        light = light.clip(0)
        centre = np.array([xs[close], ys[close]]) @ light / light.sum()
        assert np.linalg.norm(centre - (x, y)) < 0.1 * distance / 4 + 0.3


def found(landmarks: NDArray[np.float64]) -> FoundFace:
    return FoundFace((0.0, 0.0, 1.0, 1.0), landmarks, 1.0)


def test_a_face_is_found_within_a_tenth_of_the_eye_distance() -> None:
    eyes = TEMPLATE_112[1, 0] - TEMPLATE_112[0, 0]
    truth = TEMPLATE_112[None]
    assert match([found(TEMPLATE_112 + (0.099 * eyes, 0))], truth) == (1, 1, 0)
    assert match([found(TEMPLATE_112 + (0.101 * eyes, 0))], truth) == (1, 0, 0)
    assert match([found(TEMPLATE_112 + (1.01 * eyes, 0))], truth) == (1, 0, 1)
    assert match([], truth) == (1, 0, 0)
    both = np.stack((TEMPLATE_112, TEMPLATE_112 + 300))
    assert match([found(TEMPLATE_112 + 300)], both) == (2, 1, 0)


def test_the_evaluation_finds_the_shipped_portrait_again(tmp_path: Path) -> None:
    data = resources.files("latent_ofer").joinpath("assets/portrait.jpg").read_bytes()
    known = np.array(DEMO_LANDMARKS)
    face = align_face(load_image(data), known)
    matrix = similarity(known, TEMPLATE_112)
    known = known @ matrix[:, :2].T + matrix[:, 2]
    write_archive(tmp_path / "faces.zip", Image.fromarray(face), 6, known)
    result = evaluate_face_finding(tmp_path / "faces.zip", collages=2)
    assert result["demo_found"]
    assert result["faces"] >= 2
    assert result["false_detections"] == 0
    assert result["share_found"] == 1
    low, high = result["interval_95"]
    assert 0 <= low <= result["share_found"] <= high <= 1


def test_an_archive_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "faces.zip").write_bytes(b"no zip")
    with pytest.raises(DataError, match="faces.zip"):
        evaluate_face_finding(tmp_path / "faces.zip")
