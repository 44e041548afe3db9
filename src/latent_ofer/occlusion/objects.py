"""Cut-outs of real things laid over faces: the *Objects* protocol."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from latent_ofer.errors import DataError
from latent_ofer.occlusion.placing import REFERENCE, placed, scale_for

Anchor = Literal["eyes", "mouth", "nose", "cheek", "any"]

DEV_CATEGORIES = frozenset(
    {"cup", "novelty_glasses", "starfish_shell", "umbrella", "vegetable", "watch"}
)
"""Categories of split ``train`` kept for dev, so that dev too means unseen objects."""

LONGEST = 2.0
"""Longest side that scaling may give an object, in sides of the crop."""

PICTURES = {".webp", ".png"}
"""Files that a plain folder of cut-outs may hold: the formats with transparency."""


@dataclass(frozen=True)
class Cutout:
    """A thing cut out of its picture.

    Attributes
    ----------
    rgba : (H, W, 4) uint8
        Straight (not premultiplied) colour and alpha.
    category : str
    anchor : {"eyes", "mouth", "nose", "cheek", "any"}
        Where on a face its middle belongs.
    name : str
        Its path in the archive or folder.
    """

    rgba: NDArray[np.uint8]
    category: str
    anchor: Anchor
    name: str


def load_cutouts(
    path: Path,
    split: str,
    categories: frozenset[str] | None = None,
    exclude: frozenset[str] = frozenset(),
) -> list[Cutout]:
    """Read cut-outs from an archive or a folder.

    Parameters
    ----------
    path : Path
        ``occluders.zip``; or a folder with the same ``index.csv`` (columns path, split, category,
        anchor); or a plain folder of RGBA pictures, which has no splits: there the category is
        the subfolder's name and the anchor ``any``.
    split : str
        ``train`` or ``val``.
    categories : frozenset of str, optional
        Only these; all where it is None.
    exclude : frozenset of str
        Not these.

    Returns
    -------
    list of Cutout, never empty, in the order of the index (of the paths in a plain folder)

    Raises
    ------
    DataError
        If the archive, its index or a picture is missing or unreadable, or nothing is left.
    """
    if path.is_dir():
        cutouts = _from_folder(path, split, categories, exclude)
    elif path.is_file():
        cutouts = _from_archive(path, split, categories, exclude)
    else:
        raise DataError(f"{path}: no such file or folder; give occluders.zip or a folder")
    if not cutouts:
        raise DataError(f"{path}: holds no cut-out of split {split!r} in the categories asked for")
    return cutouts


def _from_archive(
    path: Path, split: str, categories: frozenset[str] | None, exclude: frozenset[str]
) -> list[Cutout]:
    try:
        with zipfile.ZipFile(path) as archive:
            rows = _index_rows(path, archive.read("index.csv"))
            chosen = _chosen(rows, split, categories, exclude)
            return [_cutout(path, row, archive.read) for row in chosen]
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: not a readable zip archive ({error}); copy it again") from error
    except KeyError as error:
        raise DataError(f"{path}: {error.args[0]}; the archive is incomplete") from error


def _from_folder(
    path: Path, split: str, categories: frozenset[str] | None, exclude: frozenset[str]
) -> list[Cutout]:
    index = path / "index.csv"
    if index.is_file():
        rows = _chosen(_index_rows(path, index.read_bytes()), split, categories, exclude)
    else:
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in PICTURES)
        plain = (
            {
                "path": file.relative_to(path).as_posix(),
                "split": split,
                "category": file.parent.name,
                "anchor": "any",
            }
            for file in files
        )
        rows = _chosen(plain, split, categories, exclude)
    return [_cutout(path, row, lambda name: (path / name).read_bytes()) for row in rows]


def _index_rows(path: Path, data: bytes) -> list[dict[str, str]]:
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig", errors="replace"))))
    if not rows or not {"path", "split", "category", "anchor"} <= rows[0].keys():
        raise DataError(f"{path}: index.csv needs rows of path, split, category and anchor")
    return rows


def _chosen(
    rows: Iterable[dict[str, str]],
    split: str,
    categories: frozenset[str] | None,
    exclude: frozenset[str],
) -> list[dict[str, str]]:
    return [
        row
        for row in rows
        if row["split"] == split
        and (categories is None or row["category"] in categories)
        and row["category"] not in exclude
    ]


def _cutout(path: Path, row: dict[str, str], read: Callable[[str], bytes]) -> Cutout:
    name, anchor = row["path"], row["anchor"]
    if anchor not in get_args(Anchor):
        raise DataError(f"{path}: {name} has the unknown anchor {anchor!r} in index.csv")
    try:
        with Image.open(io.BytesIO(read(name))) as picture:
            if not picture.has_transparency_data:
                raise DataError(f"{path}: {name} has no transparency, so it is no cut-out")
            rgba = np.array(picture.convert("RGBA"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: {name} cannot be read as a picture ({error})") from error
    if not (rgba[..., 3] > 127).any():
        raise DataError(f"{path}: {name} is transparent everywhere")
    return Cutout(rgba, row["category"], cast(Anchor, anchor), name)


def paste_object(
    face: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    cutout: Cutout,
    rng: Generator,
    *,
    size: int = REFERENCE,
    grey: bool = False,
    coverage: tuple[float, float] = (0.05, 0.40),
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Lay a cut-out over a face under the *Objects* protocol.

    The object is composed at the face's own resolution and resized (bicubic) with it.

    Parameters
    ----------
    face : (S, S, 3) uint8 RGB
        At its native resolution, for example 48 px for FERPlus.
    landmarks : (5, 2) float
        Left eye in the image, right eye, nose, mouth left, mouth right: (x, y) in pixels of
        ``face``, pixel centres at whole numbers.
    cutout : Cutout
    rng : numpy Generator
        See `latent_ofer.occlusion.seeds.image_rng`.
    size : int
        Side of the result in pixels.
    grey : bool
        Make the object grey, for grey faces.
    coverage : (low, high)
        Share of the result's pixels to cover, drawn uniformly from this range. Reached to within
        0.01 unless the object would need a side of more than two crops.

    Returns
    -------
    face : (size, size, 3) uint8 RGB
    covered : (size, size) bool
        Where the object's alpha is above one half.
    """
    side = face.shape[0]
    canvas = (side, side)
    unit = side / REFERENCE
    centre = _anchor_point(cutout.anchor, landmarks, rng) + rng.normal(0, 4, 2) * unit
    target = rng.uniform(*coverage)
    angle = _angle(cutout.anchor, landmarks, rng)
    brightness = rng.uniform(0.7, 1.3)
    soft = ImageFilter.GaussianBlur(rng.uniform(0.5, 1.2) * unit)

    layer = Image.fromarray(cutout.rgba).convert("RGBa")
    alpha = layer.getchannel("a")

    def covered_at(scale: float) -> NDArray[np.bool_]:
        hidden = placed(alpha, scale, angle, centre, canvas).filter(soft)
        return np.asarray(hidden.resize((size, size), Image.Resampling.BICUBIC)) > 127

    area = np.count_nonzero(cutout.rgba[..., 3] > 127)
    scale, covered = scale_for(
        covered_at, target, sqrt(target * side * side / area), LONGEST * side / max(layer.size)
    )
    sharp = placed(layer, scale, angle, centre, canvas)
    colour, opacity = _straight(sharp, sharp.filter(soft))
    colour = _lit(colour, opacity, face, brightness, grey)
    blend = face + opacity * (colour - face)
    composed = Image.fromarray(np.clip(np.rint(blend), 0, 255).astype(np.uint8))
    return np.array(composed.resize((size, size), Image.Resampling.BICUBIC)), covered


def _anchor_point(
    anchor: Anchor, landmarks: NDArray[np.floating], rng: Generator
) -> NDArray[np.float64]:
    points = np.asarray(landmarks, dtype=np.float64)
    if anchor == "eyes":
        return np.asarray(points[:2].mean(axis=0))
    if anchor == "mouth":
        return np.asarray(points[3:].mean(axis=0))
    if anchor == "nose":
        return np.asarray(points[2])
    if anchor == "cheek":
        near = int(rng.integers(2))
        outward = 0.2 * (points[near] - points[1 - near])
        return np.asarray((points[near] + points[3 + near]) / 2 + outward)
    return np.asarray(points[int(rng.integers(5))])


def _angle(anchor: Anchor, landmarks: NDArray[np.floating], rng: Generator) -> float:
    """Draw an angle in radians, clockwise on the screen."""
    if anchor not in ("eyes", "mouth"):
        return float(np.deg2rad(rng.uniform(-30, 30)))
    across = landmarks[1] - landmarks[0]
    return float(np.arctan2(across[1], across[0]) + np.deg2rad(rng.uniform(-8, 8)))


def _straight(
    sharp: Image.Image, blurred: Image.Image
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colour (S, S, 3) in 0-255 and softened opacity (S, S, 1) in 0-1 of premultiplied layers.

    Inside the object the colour stays sharp; beyond its edge the blurred colour goes on.
    """
    inner = np.asarray(sharp, dtype=np.float32)
    outer = np.asarray(blurred, dtype=np.float32)
    solid = inner[..., 3:] > 127
    layers: NDArray[np.float32] = np.where(solid, inner, outer)
    colour = layers[..., :3] * (np.float32(255) / np.maximum(layers[..., 3:], np.float32(1)))
    return np.minimum(colour, np.float32(255)), outer[..., 3:] / np.float32(255)


def _lit(
    colour: NDArray[np.float32],
    opacity: NDArray[np.float32],
    face: NDArray[np.uint8],
    brightness: float,
    grey: bool,
) -> NDArray[np.float32]:
    """Take the object into the face's light."""
    lit = colour * np.float32(brightness)
    if grey:
        lit = np.repeat(lit @ np.array([[0.299], [0.587], [0.114]], dtype=np.float32), 3, axis=2)
    weight = max(float(opacity.sum()), 1e-6)
    own = (lit * opacity).sum(axis=(0, 1)) / weight
    toward = np.float32(0.1) * (face.mean(axis=(0, 1), dtype=np.float32) - own)
    return cast(NDArray[np.float32], np.clip(lit + toward, 0, 255))
