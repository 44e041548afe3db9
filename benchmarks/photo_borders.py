"""Write `assets/photo_borders.npz`: where an aligned face shows but the photo's border, replicated.

Takes half an hour for the 35,000 faces of `faces.zip` whose column ``inside`` is below 1, and is
done when that archive changes.

The photo is a rotated rectangle in the aligned frame. Beyond one of its sides the picture stays
constant along that side's normal, so its slope along the normal is the evidence. Each pixel
beyond a side counts for itself, and a pixel beyond two sides (a corner) counts for both: the
evidence of a rectangle is a sum of four profiles, one a side, and trying every rectangle is cheap.
"""

import argparse
import csv
import io
import zipfile
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE = 112
PATCH = 8
PATCH_SHARE = 0.25
"""A patch with more replicated border than this is marked."""

COMPLETE = 0.999
LEAST = 0.5
"""Shares of real picture: nothing to find from `COMPLETE` on, no face below `LEAST`."""

REACH = 80
"""Offsets along an axis, -80 to 80 px: a little more than the frame's diagonal."""
OFFSETS = 2 * REACH + 1

COARSE_ANGLES = range(-30, 31, 3)
COARSE_SHARES = (0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.125, 0.15, 0.175, 0.2, 0.24, 0.28, 0.34, 0.42)
"""Tried first: the photo's angle in degrees, the share of the frame beyond one side."""
COARSE_TOLERANCE = 0.02
FINE_ANGLES = range(-2, 3)
FINE_STEPS = np.array(list(product(range(-3, 4), repeat=4)))
"""Tried around the best of the coarse ones: degrees, pixels for each of the four sides."""

# Chosen on complete faces of which a known part was replaced by replicated border and that were
# then saved as WebP of quality 80; a third more or less of any hardly matters.
NOISE = 0.7
"""Slope along a streak, grey levels a pixel, at which border and picture are equally likely."""
LEAK = 0.25
"""Added to it for each grey level of slope across the streaks."""
WORST = 4.0
"""A steeper slope than so many times that says no more."""
AREA_WEIGHT = 40.0
"""Cost of the squared error of the photo's area, against the mean evidence of a pixel."""

Float = NDArray[np.floating]
Index = NDArray[np.intp]


class _Axes(NamedTuple):
    """The photo's axes at one angle."""

    cos: float
    sin: float
    across: Index
    down: Index
    area: Float
    """(162, 162): share of the frame before an offset down and an offset across."""


def main() -> None:
    """Look at every face, keep the ids and patches of those that have any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path, help="faces.zip")
    parser.add_argument("output", type=Path, help="the table, an .npz file")
    options = parser.parse_args()
    found = {}
    with zipfile.ZipFile(options.archive) as bundle:
        index = io.TextIOWrapper(bundle.open("index.csv"), encoding="utf-8-sig")
        for row in csv.DictReader(index):
            image = Image.open(io.BytesIO(bundle.read(row["path"]))).convert("RGB")
            patches = streak_patches(np.asarray(image), float(row["inside"] or 1))
            if patches.any():
                found[Path(row["path"]).stem] = np.packbits(patches)
    names = sorted(found)
    table = np.array([found[name] for name in names])
    np.savez_compressed(options.output, faces=np.array(names, dtype="S"), patches=table)


def streak_patches(image: NDArray[np.uint8], inside: float) -> NDArray[np.bool_]:
    """Find the patches of an aligned face that show replicated border.

    Parameters
    ----------
    image : (112, 112, 3) RGB or (112, 112) grey, uint8
        An aligned face, its border replicated where the photo ended.
    inside : float
        Share of the frame that is real picture, 0.5 to 1, good to about 0.01.

    Returns
    -------
    (14, 14) bool
        True where more than a quarter of the patch is replicated border.

    Raises
    ------
    ValueError
        When `inside` is out of range.
    """
    if not LEAST <= inside <= 1:
        raise ValueError(f"inside must be {LEAST} to 1, not {inside}")
    side = SIZE // PATCH
    if inside >= COMPLETE:
        return np.zeros((side, side), dtype=np.bool_)
    angle, (left, right, top, bottom) = _photo(image, inside)
    across, down = _axes(angle).across, _axes(angle).down
    real = (across >= left) & (across < OFFSETS - right) & (down >= top) & (down < OFFSETS - bottom)
    marked: NDArray[np.bool_] = (
        1 - real.reshape(side, PATCH, side, PATCH).mean((1, 3)) > PATCH_SHARE
    )
    return marked


def _photo(image: NDArray[np.uint8], inside: float) -> tuple[int, Index]:
    """Angle in degrees, and how many offsets the left, right, top and bottom side cut off."""
    grey = np.asarray(Image.fromarray(image).convert("L"), dtype=np.float32)
    dy, dx = np.gradient(grey, axis=0), np.gradient(grey, axis=1)
    tried = []
    for angle in COARSE_ANGLES:
        cuts, areas = _coarse_cuts(angle)
        near = slice(
            *np.searchsorted(areas, (inside - COARSE_TOLERANCE, inside + COARSE_TOLERANCE))
        )
        tried.append((*_best(_profiles(dx, dy, angle), cuts[near], areas[near], inside), angle))
    _, coarse, middle = max(tried, key=lambda one: one[0])
    tried = []
    for angle in (middle + step for step in FINE_ANGLES):
        cuts = np.maximum(coarse + FINE_STEPS, 0)
        tried.append((*_best(_profiles(dx, dy, angle), cuts, _area(angle, cuts), inside), angle))
    _, fine, angle = max(tried, key=lambda one: one[0])
    return angle, fine


def _best(profiles: Float, cuts: Index, areas: Float, inside: float) -> tuple[float, Index]:
    """The score and the row of `cuts` (n, 4) with most evidence and about the right area."""
    evidence = sum(profiles[side][cuts[:, side]] for side in range(4)) / SIZE**2
    score = evidence - AREA_WEIGHT * (areas - inside) ** 2
    best = int(np.argmax(score))
    return float(score[best]), cuts[best]


def _profiles(dx: Float, dy: Float, angle: int) -> Float:
    """(4, 162): evidence that what each side cuts off is replicated border, by the depth cut."""
    axes = _axes(angle)
    along = np.abs(dx * axes.cos + dy * axes.sin)
    athwart = np.abs(dy * axes.cos - dx * axes.sin)
    profiles = []
    for slope, other, offset in ((along, athwart, axes.across), (athwart, along, axes.down)):
        # A streak's slope along the normal is noise, and more of it where the streaks differ.
        evidence = 1 - np.minimum(slope / (NOISE + LEAK * other), WORST)
        line = np.bincount(offset.ravel(), evidence.ravel(), OFFSETS)
        profiles += [line, line[::-1]]
    return np.pad(np.cumsum(profiles, axis=1), ((0, 0), (1, 0)))


@cache
def _axes(angle: int) -> _Axes:
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    cos, sin = float(np.cos(np.deg2rad(angle))), float(np.sin(np.deg2rad(angle)))
    across = np.rint(x * cos + y * sin).astype(np.intp) + REACH
    down = np.rint(y * cos - x * sin).astype(np.intp) + REACH
    pixels = np.bincount((down * OFFSETS + across).ravel(), minlength=OFFSETS**2)
    area = pixels.reshape(OFFSETS, OFFSETS).cumsum(0).cumsum(1) / SIZE**2
    return _Axes(cos, sin, across, down, np.pad(area, ((1, 0), (1, 0))))


def _area(angle: int, cuts: Index) -> Float:
    """Share of the frame that `cuts` (n, 4) leave, (n,)."""
    left, right, top, bottom = cuts.T
    area, right, bottom = _axes(angle).area, OFFSETS - right, OFFSETS - bottom
    kept: Float = area[bottom, right] - area[top, right] - area[bottom, left] + area[top, left]
    return kept


@cache
def _coarse_cuts(angle: int) -> tuple[Index, Float]:
    """All combinations of the coarse shares, (n, 4), and the area that each leaves, ascending."""
    area = _axes(angle).area
    across = np.searchsorted(area[-1], COARSE_SHARES, side="right") - 1
    down = np.searchsorted(area[:, -1], COARSE_SHARES, side="right") - 1
    cuts = np.array(list(product(across, across, down, down)))
    areas = _area(angle, cuts)
    order = np.argsort(areas)
    order = order[areas[order] >= LEAST - 2 * COARSE_TOLERANCE]
    return cuts[order], areas[order]


if __name__ == "__main__":
    main()
