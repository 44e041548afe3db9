"""The four calls that every engine answers: numpy arrays in and out, batch first.

B faces, S pixels a side, N = 196 patches (14 x 14, row-major from the top left), D numbers a
latent. Masks are True where the face is hidden.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def no_types(scores: Floats) -> Floats:
    """What a detector that tells no types gives beside its scores (B, N): (B, 0, N)."""
    return np.empty((len(scores), 0, scores.shape[1]), np.float32)


class Backend(Protocol):
    """One engine running the four stages' networks; the answers do not depend on which."""

    @property
    def detects_on_latents(self) -> bool:
        """Whether `detect` reads the latents; else they may be empty."""
        ...

    @property
    def recognises_on_latents(self) -> bool:
        """Whether `recognise` reads the latents; else they may be empty."""
        ...

    def encode(self, faces: Floats) -> Floats:
        """Latents (B, N, D) of faces (B, 3, S, S) in [0, 1]."""
        ...

    def detect(self, faces: Floats, latents: Floats) -> tuple[Floats, Floats]:
        """Scores (B, N), higher for patches more likely hidden, and what lies over each patch.

        A score is a probability in the `labelled` and `synthetic` detectors; standard deviations
        from what clean faces have in the `one-class` one; a distance in the `paper` one (Eq. 1).
        The latter (B, T, N) is the probability of each of `results.COVER_TYPES` at each patch; T
        is 0 where the detector tells none.
        """
        ...

    def reconstruct(self, faces: Floats, mask: Mask) -> Floats:
        """Repaired faces (B, 3, S, S) in [0, 1]; mask (B, 14, 14), visible pixels untouched."""
        ...

    def recognise(self, faces: Floats, latents: Floats, mask: Mask) -> tuple[Floats, Floats]:
        """Logits (B, 8) and attention (B, 14, 14), non-negative, of sum 1.

        The mask's patches are blanked by the `views` recogniser; the `paper` one is told by it
        which patches were repaired, and its logits are calibrated.
        """
        ...
