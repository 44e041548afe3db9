"""What covers a face: a type for each hidden region, and which types count as hidden."""

from collections.abc import Collection, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.results import COVER_TYPES, HIDING, Cover

Mask = NDArray[np.bool_]

SURE: Final = 0.5
"""Probability above which a type is believed: below it a region stays hidden, whatever it is."""
LEAST: Final = 3
"""Patches of a type that hides little, below which it is not named."""


def covers_of(
    mask: Mask, types: NDArray[np.float32], treat_as_hidden: Collection[str]
) -> tuple[tuple[Cover, ...], Mask]:
    """Name what covers a face, and take out of the mask what is not to count as hidden.

    Parameters
    ----------
    mask : (14, 14) bool
        Patches that the detector marks.
    types : (T, 14, 14) float in [0, 1]
        Probability of each of `results.COVER_TYPES` at each patch; T is 0 where they are not told.
    treat_as_hidden : collection of str
        Types that count as hidden.

    Returns
    -------
    covers : tuple of Cover
        First the regions of the mask, the largest first, each with its likeliest type among those
        that hide; then those types that lie over the face and hide little.
    mask : (14, 14) bool
        Without regions that are surely of another type, and with patches of types that hide little
        where those are to count.
    """
    if not len(types):
        return (), mask
    covers, kept = [], mask.copy()
    for region in sorted(_regions(mask), key=lambda region: -int(region.sum())):
        means = types[: len(HIDING), region].mean(axis=1).astype(np.float64)
        best = int(means.argmax())
        probability = float(means[best] / max(means.sum(), 1e-6))
        hidden = HIDING[best] in treat_as_hidden or probability < SURE
        kept[region] = hidden
        covers.append(Cover(HIDING[best], probability, float(region.mean()), hidden))
    for name, chance in zip(COVER_TYPES[len(HIDING) :], types[len(HIDING) :], strict=True):
        patches = (chance > SURE) & ~mask
        if patches.sum() >= LEAST:
            hidden = name in treat_as_hidden
            kept |= patches & hidden
            covers.append(Cover(name, float(chance[patches].mean()), float(patches.mean()), hidden))
    return tuple(covers), kept


def _regions(mask: Mask) -> Iterator[Mask]:
    """The parts of a mask that hang together, corners too."""
    left = mask.copy()
    while left.any():
        region = np.zeros_like(mask)
        region.flat[int(left.argmax())] = True
        while True:
            padded = np.pad(region, 1)
            rows = padded[:-2] | padded[1:-1] | padded[2:]
            grown = (rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]) & mask
            if (grown == region).all():
                break
            region = grown
        left &= ~region
        yield region
