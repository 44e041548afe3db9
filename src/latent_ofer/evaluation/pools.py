"""Which faces of a pool are measured: colour and grey ones apart, and so many of each."""

import numpy as np

from latent_ofer.datasets.pool import FacePool
from latent_ofer.evaluation.subsets import chosen


def ids_of(pool: FacePool) -> list[str]:
    """``source/name`` of each face of a pool."""
    natives = (pool.native(row) for row in range(len(pool)))
    return [f"{face.source}/{face.name}" for face in natives]


def kinds_of(pool: FacePool) -> dict[str, FacePool]:
    """Faces in colour, and those of FERPlus; grey photos of the archives belong to neither.

    Where no face is FERPlus', every grey one belongs to the second kind. A kind without faces is
    left out.
    """
    sources = [pool.native(row).source for row in range(len(pool))]
    ferplus = np.array([source == "ferplus" for source in sources], dtype=np.bool_)
    rows = {"colour": pool.colour, "grey": ferplus if ferplus.any() else ~pool.colour}
    return {name: pool.take(np.flatnonzero(some)) for name, some in rows.items() if some.any()}


def subset(pool: FacePool, limit: int | None, seed: int) -> FacePool:
    """So many of the faces, the same on any machine; all without a limit."""
    return pool.take(chosen(ids_of(pool), limit, seed))
