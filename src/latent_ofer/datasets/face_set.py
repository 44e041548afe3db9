"""Faces of a data set as training and evaluation take them: decoded, with all that is known."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FaceSet:
    """Faces at their own resolution, square.

    Attributes
    ----------
    images : (n, S, S) or (n, S, S, 3) uint8
        Grey, or RGB. S is 48 for FERPlus' crops and 112 for aligned faces.
    landmarks : (n, 5, 2) float
        Pixels of the images: left eye in the image, right eye, nose, mouth left, mouth right.
    colour : (n,) bool
        False for grey photos, whatever their channels.
    sources, names : list of str
        Data set and base name: what a face's random generator is made from.
    labels : (n,) int
        Index into `labels.EXPRESSIONS`, -1 where a face has none.
    targets : (n, 8) float32
        Soft labels; a row sums to 1, or to 0 where a face has none.
    subjects : list of str
        Who it is, where known; else empty.
    tags : list of mapping
        What else is known of each face: age, sex, race, kind of occlusion ...
    """

    images: NDArray[np.uint8]
    landmarks: NDArray[np.float64]
    colour: NDArray[np.bool_]
    sources: list[str]
    names: list[str]
    labels: NDArray[np.int64]
    targets: NDArray[np.float32]
    subjects: list[str]
    tags: list[Mapping[str, str]]

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: NDArray[np.int64]) -> "FaceSet":
        """Some rows."""
        chosen = [int(row) for row in rows]
        return FaceSet(
            self.images[rows],
            self.landmarks[rows],
            self.colour[rows],
            [self.sources[row] for row in chosen],
            [self.names[row] for row in chosen],
            self.labels[rows],
            self.targets[rows],
            [self.subjects[row] for row in chosen],
            [self.tags[row] for row in chosen],
        )
