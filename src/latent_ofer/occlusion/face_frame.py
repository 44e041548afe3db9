"""Coordinates of a face: both eyes at (-0.5, 0) and (0.5, 0), the middle of the mouth at (0, 1)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NARROWEST = 0.6
"""Least distance between the eyes, in those from eyes to mouth: heads seen from the side."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FaceFrame:
    """Where a face lies in its picture.

    Attributes
    ----------
    origin : (2,) float
        (x, y) of the middle between the eyes, in pixels.
    across, down : (2,) float
        From the eye on the left to the other one, and from the eyes to the mouth.
    """

    origin: Floats
    across: Floats
    down: Floats

    @classmethod
    def of(cls, landmarks: NDArray[np.floating]) -> "FaceFrame":
        """The frame of five points (5, 2) in pixels: eyes, nose, corners of the mouth."""
        points = np.asarray(landmarks, dtype=np.float64)
        origin = points[:2].mean(axis=0)
        down = points[3:].mean(axis=0) - origin
        across = points[1] - points[0]
        short = NARROWEST * np.hypot(*down) / max(float(np.hypot(*across)), 1e-6)
        return cls(origin, across * max(1.0, float(short)), down)

    @property
    def unit(self) -> float:
        """Pixels from the eyes to the mouth."""
        return float(np.hypot(*self.down))

    def on_canvas(self, points: Floats) -> Floats:
        """Points (..., 2) of the face in pixels."""
        return self.origin + points[..., :1] * self.across + points[..., 1:] * self.down

    def grid(self, side: int) -> tuple[Floats, Floats]:
        """Both coordinates of each pixel: (side, side) each."""
        places = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1) - self.origin
        solved = np.linalg.solve(np.stack([self.across, self.down], axis=1), places[..., None])
        x, y = np.moveaxis(solved[..., 0], -1, 0).astype(np.float64)
        return x, y

    def skin(self, side: int, top: float) -> NDArray[np.bool_]:
        """Pixels of the face itself from the height `top` down: (side, side).

        Hair and clothes beside it hide nothing of it.
        """
        x, y = self.grid(side)
        inside: NDArray[np.bool_] = (x / 0.95) ** 2 + ((y - 0.45) / 1.25) ** 2 < 1
        return inside & (y > top)
