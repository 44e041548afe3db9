"""One answer from three views of a face: as it came, with its hidden part blanked, repaired."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
VIEWS = ("as it came", "blanked", "repaired")


@dataclass(frozen=True)
class Fusion:
    """How much each view counts, by what is hidden of the face; fitted on dev faces.

    The logits of a view are brought to a mean of 0 and multiplied by ``a + b * hidden + c * hand``,
    where `hidden` is the share of the patches that is hidden, and `hand` that behind a hand: where
    a hand is tells of the expression too, what a cup hides does not. The sum over the views is the
    fused answer. So the factors weigh the views and set the confidence at once.

    Attributes
    ----------
    before : float
        Factor of the face as it came, alone: one over its calibration temperature.
    after : tuple of (a, b, c)
        Of each of `VIEWS`.
    """

    before: float
    after: tuple[tuple[float, float, float], ...]

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> "Fusion":
        """From a manifest's entry; without c, as weights of before 0.2 are, it is 0.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is no such entry.
        """
        after = tuple((float(a), float(b), float(sum(c))) for a, b, *c in entry["after"])
        if len(after) != len(VIEWS):
            raise ValueError(f"expected factors of {len(VIEWS)} views, got {len(after)}")
        return cls(float(entry["before"]), after)

    def alone(self, logits: Floats) -> Floats:
        """The calibrated answer of the face as it came: (B, 8) to (B, 8)."""
        return np.float32(self.before) * logits

    def of(self, views: Sequence[Floats], shares: NDArray[np.floating]) -> Floats:
        """The fused, calibrated answer.

        Parameters
        ----------
        views : sequence of (B, 8) float
            Logits of each of `VIEWS`.
        shares : (B, 2) float in [0, 1]
            Of each face, what is hidden, and what is hidden behind a hand.

        Returns
        -------
        (B, 8) float32
        """
        total = np.zeros_like(views[0])
        for logits, (a, *slopes) in zip(views, self.after, strict=True):
            factor = a + shares @ np.array(slopes)
            total += factor[:, None] * (logits - logits.mean(1, keepdims=True))
        return total.astype(np.float32)
