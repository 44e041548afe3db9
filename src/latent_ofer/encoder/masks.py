"""Patches that the autoencoder has to fill in while it is trained: holes like those met in use."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from latent_ofer.occlusion.shapes import SHAPES, drawn

Order = NDArray[np.int64]
PIXELS = 8
"""Side of a patch on the small canvas that strokes and shapes are drawn on."""


def random_order(rng: Generator, grid: int) -> Order:
    """Scattered patches."""
    return rng.permutation(grid**2)


def block_order(rng: Generator, grid: int) -> Order:
    """Rectangles, one after the other, each row by row."""

    def block() -> NDArray[np.int64]:
        height, width = rng.integers(2, grid // 2 + 1, 2)
        top, left = rng.integers(0, grid - height + 1), rng.integers(0, grid - width + 1)
        rows, columns = np.mgrid[top : top + height, left : left + width]
        cells: NDArray[np.int64] = rows * grid + columns
        return cells.ravel()

    return _until_full(block, rng, grid)


def irregular_order(rng: Generator, grid: int) -> Order:
    """Strokes of a brush one or two patches wide, from one end to the other."""

    def stroke() -> NDArray[np.int64]:
        point, heading = rng.uniform(0, grid, 2), rng.uniform(0, 2 * np.pi)
        radius, points = rng.uniform(0.4, 1.1), []
        for turn in rng.normal(0, 0.5, int(rng.integers(4, 16))).tolist():
            points.append(point)
            heading += turn
            point = np.clip(point + [np.sin(heading), np.cos(heading)], 0, grid - 0.01)
        return _discs(np.array(points), radius, grid)

    return _until_full(stroke, rng, grid)


def object_order(rng: Generator, grid: int) -> Order:
    """Outlines of made-up things, each from its middle outwards."""
    side = grid * PIXELS

    def thing() -> NDArray[np.int64]:
        shape = SHAPES[rng.integers(len(SHAPES))](rng)
        centre = rng.uniform(0.1, 0.9, 2) * side
        picture = drawn(shape, rng.uniform(0.12, 0.4) * side, rng.uniform(0, 7), centre, side)
        covered = np.asarray(picture.reduce(PIXELS), dtype=np.float64).ravel()
        order = np.argsort(-covered, kind="stable")
        return order[covered[order] > 64]

    return _until_full(thing, rng, grid)


KINDS: tuple[Callable[[Generator, int], Order], ...] = (
    random_order,
    block_order,
    irregular_order,
    object_order,
)


class HoleBank:
    """Holes drawn beforehand, so that a batch's are quick to come by.

    Each is an order of all patches; its first are hidden, so that every face of a batch loses
    the same number of patches whatever its hole looks like.

    Parameters
    ----------
    grid : int
        Patches a side.
    rng : numpy Generator
    each : int
        Holes of each of `KINDS`.
    """

    def __init__(self, grid: int, rng: Generator, each: int = 1000) -> None:
        self.orders = np.stack([kind(rng, grid) for kind in KINDS for _ in range(each)])

    def draw_kept(self, rng: Generator, batch: int, kept: int) -> NDArray[np.int64]:
        """Draw the visible patches of a batch: (batch, kept) int64, ascending in each row."""
        orders = self.orders[rng.integers(len(self.orders), size=batch)]
        return np.sort(orders[:, orders.shape[1] - kept :], axis=1)


def _discs(centres: NDArray[np.float64], radius: float, grid: int) -> NDArray[np.int64]:
    """Patches of one disc after the other, each row by row."""
    middles = np.arange(grid) + 0.5
    down, across = ((middles - centre[:, None]) ** 2 for centre in centres.T)
    near = down[:, :, None] + across[:, None] <= radius**2
    own = centres.astype(np.int64)
    near[np.arange(len(centres)), own[:, 0], own[:, 1]] = True
    return np.nonzero(near.reshape(len(centres), -1))[1]


def _until_full(piece: Callable[[], NDArray[np.int64]], rng: Generator, grid: int) -> Order:
    """Pieces until three quarters are hidden, then what is left in any order."""
    pieces: list[NDArray[np.int64]] = []
    hidden = np.zeros(grid**2, dtype=np.bool_)
    while np.count_nonzero(hidden) < 0.75 * grid**2:
        pieces.append(piece())
        hidden[pieces[-1]] = True
    visits = np.concatenate([*pieces, rng.permutation(grid**2)])
    _, first = np.unique(visits, return_index=True)
    return visits[np.sort(first)]
