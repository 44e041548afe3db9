"""What the tracker is told of a face: where it is, how much of it shows, and how it looks.

How it looks is taken as coarse as the patches, and only where nothing hides it. It tells faces
apart that meet, stays in memory, is forgotten with the track, and says of nobody who they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.images.align import TEMPLATE_112, TEMPLATE_SIZE, similarity
from latent_ofer.occlusion.patches import GRID
from latent_ofer.results import FaceResult, FloatArray

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]

PLACE_NOISE: Final = 0.05
"""Sides of a face that the box of a whole one is off, one standard deviation."""
_LEAST_SHOWN: Final = 0.2
"""With less than this it is not worse."""
_ENOUGH: Final = GRID * GRID // 4
"""Patches that both must show to be compared."""
_HEAD: Final = 0.5
"""Sides of a box, all around it, over which a head reaches beyond the face."""
_WHOLE_PICTURE: Final = (0.0, 0.0, 1.0, 1.0)
"""The box of a ready crop."""


@dataclass(frozen=True, eq=False)
class Look:
    """How a face looks, as coarse as its patches.

    Attributes
    ----------
    colours : (14, 14, 3) float
        Mean of each patch.
    visible : (14, 14) bool
        Where nothing hides it.
    """

    colours: NDArray[np.float32]
    visible: NDArray[np.bool_]

    @classmethod
    def of(cls, face: FaceResult, others: Sequence[Box] = ()) -> "Look":
        """That of a face; `others` are boxes of faces that may be in front of it."""
        side = face.face.shape[0] // GRID
        patches = face.face.reshape(GRID, side, GRID, side, 3)
        visible = ~face.occlusion.mask
        if face.landmarks is not None:
            visible &= ~_covered(face.landmarks, others)
        return cls(patches.mean(axis=(1, 3), dtype=np.float32), visible)

    def difference(self, other: "Look") -> float | None:
        """How unlike two faces are in the patches that both show, 0 for the same pixels.

        None where these are too few.

        1 less the correlation of their colours, which the light does not change much, and the mean
        difference of these, which tells more, in hundreds of levels.
        """
        both = self.visible & other.visible
        if both.sum() < _ENOUGH:
            return None
        one, two = self.colours[both], other.colours[both]
        levels = float(np.abs(one - two).mean()) / 100
        one, two = one - one.mean(axis=0), two - two.mean(axis=0)
        spread = float(np.sqrt((one * one).sum() * (two * two).sum()))
        return levels + 1 - (float((one * two).sum()) / spread if spread else 1.0)


@dataclass(frozen=True, eq=False)
class Sighting:
    """A face in a frame, for those who follow it.

    Attributes
    ----------
    box : (x0, y0, x1, y1) float
    shown : float
        Share of it that nothing hides, 0 to 1.
    look : Look or None
        None where it is not known.
    """

    box: Box
    shown: float
    look: Look | None = None

    @property
    def place(self) -> Floats:
        """Centre and logarithm of the size."""
        x0, y0, x1, y1 = self.box
        side = np.sqrt(max((x1 - x0) * (y1 - y0), 1e-6))
        return np.array([(x0 + x1) / 2, (y0 + y1) / 2, np.log(side)])

    @property
    def noise(self) -> float:
        """Sides that the place is off: the finder takes what it sees for the whole face."""
        return PLACE_NOISE / max(self.shown, _LEAST_SHOWN) ** 2


def sightings(faces: Sequence[FaceResult]) -> list[Sighting]:
    """Those of the faces of one frame."""
    boxes = [face.box or _WHOLE_PICTURE for face in faces]
    looks = [
        Look.of(face, [*boxes[:number], *boxes[number + 1 :]]) for number, face in enumerate(faces)
    ]
    return [
        Sighting(box, float(look.visible.mean()), look)
        for box, look in zip(boxes, looks, strict=True)
    ]


def _covered(landmarks: FloatArray, boxes: Sequence[Box]) -> NDArray[np.bool_]:
    """Which patches, (14, 14), have their middle within the heads of other faces."""
    steps = (np.arange(GRID) + 0.5) * TEMPLATE_SIZE / GRID - 0.5
    matrix = similarity(TEMPLATE_112, landmarks)
    middles = np.stack(np.meshgrid(steps, steps), axis=2) @ matrix[:, :2].T + matrix[:, 2]
    covered = np.zeros((GRID, GRID), dtype=np.bool_)
    for box in boxes:
        corners = np.reshape(box, (2, 2))
        reach = _HEAD * (corners[1] - corners[0])
        covered |= ((middles > corners[0] - reach) & (middles < corners[1] + reach)).all(axis=2)
    return covered
