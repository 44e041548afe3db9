"""Clean faces as every detector gets them, to be fitted to and for its thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.covers import COVERS, Cover, Face, read_covers, shipped_covers
from latent_ofer.datasets.pool import FacePool, Rows
from latent_ofer.datasets.sources import Sources


@dataclass(frozen=True)
class CleanFaces:
    """Training faces of one kind over which nothing lies.

    Attributes
    ----------
    pixels : (n, 112, 112, 3) uint8
    photo : (n, N) bool
        Their patches, but for the replicated border of a photo.
    keys : list of (source, name)
    """

    pixels: NDArray[np.uint8]
    photo: NDArray[np.bool_]
    keys: list[Face]


def known_covers(sources: Sources) -> dict[Face, Cover]:
    """What covers training faces (the package's table) and dev faces (one beside the data)."""
    path = sources.data / COVERS
    return {**shipped_covers(), **(read_covers(path, "dev") if path.exists() else {})}


def clean_rows(kind: str, pool: FacePool, covers: Mapping[Face, Cover], seed: int) -> Rows:
    """Faces of a kind over which neither look saw anything, in random order.

    All of the kind where nobody looked at any, and all faces where there is none of the kind.
    """
    order: Rows = np.random.default_rng(seed).permutation(len(pool))
    of_kind = order[pool.colour[order] == (kind == "colour")]
    rows = of_kind if len(of_kind) else order
    keys = pool.keys
    looks = [covers.get(keys[row]) for row in rows.tolist()]
    bare = rows[[look is not None and not look.named for look in looks]]
    return bare if len(bare) else rows


def clean_faces(sources: Sources, kind: str, count: int, seed: int) -> CleanFaces:
    """So many clean training faces of a kind; the same for every detector that asks."""
    pool = sources.pool("train")
    rows = clean_rows(kind, pool, known_covers(sources), seed)[:count]
    chosen = pool.take(rows)
    return CleanFaces(pool.batch(rows), ~chosen.borders, chosen.keys)
