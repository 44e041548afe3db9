"""From a sample's picture to its one face as networks take it: found, aligned, or squared."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.ferplus import NATIVE_SIZE, TEMPLATE_48
from latent_ofer.datasets.listing import Box, Pictures, Sample
from latent_ofer.images.align import (
    TEMPLATE_112,
    TEMPLATE_SIZE,
    align_face,
    similarity,
    square_crop,
)

if TYPE_CHECKING:
    from latent_ofer.images.find import FaceFinder, FoundFace

How = Literal["as_is", "aligned", "squared", "no_face"]
"""Taken as it is: a 48 px crop, or an aligned face; found and aligned; a crop without a face found,
squared; none."""

SMALL: Final = frozenset({"fer2013", "ferplus"})
"""Sets of 48 px grey crops, which are taken as they are."""
LEAST_OVERLAP: Final = 0.2
"""Intersection over union below which a face is not the one that a sample's box is about."""


@dataclass(frozen=True)
class MainFace:
    """One sample's face.

    Attributes
    ----------
    how : str
        One of `How`.
    image : (S, S, 3) or (S, S) uint8, or None
        Contiguous; None where no face was found in a whole photo.
    landmarks : (5, 2) float
        Pixels of the image; the template's where none were found.
    """

    how: How
    image: NDArray[np.uint8] | None
    landmarks: NDArray[np.float64]


@dataclass(frozen=True)
class MainFaces:
    """Makes the face of a sample; can be pickled, for worker processes.

    Attributes
    ----------
    pictures : Pictures
    crops : bool
        Whether the pictures are face crops already.
    small : bool
        Whether they are the 48 px grey crops of FER2013, which are taken as they are.
    """

    pictures: Pictures
    crops: bool
    small: bool

    def of(self, sample: Sample) -> MainFace:
        """The face of a sample.

        Raises
        ------
        ImageError
            When the picture cannot be read.
        """
        picture = self.pictures.read(sample.path)
        known = None if sample.landmarks is None else np.array(sample.landmarks)
        if self.small:
            return MainFace("as_is", small_grey(picture), TEMPLATE_48 if known is None else known)
        picture = in_three_channels(picture)
        if known is not None and picture.shape[:2] == (TEMPLATE_SIZE, TEMPLATE_SIZE):
            return MainFace("as_is", picture, known)
        face = main_face(self._finder.find(picture), picture.shape[1::-1], sample.box)
        if face is not None:
            matrix = similarity(face.landmarks, TEMPLATE_112)
            landmarks = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
            return MainFace("aligned", align_face(picture, face.landmarks), landmarks)
        if self.crops:
            part = np.ascontiguousarray(cropped(picture, sample.box))
            return MainFace("squared", square_crop(part), TEMPLATE_112)
        return MainFace("no_face", None, TEMPLATE_112)

    @cached_property
    def _finder(self) -> "FaceFinder":
        # Here, not above: it brings in onnxruntime, and cannot be pickled.
        from latent_ofer.images.find import FaceFinder

        # One thread, so that the faces are the same on any number of workers.
        return FaceFinder(threads=1)


def main_face(
    faces: "Sequence[FoundFace]", size: tuple[int, ...], box: Box | None
) -> "FoundFace | None":
    """The face that a sample is about.

    Parameters
    ----------
    faces : sequence of FoundFace
        All that were found.
    size : (width, height) int
        Of the picture, pixels.
    box : (x, y, width, height) or None
        Pixels: the face that overlaps it best is meant.

    Returns
    -------
    FoundFace or None
        Without a box the largest and most central: area times closeness to the middle, which
        falls from 1 there to 0 in the corners.
    """
    if box is None:
        return max(
            faces, key=lambda face: _area(face.box) * _closeness(face.box, size), default=None
        )
    x, y, width, height = box
    wanted = (x, y, x + width, y + height)
    best = max(faces, key=lambda face: _overlap(face.box, wanted), default=None)
    return best if best is not None and _overlap(best.box, wanted) >= LEAST_OVERLAP else None


def _closeness(box: Box, size: tuple[int, ...]) -> float:
    width, height = size
    x, y = (box[0] + box[2] - width) / 2, (box[1] + box[3] - height) / 2
    return 1 - 2 * math.hypot(x, y) / math.hypot(width, height)


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1)."""
    low = (max(one[0], other[0]), max(one[1], other[1]))
    high = (min(one[2], other[2]), min(one[3], other[3]))
    shared = _area((*low, *high))
    union = _area(one) + _area(other) - shared
    return shared / union if union else 0.0


def small_grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A crop of FER2013 as it was, (48, 48): copies come in three equal channels, some enlarged."""
    square = square_crop(in_three_channels(picture), NATIVE_SIZE)
    grey: NDArray[np.uint8] = np.rint(square.mean(axis=2)).astype(np.uint8)
    return grey


def in_three_channels(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture (H, W, 3), or a grey one (H, W), as (H, W, 3)."""
    return np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture


def cropped(picture: NDArray[np.uint8], box: Box | None) -> NDArray[np.uint8]:
    """The part of a picture inside a box, cut at the picture's edges and never empty.

    Parameters
    ----------
    picture : (H, W, 3) or (H, W) uint8
    box : (x, y, width, height) or None
        Pixels; None for the whole picture.

    Returns
    -------
    (h, w, 3) or (h, w) uint8
        A view.
    """
    if box is None:
        return picture
    height, width = picture.shape[:2]
    x, y, w, h = box
    left, top = min(max(round(x), 0), width - 1), min(max(round(y), 0), height - 1)
    right, bottom = max(min(round(x + w), width), left + 1), max(min(round(y + h), height), top + 1)
    return picture[top:bottom, left:right]
