"""Whether dev and training share a person or a face, as `dev_split` parts them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.check_report import DevCounts
from latent_ofer.datasets.dev_split import in_dev
from latent_ofer.datasets.listing import Listing
from latent_ofer.datasets.main_face import SMALL, small_grey

ALIGNED = "faces"
"""The set whose pictures are aligned faces, which training takes as they are."""


class DevCheck:
    """Sorts training faces into dev and the others as their pictures come by.

    Parameters
    ----------
    listing : Listing
    """

    def __init__(self, listing: Listing) -> None:
        self._samples = listing.samples
        self._small = listing.name in SMALL
        named = all(sample.subject for sample in listing.samples if sample.trains)
        self._known = self._small or listing.name == ALIGNED or named
        self._dev: dict[int, bool] = {}

    def add(self, row: int, picture: NDArray[np.uint8]) -> None:
        """Sort the sample of a row by its picture (H, W, 3) or (H, W) uint8."""
        sample = self._samples[row]
        if self._known and sample.trains:
            self._dev[row] = in_dev(sample.subject, self._as_trained(picture))

    def _as_trained(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self._small:
            return small_grey(picture)
        return np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture

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
