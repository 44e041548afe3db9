"""Cut-outs of real things: reading them from an archive or a folder."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.errors import DataError

Anchor = Literal["eyes", "mouth", "nose", "cheek", "any"]

DEV_CATEGORIES = frozenset(
    {"cup", "novelty_glasses", "starfish_shell", "umbrella", "vegetable", "watch"}
)
"""Categories of split ``train`` kept for dev, so that dev too means unseen objects."""

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
