"""The pictures of a data set one after the other, decoded on as many processes as wanted."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.listing import Pictures
from latent_ofer.datasets.workers import mapped
from latent_ofer.errors import ImageError


def read_pictures(
    pictures: Pictures, paths: Sequence[str], workers: int = 1
) -> Iterator[NDArray[np.uint8] | ImageError]:
    """Read pictures in order; memory stays the same however many there are.

    Parameters
    ----------
    pictures : Pictures
        Where they are.
    paths : sequence of str
        What `pictures.read` takes.
    workers : int
        Processes that decode; see `workers.mapped`.

    Yields
    ------
    (H, W, 3) or (H, W) uint8, or the ImageError that says why there is none

    Raises
    ------
    DataError
        When a worker dies.
    """
    return mapped(pictures.read, paths, workers)
