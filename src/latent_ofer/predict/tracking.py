"""Which faces of successive frames are one face: by where they move, how large and how they look.

Each face is taken to go on as it went (a Kalman filter of constant speed); the faces of a frame are
shared out among those that are followed so that all fit best together. How a face looks, as coarse
as its patches and only where nothing hides it, tells faces apart that meet, and stays in memory:
it is forgotten with the track, and says of nobody who they are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.occlusion.patches import GRID
from latent_ofer.predict.assignment import assigned
from latent_ofer.results import FaceResult

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]

PATIENCE: Final = 2.0
"""Seconds that a track waits for a face that is not seen."""
_SAMPLES: Final = 2.5
"""Or so many steps between frames, where that is longer."""
_PLACE_NOISE: Final = 0.05
"""Sides of a face that a box is off, one standard deviation."""
_PUSH: Final = 1.0
"""Change of speed, sides a second within a second, one standard deviation."""
_FIRST_SPEED: Final = 2.0
"""Of a face that was seen once, sides a second, one standard deviation."""
_LEAST_GATE: Final = 0.5
"""Sides that a face may always be from where it is expected; else three standard deviations."""
_SIZE_SPREAD: Final = 0.3
_LOOK_SPREAD: Final = 0.2
"""Standard deviations of the logarithm of the size, and of how faces look."""
_LEAST_SIZE_GATE: Final = 0.7
_LOOK_GATE: Final = 0.9
"""Of 600 training faces moved by 2 px, 99 % are nearer to themselves than 0.4, half of others are
further than 1.2."""
_UNKNOWN_DIFFERENCE: Final = 0.4
_ENOUGH: Final = GRID * GRID // 4
"""Patches that both must show."""


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
    def of(cls, face: FaceResult) -> "Look":
        """That of an aligned face."""
        side = face.face.shape[0] // GRID
        patches = face.face.reshape(GRID, side, GRID, side, 3)
        return cls(patches.mean(axis=(1, 3), dtype=np.float32), ~face.occlusion.mask)

    def difference(self, other: "Look") -> float:
        """How unlike two faces are in the patches that both show; 0 for the same pixels.

        1 less the correlation of their colours, which the light does not change much, and the mean
        difference of these, which tells more, in hundreds of levels.
        """
        both = self.visible & other.visible
        if both.sum() < _ENOUGH:
            return _UNKNOWN_DIFFERENCE
        one, two = self.colours[both], other.colours[both]
        levels = float(np.abs(one - two).mean()) / 100
        one, two = one - one.mean(axis=0), two - two.mean(axis=0)
        spread = float(np.sqrt((one * one).sum() * (two * two).sum()))
        return levels + 1 - (float((one * two).sum()) / spread if spread else 1.0)


class _Track:
    """A face that is followed: state (2, 3), centre and logarithm of the size, and their speeds."""

    def __init__(self, number: int, time: float, measured: Floats) -> None:
        self.number = number
        self.seen = time
        self.look: Look | None = None
        self._time = time
        self._state = np.stack([measured, np.zeros(3)])
        # In sides of the face, for all three alike.
        self._spread = np.diag([_PLACE_NOISE**2, _FIRST_SPEED**2])

    def move_to(self, time: float) -> None:
        """Expect it where it is going."""
        step, self._time = time - self._time, time
        onward = np.array([[1, step], [0, 1]])
        self._state = onward @ self._state
        pushed = np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]])
        self._spread = onward @ self._spread @ onward.T + _PUSH**2 * pushed

    def cost(self, measured: Floats, look: Look | None) -> float:
        """How ill a face fits: -2 log-likelihood; infinite where it cannot be this one."""
        off = measured - self._state[0]
        side = np.exp(max(measured[2], self._state[0, 2]))
        distance = float(np.hypot(off[0], off[1]) / side)
        spread = float(np.sqrt(self._spread[0, 0] + _PLACE_NOISE**2))
        unlike = _UNKNOWN_DIFFERENCE
        if self.look is not None and look is not None:
            unlike = self.look.difference(look)
        if (
            distance > max(_LEAST_GATE, 3 * spread)
            or abs(off[2]) > max(_LEAST_SIZE_GATE, 3 * spread)
            or unlike > _LOOK_GATE
        ):
            return np.inf
        spread = max(spread, 2 * _PLACE_NOISE)
        terms = (distance / spread, off[2] / _SIZE_SPREAD, unlike / _LOOK_SPREAD)
        return float(sum(term**2 for term in terms) + 4 * np.log(spread))

    def take(self, measured: Floats, look: Look | None) -> None:
        """It is here."""
        gain = self._spread[:, 0] / (self._spread[0, 0] + _PLACE_NOISE**2)
        self._state = self._state + np.outer(gain, measured - self._state[0])
        self._spread = self._spread - np.outer(gain, self._spread[0])
        self.seen, self.look = self._time, look


class Tracker:
    """Numbers the faces of one video, from 0, the same number for the same face.

    Frames come in order. A face that is not seen for `PATIENCE` seconds keeps its number.
    """

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}
        self._time = 0.0
        self._next = 0

    def number(self, time: float, boxes: Sequence[Box], looks: Sequence[Look]) -> list[int]:
        """The numbers of the faces of a frame.

        Parameters
        ----------
        time : float
            Seconds.
        boxes, looks
            One a face.
        """
        self._move_to(time)
        measured = [_measured(box) for box in boxes]
        tracks = list(self._tracks.values())
        costs = np.array(
            [[t.cost(m, look) for m, look in zip(measured, looks, strict=True)] for t in tracks]
        ).reshape(len(tracks), len(boxes))
        found = {face: tracks[track].number for track, face in assigned(costs)}
        new = iter(range(self._next, self._next + len(boxes)))
        numbers = [found[face] if face in found else next(new) for face in range(len(boxes))]
        self._take(numbers, measured, looks)
        return numbers

    def replay(self, time: float, boxes: Sequence[Box], numbers: Sequence[int]) -> None:
        """Take what `number` gave earlier; how the faces look is not known until `remember`."""
        self._move_to(time)
        self._take(numbers, [_measured(box) for box in boxes], [None] * len(boxes))

    def remember(self, numbers: Iterable[int], looks: Iterable[Look]) -> None:
        """How the faces of a frame that was replayed look; the frames in their order."""
        for number, look in zip(numbers, looks, strict=True):
            if number in self._tracks:
                self._tracks[number].look = look

    @property
    def oldest(self) -> float:
        """When the face was last seen that has been out of sight for longest, of those followed."""
        return min((track.seen for track in self._tracks.values()), default=self._time)

    def _move_to(self, time: float) -> None:
        patience = max(PATIENCE, _SAMPLES * (time - self._time))
        self._time = time
        self._tracks = {n: t for n, t in self._tracks.items() if time - t.seen <= patience}
        for track in self._tracks.values():
            track.move_to(time)

    def _take(
        self, numbers: Sequence[int], measured: Sequence[Floats], looks: Sequence[Look | None]
    ) -> None:
        for number, place, look in zip(numbers, measured, looks, strict=True):
            if number not in self._tracks:
                self._tracks[number] = _Track(number, self._time, place)
                self._next = max(self._next, number + 1)
            self._tracks[number].take(place, look)


def _measured(box: Box) -> Floats:
    x0, y0, x1, y1 = box
    side = np.sqrt(max((x1 - x0) * (y1 - y0), 1e-6))
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2, np.log(side)])
