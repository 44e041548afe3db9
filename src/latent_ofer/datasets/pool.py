"""Clean faces of both archives behind one index, and their copies with an object."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.datasets.faces import Faces, Split, read_faces
from latent_ofer.datasets.ferplus import SIZE, Ferplus, enlarge, read_ferplus
from latent_ofer.occlusion.objects import Cutout, paste_object
from latent_ofer.occlusion.seeds import image_rng

Pixels = NDArray[np.uint8]
Covered = NDArray[np.bool_]
PROTOCOL = "objects"


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
    """Clean faces of both archives behind one index: first `faces.zip`, then FERPlus.

    Attributes
    ----------
    colour : (n,) bool
        True for colour photos.
    """

    def __init__(self, photos: Faces, ferplus: Ferplus) -> None:
        self.photos = photos
        self.ferplus = ferplus
        self.colour = np.concatenate([photos.colour, np.zeros(len(ferplus), dtype=np.bool_)])

    def __len__(self) -> int:
        return len(self.photos) + len(self.ferplus)

    def native(self, row: int) -> Native:
        """One face as its archive holds it."""
        if row >= len(self.photos):
            return native_ferplus(self.ferplus, row - len(self.photos))
        photos = self.photos
        source, name = photos.rows[row]["source"], photos.names[row].rsplit("/", 1)[-1]
        return Native(photos.images[row], photos.landmarks[row], not self.colour[row], source, name)

    def batch(self, rows: NDArray[np.int64]) -> Pixels:
        """Faces as the networks see them: (B, 112, 112, 3) uint8."""
        out = np.empty((len(rows), SIZE, SIZE, 3), dtype=np.uint8)
        small = rows >= len(self.photos)
        out[~small] = self.photos.images[rows[~small]]
        if small.any():
            grey = self.ferplus.images[rows[small] - len(self.photos)]
            out[small] = enlarge(grey)[..., None]
        return out


def native_ferplus(faces: Ferplus, row: int) -> Native:
    """One face of FERPlus, its grey repeated in three channels."""
    image = np.repeat(faces.images[row][..., None], 3, axis=2)
    return Native(image, faces.landmarks[row], True, "ferplus", faces.names[row])


def read_pool(data: Path, split: Split, cache: Path) -> FacePool:
    """Clean faces of a split of both archives.

    Raises
    ------
    DataError
        When an archive is missing or broken.
    """
    return FacePool(read_faces(data, split, cache), read_ferplus(data, split, cache))


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
    """Bicubic, as all faces of low resolution reach the networks."""
    if picture.shape[0] == size:
        return picture
    return np.array(Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC))
