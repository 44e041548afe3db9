"""Groups of faces by what is known of them: every figure is shown for each group too."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.covers import read_covers
from latent_ofer.datasets.pool import FacePool
from latent_ofer.evaluation.report import SMALL

SEX = {"0": "male", "1": "female"}
RACE = {"0": "White", "1": "Black", "2": "Asian", "3": "Indian", "4": "other"}
AGE_BANDS = ((0, 12), (13, 29), (30, 49), (50, 120))
COVERAGE_BANDS = ((0.0, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 1.0))
REALLY_COVERED = "cover: really covered"
Members = dict[str, NDArray[np.bool_]]


def groups(tags: Sequence[Mapping[str, str]]) -> Members:
    """Which faces belong to each group of people; those without a tag belong to none.

    Sex, race and age are labels of the data set (UTKFace's were guessed by a program and checked
    by people); they are not what the people in the pictures say of themselves.

    Parameters
    ----------
    tags : sequence of n mappings
        Keys `sex` (code of `SEX`), `race` (code of `RACE`) and `age` (years), each left out or
        empty where unknown.

    Returns
    -------
    dict of str to (n,) bool
        Such as ``"sex: female"`` or ``"age: 13-29"``; groups without a face are left out.
    """
    members: Members = {}
    for key, names in (("sex", SEX), ("race", RACE)):
        values = np.array([tag.get(key, "") for tag in tags], dtype=str)
        members |= {f"{key}: {name}": values == code for code, name in names.items()}
    ages = np.array([_years(tag.get("age", "")) for tag in tags])
    # Half a year belongs to the year that is not over yet.
    members |= {f"age: {low}-{high}": (ages >= low) & (ages < high + 1) for low, high in AGE_BANDS}
    return _peopled(members)


def occluder_groups(
    categories: Sequence[str] | None = None, coverage: NDArray[np.floating] | None = None
) -> Members:
    """Which faces are hidden by what, and how much of each.

    Parameters
    ----------
    categories : sequence of n str, optional
        What hides each face, such as "mug"; empty where nothing does.
    coverage : (n,) float, optional
        Hidden share of each face's pixels, 0 to 1; 0 belongs to no band.

    Returns
    -------
    dict of str to (n,) bool
        Such as ``"occluder: mug"`` or ``"coverage: 10-20 %"`` (10 left out, 20 in it).
    """
    members: Members = {}
    if categories is not None:
        values = np.array(categories, dtype=str)
        members |= {f"occluder: {name}": values == name for name in np.unique(values) if name}
    if coverage is not None:
        members |= {
            coverage_band(low, high): (coverage > low) & (coverage <= high)
            for low, high in COVERAGE_BANDS
        }
    return _peopled(members)


def coverage_band(low: float, high: float) -> str:
    """Name of the group of faces of which more than `low` is hidden, and at most `high`."""
    return f"coverage: {100 * low:g}-{100 * high:g} %"


def cover_groups(pool: FacePool, path: Path) -> Members:
    """Faces over which nothing lies before anything is pasted, and really covered ones.

    None where there is no table of covers, or it names none of the faces: what counts as visible
    on a face may be hidden all the same.
    """
    if not path.exists():
        return {}
    covers = read_covers(path)
    known = [covers.get(face) for face in pool.keys]
    members = {
        "cover: nothing": np.array([cover is not None and not cover.named for cover in known]),
        REALLY_COVERED: np.array([cover is not None and cover.hides for cover in known]),
    }
    return _peopled(members)


def size_of(members: NDArray[np.bool_]) -> dict[str, Any]:
    """Number of a group's faces as ``"n"``, and the mark of a small group."""
    size = int(members.sum())
    return {"n": size} | ({"small": True} if size < SMALL else {})


def _peopled(members: Members) -> Members:
    return {name: faces for name, faces in members.items() if faces.any()}


def _years(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
