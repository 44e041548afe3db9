import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from masked_faces import WORN, evaluate_masked_faces, marked_share

from archives import INDEX, POINTS, picture, write_faces
from detecting import Look, greenness, looking
from latent_ofer.datasets.pool import FacePool, Pixels
from latent_ofer.evaluation.bench import Bench
from latent_ofer.evaluation.faces import ChosenFaces
from latent_ofer.weights_folder import Thresholds

PATCH = 8
LIMITS = Thresholds(0.5, 0.5)


def test_the_patches_that_are_looked_at_lie_on_mouth_brow_and_eyes() -> None:
    lower, eyes = WORN["mask"].hidden, WORN["sunglasses"].hidden
    assert {row for row, _ in lower} == {9, 10, 11, 12}
    assert {column for _, column in lower} == {4, 5, 6, 7, 8, 9}
    assert set(eyes) == {(4, column) for column in (3, 4, 5, 8, 9, 10)}
    assert set(WORN["mask"].visible) == {(row, c) for row in (2, 3, 4) for c in range(3, 11)}
    assert set(WORN["sunglasses"].visible) == set(lower)


def test_only_the_given_patches_count() -> None:
    scores = np.zeros((2, 14, 14))
    scores[0, 9:13, 4:10] = 1
    scores[1, 9:11, 4:10] = 1
    for kind, hidden, visible in (("mask", [1.0, 0.5], [0, 0]), ("sunglasses", [0, 0], [1.0, 0.5])):
        assert marked_share(scores, 0.5, WORN[kind].hidden).tolist() == hidden
        assert marked_share(scores, 0.5, WORN[kind].visible).tolist() == visible
    assert marked_share(scores, 1.0, WORN["mask"].hidden).tolist() == [0.0, 0.0]
    of_each = marked_share(scores, np.array([1.0, 0.5]), WORN["mask"].hidden)
    assert of_each.tolist() == [0.0, 0.5]


def painted(*blocks: tuple[slice, slice]) -> Pixels:
    """A grey picture with green patches."""
    face = np.full((112, 112, 3), 128, dtype=np.uint8)
    for rows, columns in blocks:
        pixels = tuple(slice(PATCH * part.start, PATCH * part.stop) for part in (rows, columns))
        face[pixels] = (0, 255, 0)
    return face


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two masks, one of them with half of brow and eyes marked, and one pair of sunglasses."""
    write_faces(tmp_path, (10, 3, 2))
    mouth, brow = (slice(9, 13), slice(4, 10)), (slice(2, 5), slice(3, 7))
    eyes = (slice(4, 5), slice(3, 11))
    worn = {
        "mask": [painted(mouth), painted(mouth, brow)],
        "sunglasses": [painted(eyes)],
    }
    lines = [f"{INDEX},{POINTS},kind"]
    with zipfile.ZipFile(tmp_path / "masked_faces.zip", "w") as bundle:
        for kind, faces in worn.items():
            for number, face in enumerate(faces):
                path = f"images/{kind}{number}.webp"
                bundle.writestr(path, picture(face, "WEBP"))
                columns = ["utkface", "val", *[""] * 5, "1", "1", "48", *["50"] * 10]
                lines.append(",".join([path, *columns, kind]))
        bundle.writestr("index.csv", "\n".join(lines) + "\n")
    return tmp_path


def measure(data: Path, look: Look, limits: Thresholds) -> dict[str, Any]:
    def bench(faces: ChosenFaces) -> Bench:
        return Bench(faces, [], data / "answers")

    return evaluate_masked_faces(data, data / "cache", looking(look, limits), bench, 7)


def test_masks_are_found_and_what_is_marked_elsewhere_is_told_apart(data: Path) -> None:
    def score(faces: Pixels) -> np.ndarray:
        return greenness(faces) + 1e-6 * np.arange(196).reshape(14, 14)

    report = measure(data, score, LIMITS)
    mask, sunglasses = report["mask"], report["sunglasses"]
    assert (mask["n"], sunglasses["n"]) == (2, 1)
    assert mask["found"] == {"value": 1, "low": 1, "high": 1}
    assert mask["marked_elsewhere"] == {"value": 0.25, "low": 0, "high": 0.5}
    assert sunglasses["found"]["value"] == 1 and sunglasses["marked_elsewhere"]["value"] == 0


def test_the_threshold_lets_two_in_a_hundred_patches_of_clean_faces_pass(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(data / "cache", ignore_errors=True)
    streaks = np.zeros((3, 196), dtype=bool)
    streaks[:, 150:] = True
    monkeypatch.setattr(FacePool, "borders", streaks)

    def score(faces: Pixels) -> np.ndarray:
        return np.tile(np.arange(196.0).reshape(14, 14), (len(faces), 1, 1))

    report = measure(data, score, LIMITS)
    assert report["mask"]["threshold"] == pytest.approx(0.98 * 149, abs=1)
    assert report["mask"]["clean_faces"] == 3


@pytest.mark.parametrize(("colour", "share"), [(0.5, 1), (2.0, 0)])
def test_the_detectors_own_threshold_for_colour_counts_too(
    data: Path, colour: float, share: float
) -> None:
    limits = Thresholds(colour=colour, grey=9.0)
    report = measure(data, greenness, limits)
    own = report["mask"]["at_thresholds"]
    assert own["found"] == {"value": share, "low": share, "high": share}
    assert own["marked_elsewhere"]["value"] == share / 4
