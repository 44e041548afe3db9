"""What really covers a face: types by two independent looks, and outlines by patch."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import DataError
from latent_ofer.occlusion.patches import GRID
from latent_ofer.results import COVER_TYPES, HIDING

TYPES: Final = COVER_TYPES

_ASSETS = Path(str(files("latent_ofer"))) / "assets"
SHIPPED_COVERS: Final = (_ASSETS / "covers.csv", _ASSETS / "cover_outlines.csv")
"""The package's own tables: covers of training and dev faces, and outlines of some."""

COVERS: Final = "ferplus_occlusions.csv"
"""A table of the same form beside the data, of FERPlus faces of dev and validation."""

Face = tuple[str, str]
"""Source and base name of a face, such as ``("ferplus", "fer0000001.png")``."""


@dataclass(frozen=True)
class Cover:
    """What two looks at a face saw over it.

    Attributes
    ----------
    first, second : frozenset of str
        Some of `TYPES` each.
    """

    first: frozenset[str]
    second: frozenset[str]

    @property
    def agreed(self) -> frozenset[str]:
        """Types that both looks saw."""
        return self.first & self.second

    @property
    def named(self) -> frozenset[str]:
        """Types that either look saw; empty where nothing covers the face."""
        return self.first | self.second

    @property
    def hides(self) -> bool:
        """Whether both looks saw something of the same type that hides a part of the face."""
        return not self.agreed.isdisjoint(HIDING)

    @property
    def harmless(self) -> bool:
        """Whether neither look saw anything that hides."""
        return self.named.isdisjoint(HIDING)


@cache
def shipped_covers() -> Mapping[Face, Cover]:
    """The package's own table of training faces (FERPlus, UTKFace, CelebA), read once."""
    return read_covers(SHIPPED_COVERS[0])


def read_covers(path: Path, split: str | None = None) -> dict[Face, Cover]:
    """Read a table of covers.

    Parameters
    ----------
    path : Path
        CSV with the columns file, pass_a, pass_b, and optionally source (ferplus without it) and
        split; types in a pass are joined by ``+``.
    split : str, optional
        Only rows of this split.

    Raises
    ------
    DataError
        When the file cannot be read, lacks a column or names an unknown type.
    """
    covers = {}
    for line, row in _rows(path, {"file", "pass_a", "pass_b"}):
        if split is None or row.get("split") == split:
            looks = [_types(row[key], f"{path}:{line}") for key in ("pass_a", "pass_b")]
            covers[row.get("source", "ferplus"), row["file"]] = Cover(*looks)
    return covers


@cache
def shipped_outlines() -> Mapping[Face, NDArray[np.bool_]]:
    """Patches that are hidden in some training faces, outlined by eye: (14, 14) bool each."""
    return read_outlines(SHIPPED_COVERS[1])


def validation_outlines() -> dict[Face, NDArray[np.bool_]]:
    """The same of FERPlus validation faces with a hand before them: to measure by alone."""
    return read_outlines(_ASSETS / "cover_outlines_val.csv")


def read_outlines(path: Path) -> dict[Face, NDArray[np.bool_]]:
    """Read a table of outlines.

    Parameters
    ----------
    path : Path
        CSV with the columns file and patches, and optionally source (ferplus without it): 49
        hexadecimal digits, whose 196 bits are the patches, row-major, the first the highest.

    Returns
    -------
    dict of (source, file) to (14, 14) bool
        True = at least a quarter of the patch is hidden.

    Raises
    ------
    DataError
        When the file cannot be read or a row is none of these.
    """
    outlines = {}
    for line, row in _rows(path, {"file", "patches"}):
        try:
            number = int(row["patches"], 16)
        except ValueError:
            number = -1
        if not 0 <= number < 1 << GRID**2:
            raise DataError(f"{path}:{line}: '{row['patches']}' is no outline of 49 digits.")
        bits = [number >> place & 1 for place in range(GRID**2 - 1, -1, -1)]
        face = row.get("source", "ferplus"), row["file"]
        outlines[face] = np.array(bits, dtype=np.bool_).reshape(GRID, GRID)
    return outlines


def _rows(path: Path, needed: set[str]) -> list[tuple[int, Mapping[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream, restval="")
            rows: list[tuple[int, Mapping[str, str]]] = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from error
    if not needed <= set(reader.fieldnames or ()):
        raise DataError(f"{path}: expected the columns {', '.join(sorted(needed))}.")
    return rows


def _types(text: str, place: str) -> frozenset[str]:
    types = frozenset(text.split("+")) if text else frozenset()
    unknown = sorted(types - set(TYPES))
    if unknown:
        raise DataError(f"{place}: unknown type '{unknown[0]}'. Types are: {', '.join(TYPES)}.")
    return types
