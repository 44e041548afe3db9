"""Replicated border of all faces of a pool, found once and kept."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.cache import stored
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.streaks import streak_patches
from latent_ofer.occlusion.patches import GRID
from latent_ofer.progress import track


def pool_streaks(pool: FacePool, cache: Path) -> NDArray[np.bool_]:
    """Patches (n, 196) that show no photo, but its border replicated.

    Neither a clean face nor an object; known of faces that say how much of them is photo (the tag
    ``inside``).

    Parameters
    ----------
    pool : FacePool
        n faces.
    cache : Path
        Folder where the answer is kept.

    Raises
    ------
    DataError
        When the folder cannot be written, or the disk is full.
    """
    shares = [float(tags.get("inside") or 1) for tags in pool.tags]
    content = hashlib.sha256(repr(shares).encode())
    for row, share in enumerate(shares):
        if share < 1:
            content.update(pool.native(row).image.data)
    key = content.hexdigest()[:16]

    def rows() -> Iterator[NDArray[np.uint8]]:
        for row in track(range(len(shares)), len(shares), "border of the photos"):
            if shares[row] == 1:
                yield np.zeros(GRID**2, dtype=np.uint8)
            else:
                marked = streak_patches(pool.native(row).image, shares[row])
                yield marked.ravel().astype(np.uint8)

    return stored(cache / f"streaks-{key}.npy", (len(shares), GRID**2), rows()).astype(np.bool_)
