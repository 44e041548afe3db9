"""From a photo to the aligned faces that the networks take."""

import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.arrays import Pixels
from latent_ofer.images.align import TEMPLATE_112, align_face, similarity, square_crop
from latent_ofer.images.colour import is_as_stored, orientation_of
from latent_ofer.images.load import ImageSource, load_image

if TYPE_CHECKING:
    from latent_ofer.images.find import FoundFace


_TAGGED: Final = (
    "a PIL image that was changed after it was opened still has an EXIF orientation: it is taken "
    "as it is now. If it is not upright, use PIL.ImageOps.exif_transpose before changing it, or "
    "give the file"
)


class Finder(Protocol):
    """Whatever finds faces in a photo, from left to right."""

    def find(self, image: Pixels) -> "list[FoundFace]":
        """Faces of an (H, W, 3) uint8 RGB photo."""
        ...


@dataclass(frozen=True, eq=False)
class Crop:
    """An aligned face (S, S, 3) uint8, where in its photo it was and how sure the finder is.

    None for a ready crop.
    """

    face: Pixels
    box: tuple[float, float, float, float] | None
    landmarks: NDArray[np.float64] | None
    score: float | None = None

    @property
    def aligned_landmarks(self) -> NDArray[np.float64] | None:
        """Where the landmarks lie in the aligned face at 112 px, (5, 2); None for a ready crop."""
        if self.landmarks is None:
            return None
        matrix = similarity(self.landmarks, TEMPLATE_112)
        return self.landmarks @ matrix[:, :2].T + matrix[:, 2]


class CropReader:
    """Reads images into crops of `size` pixels.

    With `finder` None, the package's own is made, with `threads` threads, when first needed.
    """

    def __init__(self, size: int, finder: Finder | None, threads: int | None) -> None:
        self._size = size
        self._finder = finder
        self._threads = threads
        self._told = False

    def whole(self, source: ImageSource) -> list[Crop]:
        """The image itself as one face, centred on a square. Raises ImageError."""
        return [Crop(square_crop(self._photo(source), self._size), None, None)]

    def faces(self, source: ImageSource) -> list[Crop]:
        """Every face found in the image, from left to right. Raises ImageError."""
        photo = self._photo(source)
        return [
            Crop(
                align_face(photo, found.landmarks, self._size),
                _as_box(found.box),
                np.asarray(found.landmarks, dtype=np.float64),
                float(found.score),
            )
            for found in self._face_finder().find(photo)
        ]

    def _photo(self, source: ImageSource) -> Pixels:
        if isinstance(source, Image.Image) and not self._told and not is_as_stored(source):
            self._told = orientation_of(source) != 1
            if self._told:
                # Where warnings are errors, one must not cost the image.
                with suppress(UserWarning):
                    warnings.warn(_TAGGED, stacklevel=2)
        return load_image(source)

    def _face_finder(self) -> Finder:
        if self._finder is None:
            # Here, not above: ready crops need no finder, and it brings in onnxruntime.
            from latent_ofer.images.find import FaceFinder

            self._finder = FaceFinder(self._threads)
        return self._finder


def _as_box(box: "NDArray[np.float64] | tuple[float, ...]") -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(value) for value in box)
    return x0, y0, x1, y1
