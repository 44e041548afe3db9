"""Clean faces of several data sets behind one index, and their copies with an object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.datasets.face_set import FaceSet
from latent_ofer.datasets.faces import Split, read_faces
from latent_ofer.datasets.ferplus import read_ferplus
from latent_ofer.occlusion.objects import Cutout, paste_object
from latent_ofer.occlusion.seeds import image_rng

Pixels = NDArray[np.uint8]
Covered = NDArray[np.bool_]
Rows = NDArray[np.int64]
PROTOCOL = "objects"
SIZE = 112


@dataclass(frozen=True)
class Native:
    """A clean face at its own resolution.

    Attributes
    ----------
    image : (S, S, 3) uint8 RGB
    landmarks : (5, 2) float, pixels of the image
    grey : bool
    source, name : str
        Data set and base name: what its random generator is made from.
    """

    image: Pixels
    landmarks: NDArray[np.float64]
    grey: bool
    source: str
    name: str


class FacePool:
    """Clean faces of one or more sets behind one index.

    Parameters
    ----------
    sets : sequence of FaceSet
        At least one; they follow each other in this order.
    rows : (n,) int, optional
        Which faces of all the sets, in which order; all of them by default.

    Attributes
    ----------
    sets : list of FaceSet
    colour : (n,) bool
        True for colour photos.
    labels : (n,) int
        Index into `labels.EXPRESSIONS`, -1 where a face has none.
    targets : (n, 8) float32
        Soft labels; a row sums to 1, or to 0 where a face has none.
    """

    def __init__(self, sets: Sequence[FaceSet], rows: Rows | None = None) -> None:
        self.sets = list(sets)
        starts = np.cumsum([0, *(len(faces) for faces in sets)])
        self._rows = np.arange(starts[-1]) if rows is None else rows
        self._set = np.searchsorted(starts, self._rows, side="right") - 1
        self._place = self._rows - starts[self._set]
        self.colour = np.concatenate([faces.colour for faces in sets])[self._rows]
        self.labels = np.concatenate([faces.labels for faces in sets])[self._rows]
        self.targets = np.concatenate([faces.targets for faces in sets])[self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, rows: Rows) -> "FacePool":
        """The faces at `rows`, in that order; no picture is copied."""
        return FacePool(self.sets, self._rows[rows])

    @property
    def people(self) -> list[str]:
        """Who each face is, as ``source/subject``; empty where unknown."""
        known = [(faces.sources[place], faces.subjects[place]) for faces, place in self._places()]
        return [subject and f"{source}/{subject}" for source, subject in known]

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Source and base name of each face."""
        return [(faces.sources[place], faces.names[place]) for faces, place in self._places()]

    @property
    def tags(self) -> list[Mapping[str, str]]:
        """What else is known of each face: age, sex, race ..."""
        return [faces.tags[place] for faces, place in self._places()]

    def _places(self) -> list[tuple[FaceSet, int]]:
        numbers = zip(self._set.tolist(), self._place.tolist(), strict=True)
        return [(self.sets[number], place) for number, place in numbers]

    @property
    def channels(self) -> int:
        """3, or 1 where every face is grey and one channel says all."""
        return 3 if self.colour.any() else 1

    def native(self, row: int) -> Native:
        """One face as its set holds it, grey repeated in three channels."""
        faces, place = self.sets[self._set[row]], self._place[row]
        image = faces.images[place]
        if image.ndim == 2:
            image = np.repeat(image[..., None], 3, axis=2)
        return Native(
            image,
            faces.landmarks[place],
            not self.colour[row],
            faces.sources[place],
            faces.names[place],
        )

    def batch(self, rows: Rows) -> Pixels:
        """Faces as the networks see them: (B, 112, 112, 3) uint8."""
        out = np.empty((len(rows), SIZE, SIZE, 3), dtype=np.uint8)
        of = self._set[rows]
        for number in np.unique(of):
            here = of == number
            images = self.sets[number].images[self._place[rows[here]]]
            if images.shape[1] != SIZE:
                images = np.stack([resized(image) for image in images])
            out[here] = images if images.ndim == 4 else images[..., None]
        return out

    def siblings(self, row: int) -> Rows:
        """Rows of all faces of the same set, in order, this one among them."""
        return np.flatnonzero(self._set == self._set[row])


def read_pool(data: Path, split: Split, cache: Path) -> FacePool:
    """Clean faces of a split of both archives: first `faces.zip`, then FERPlus.

    Raises
    ------
    DataError
        When an archive is missing or broken.
    """
    faces, ferplus = read_faces(data, split, cache), read_ferplus(data, split, cache)
    return FacePool([faces.as_face_set(), ferplus.as_face_set()])


def protocol_copy(face: Native, cutouts: list[Cutout], seed: int) -> tuple[Pixels, Covered, str]:
    """One face with one cut-out under the *Objects* protocol, always the same for a seed.

    Returns
    -------
    face : (112, 112, 3) uint8 RGB
    covered : (112, 112) bool
    category : str
        Of the cut-out.
    """
    rng = image_rng(seed, PROTOCOL, face.source, face.name)
    cutout = cutouts[int(rng.integers(len(cutouts)))]
    pasted, covered = paste_object(
        face.image, face.landmarks, cutout, rng, size=SIZE, grey=face.grey
    )
    return pasted, covered, cutout.category


def resized(picture: Pixels, size: int = SIZE) -> Pixels:
    """Bicubic, as all faces of low resolution reach the networks: (S, S) or (S, S, 3) uint8."""
    if picture.shape[0] == size:
        return picture
    return np.array(Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC))
