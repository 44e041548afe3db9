"""Face finding: the demo photo, and collages of known faces at known places.

Protocol: several aligned faces, scaled to 24-80 px between the eyes and rolled within +-45
degrees, on made-up backgrounds. A face is found when the mean error of its five landmarks is at
most 10 % of its inter-ocular distance. Prints JSON.
"""

import argparse
import csv
import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from latent_ofer.cli.output import print_report
from latent_ofer.datasets.archives import archive
from latent_ofer.errors import DataError
from latent_ofer.images.find import FaceFinder, FoundFace
from latent_ofer.images.load import load_image
from latent_ofer.progress import track

PROTOCOL: Final = "face-finding"
LARGEST_ERROR: Final = 0.10
"""Mean landmark error of a found face, as a share of the distance between its eyes."""
EYE_DISTANCE: Final = (24.0, 80.0)
MAX_ROLL: Final = 45.0
DEMO_LANDMARKS: Final = (
    (203.5, 100.8), (246.2, 103.0), (226.2, 125.3), (204.5, 139.8), (242.8, 140.8),
)  # fmt: skip
"""Of the portrait that ships with the package, marked by hand to about 1 px."""

_RESAMPLES: Final = 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--collages", type=int, default=100, help="how many to make (100)")
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    figures = evaluate_face_finding(archive(options.data, "faces.zip"), options.collages)
    print_report({"figure": "face finding", **figures}, options.output)


@dataclass(frozen=True)
class KnownFace:
    """A row of the index: its path in the archive and its (5, 2) landmarks, px."""

    path: str
    landmarks: NDArray[np.float64]


@dataclass(frozen=True)
class Collage:
    """A made-up photo, (H, W, 3) uint8, and the (N, 5, 2) landmarks of the faces in it, px."""

    image: NDArray[np.uint8]
    landmarks: NDArray[np.float64]


def evaluate_face_finding(
    path: Path, collages: int = 100, seed: int = 7, split: str = "val"
) -> dict[str, Any]:
    """Measure how many faces are found, and how many are made up.

    Parameters
    ----------
    path : Path
        ``faces.zip``: aligned 112 px crops and ``index.csv``.
    collages : int
    seed : int
    split : str
        Rows of the index to draw faces from, all of them.

    Returns
    -------
    dict
        Counts, the share of faces found in [0, 1], its 95 % percentile bootstrap interval over
        collages (1,000 resamples), and detections that are no face of the collage.

    Raises
    ------
    DataError
        If the archive is missing or not what it should be.
    """
    finder = FaceFinder(threads=1)
    try:
        with zipfile.ZipFile(path) as pack:
            known = _known_faces(pack, split)
            counts = []
            for number in track(range(collages), collages, "collages"):
                collage = make_collage(pack, known, _generator(seed, split, str(number)))
                counts.append(match(finder.find(collage.image), collage.landmarks))
    except (OSError, KeyError, zipfile.BadZipFile) as problem:
        raise DataError(f"{path}: no archive of faces with an index ({problem})") from problem
    table = np.array(counts)
    asset = resources.files("latent_ofer").joinpath("assets/portrait.jpg")
    portrait = load_image(asset.read_bytes())
    demo, others = match(finder.find(portrait), np.array([DEMO_LANDMARKS]))[1:]
    low, high = _interval(table, _generator(seed, split, "bootstrap"))
    return {
        "protocol": PROTOCOL,
        "split": split,
        "seed": seed,
        "collages": collages,
        "faces": int(table[:, 0].sum()),
        "found": int(table[:, 1].sum()),
        "share_found": float(table[:, 1].sum() / table[:, 0].sum()),
        "interval_95": [low, high],
        "false_detections": int(table[:, 2].sum()),
        "demo_found": demo == 1 and others == 0,
    }


def match(found: Sequence[FoundFace], truth: NDArray[np.float64]) -> tuple[int, int, int]:
    """Compare detections with known faces.

    A detection within one inter-ocular distance of a face belongs to it, however exact it is.

    Parameters
    ----------
    found : sequence of FoundFace
    truth : (N, 5, 2) float
        Landmarks in px.

    Returns
    -------
    tuple of int
        Faces, faces found exactly enough, detections that belong to no face.
    """
    eyes = np.linalg.norm(truth[:, 1] - truth[:, 0], axis=1)
    points = np.array([face.landmarks for face in found]).reshape(-1, 1, 5, 2)
    errors = np.linalg.norm(points - truth[None], axis=3).mean(axis=2) / eyes
    exact = (errors <= LARGEST_ERROR).any(axis=0).sum()
    strangers = (errors > 1).all(axis=1).sum()
    return len(truth), int(exact), int(strangers)


def make_collage(
    pack: zipfile.ZipFile, known: Sequence[KnownFace], rng: np.random.Generator
) -> Collage:
    """Put one to five faces on a made-up background, none over another, some at the edge."""
    width, height = (int(v) for v in rng.integers(480, 961, 2))
    image = _background(width, height, rng)
    taken: list[tuple[float, float, float]] = []
    truth = []
    for index in rng.choice(len(known), int(rng.integers(1, 6)), replace=False):
        face = known[index]
        eyes = float(rng.uniform(*EYE_DISTANCE))
        roll = float(rng.uniform(-MAX_ROLL, MAX_ROLL))
        crop = Image.open(io.BytesIO(pack.read(face.path))).convert("RGB")
        tile, points, radius = _tile(crop, face.landmarks, eyes, roll)
        place = _free_place(width, height, radius, taken, rng)
        if place is None:
            continue
        taken.append((*place, radius))
        corner = [round(v - side / 2) for v, side in zip(place, tile.size, strict=True)]
        image.paste(tile, (corner[0], corner[1]), tile)
        truth.append(points + corner)
    return Collage(np.array(image), np.array(truth).reshape(-1, 5, 2))


def _tile(
    crop: Image.Image, landmarks: NDArray[np.float64], eyes: float, roll: float
) -> tuple[Image.Image, NDArray[np.float64], float]:
    """Scale, soften the edge, turn; return the tile, its landmarks and the radius it covers."""
    scale = eyes / float(np.linalg.norm(landmarks[1] - landmarks[0]))
    side = round(crop.width * scale)
    tile = crop.resize((side, side), Image.Resampling.BICUBIC)
    soft = Image.new("L", (side, side), 0)
    edge = max(2, side // 28)
    ImageDraw.Draw(soft).rounded_rectangle(
        (edge, edge, side - edge, side - edge), radius=side // 3, fill=255
    )
    tile.putalpha(soft.filter(ImageFilter.GaussianBlur(edge / 2)))
    turned = tile.rotate(roll, Image.Resampling.BICUBIC, expand=True)
    angle = np.radians(roll)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = (landmarks + 0.5) * (side / crop.width) - side / 2
    points = points @ turn.T + np.array(turned.size) / 2 - 0.5
    return turned, points, 0.58 * side


def _free_place(
    width: int,
    height: int,
    radius: float,
    taken: Sequence[tuple[float, float, float]],
    rng: np.random.Generator,
) -> tuple[float, float] | None:
    """Draw a centre that overlaps no other face; one in four touches the picture's edge."""
    for _ in range(50):
        x = float(rng.uniform(radius, width - radius))
        y = float(rng.uniform(radius, height - radius))
        if rng.random() < 0.25:
            # The tile's straight side is nearer to its centre than its corner is.
            near = 0.85 * radius
            x, y = [(near, y), (width - near, y), (x, near), (x, height - near)][rng.integers(4)]
        if all(np.hypot(x - u, y - v) > radius + r for u, v, r in taken):
            return x, y
    return None


def _background(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Draw a plain, a graded or a textured background."""
    colours = rng.uniform(20, 235, (2, 3))
    kind = rng.integers(3)
    if kind == 0:
        pixels = np.broadcast_to(colours[0], (height, width, 3))
    else:
        ys, xs = np.mgrid[:height, :width]
        angle = rng.uniform(0, 2 * np.pi)
        ramp = (xs / width * np.cos(angle) + ys / height * np.sin(angle) + 1.5) / 3
        pixels = colours[0] + (colours[1] - colours[0]) * ramp[..., None]
    if kind == 2:
        cells = rng.normal(0, 30, (height // 24 + 2, width // 24 + 2)).astype(np.float32)
        clouds = Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)
        pixels = pixels + np.asarray(clouds)[..., None] + rng.normal(0, 6, (height, width, 1))
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def _known_faces(pack: zipfile.ZipFile, split: str) -> list[KnownFace]:
    columns = [f"lm{i}{axis}" for i in range(5) for axis in "xy"]
    with pack.open("index.csv") as file:
        rows = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8"))
        return [
            KnownFace(row["path"], np.array([float(row[c]) for c in columns]).reshape(5, 2))
            for row in rows
            if row["split"] == split
        ]


def _interval(table: NDArray[np.int64], rng: np.random.Generator) -> tuple[float, float]:
    drawn = table[rng.integers(0, len(table), (_RESAMPLES, len(table)))].sum(axis=1)
    low, high = np.percentile(drawn[:, 1] / drawn[:, 0], [2.5, 97.5])
    return float(low), float(high)


def _generator(seed: int, source: str, name: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}:{PROTOCOL}:{source}:{name}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "big")))


if __name__ == "__main__":
    main()
