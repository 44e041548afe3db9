"""Occluded, detected, repaired copies of the recogniser's training faces."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archives import write_archives
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Sources
from latent_ofer.recogniser.copies import pool_with_copies

Faces = NDArray[np.uint8]
ABOUT = {"data": {"ferplus.zip": "a"}, "parents": {"detector": "b", "reconstructor": "c"}}


def untouched(faces: Faces) -> tuple[Faces, NDArray[np.bool_]]:
    return faces, np.zeros((len(faces), 14, 14), dtype=np.bool_)


def test_copies_are_made_once_and_again_for_other_faces_of_the_same_data(tmp_path: Path) -> None:
    class Fewer(Sources):
        """As if the split were another one."""

        def labelled(self, split: object) -> FacePool:
            pool = super().labelled("train")
            return pool.take(np.arange(1, len(pool)))

    data, made = write_archives(tmp_path / "data"), []

    def counted(faces: Faces) -> tuple[Faces, NDArray[np.bool_]]:
        made.append(len(faces))
        return untouched(faces)

    for kind in (Sources, Sources, Fewer, Fewer):
        pool_with_copies(kind(data, tmp_path / "cache"), "train", ABOUT, counted, 3, seed=0)
    assert made == [3, 3]
