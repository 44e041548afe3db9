"""Which training faces are kept for dev: nobody, and no copy of a face, is on both sides."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.listing import Listing
from latent_ofer.datasets.main_face import SMALL, in_three_channels, small_grey

DEV_DIGITS = "01"
DEV_RULE = "2: SHA-256 of the person, else of the pixels"
"""What a stage says of the faces that were kept from it: trained by another rule, it is stale."""


def in_dev(subject: str, pixels: NDArray[np.uint8]) -> bool:
    """Whether a training face belongs to dev, an eighth of them.

    Parameters
    ----------
    subject : str
        Who the face is; empty where the set does not say.
    pixels : (48, 48) or (112, 112, 3) uint8
        The decoded face: what decides where nobody knows the person. Identical copies stay
        together.
    """
    key = subject.encode(errors="surrogateescape") if subject else pixels.tobytes()
    return hashlib.sha256(key).hexdigest()[-1] in DEV_DIGITS


@dataclass(frozen=True)
class DevCounts:
    """Whether the faces kept for dev are strangers to the others of the training split.

    Attributes
    ----------
    faces, training : int
        Those kept for dev, and the others.
    of_people_in_training : int
        Dev faces of somebody who is among the others too.
    copies_of_training : int
        Dev faces with the very same pixels as one of the others.
    """

    faces: int
    training: int
    of_people_in_training: int
    copies_of_training: int


class DevCheck:
    """Sorts training faces into dev and the others as their pictures come by.

    Those of a set that has to be found and aligned first can be sorted only where all people are
    named.

    Parameters
    ----------
    listing : Listing
    """

    def __init__(self, listing: Listing) -> None:
        self._samples = listing.samples
        self._small = listing.name in SMALL
        training = [sample for sample in listing.samples if sample.trains]
        self._known = self._small or all(face.subject or face.landmarks for face in training)
        self._dev: dict[int, bool] = {}

    def add(self, row: int, picture: NDArray[np.uint8]) -> None:
        """Sort the sample of a row by its picture (H, W, 3) or (H, W) uint8."""
        sample = self._samples[row]
        if self._known and sample.trains:
            face = small_grey(picture) if self._small else in_three_channels(picture)
            self._dev[row] = in_dev(sample.subject, face)

    def counts(self, digests: Mapping[int, bytes]) -> DevCounts | None:
        """What was found; `digests` holds a hash of each row's pixels."""
        if not self._dev:
            return None
        dev = [row for row, kept in self._dev.items() if kept]
        others = [row for row, kept in self._dev.items() if not kept]
        people = {self._samples[row].subject for row in others} - {""}
        pixels = {digests[row] for row in others}
        return DevCounts(
            len(dev),
            len(others),
            sum(self._samples[row].subject in people for row in dev),
            sum(digests[row] in pixels for row in dev),
        )
