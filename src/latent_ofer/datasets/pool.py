"""Faces of data sets as training and evaluation take them, behind one index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.datasets.main_face import in_three_channels
from latent_ofer.occlusion.objects import Cutout, paste_object
from latent_ofer.occlusion.patches import GRID
from latent_ofer.occlusion.seeds import image_rng

Pixels = NDArray[np.uint8]
Covered = NDArray[np.bool_]
Rows = NDArray[np.int64]
PROTOCOL = "objects"
SIZE = 112


@dataclass(frozen=True)
class FaceSet:
    """Faces of a data set at their own resolution, square.

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

    images: Pixels
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

    @property
    def borders(self) -> Covered:
        """Patches (n, 196) that show no photo but its border, replicated.

        Neither a clean face nor an object; known of the faces of our own archive.
        """
        known = _borders()
        nothing = np.zeros(GRID**2, dtype=np.bool_)
        found = [known.get(name, nothing) for _, name in self.keys]
        return np.array(found, dtype=np.bool_).reshape(len(self), GRID**2)

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
        return Native(
            in_three_channels(faces.images[place]),
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


@cache
def _borders() -> Mapping[str, Covered]:
    """Base name -> patches of the border, of the faces that have any."""
    with (files("latent_ofer") / "assets" / "photo_borders.npz").open("rb") as stream:
        table = np.load(stream)
        patches = np.unpackbits(table["patches"], axis=1, count=GRID**2).astype(np.bool_)
        names = [f"{name.decode()}.webp" for name in table["faces"].tolist()]
    return dict(zip(names, patches, strict=True))


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


def resized(picture: Pixels) -> Pixels:
    """Bicubic, as all faces of low resolution reach the networks: (S, S) or (S, S, 3) uint8."""
    if picture.shape[0] == SIZE:
        return picture
    return np.array(Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
