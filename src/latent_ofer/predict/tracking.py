"""Which faces of successive frames are one face: by where they move, how large and how they look.

Each face is taken to go on as it went (a Kalman filter of constant speed); the faces of a frame are
shared out among those that are followed so that all fit best together.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from latent_ofer.predict.assignment import assigned
from latent_ofer.predict.sighting import PLACE_NOISE, Look, Sighting

PATIENCE: Final = 2.0
"""Seconds that a track waits for a face that is not seen."""
_SAMPLES: Final = 2.5
"""Or so many steps between frames, where that is longer."""
_PUSH: Final = 1.0
"""Change of speed, sides a second within a second, one standard deviation."""
_FIRST_SPEED: Final = 2.0
"""Of a face that was seen once, sides a second, one standard deviation."""
_LEAST_GATE: Final = 0.5
_LEAST_SIZE_GATE: Final = 0.7
"""Sides, and logarithm of the size, that a face may always be off; else three deviations."""
_SIZE_SPREAD: Final = 0.3
_LOOK_SPREAD: Final = 0.2
"""Standard deviations of the logarithm of the size, and of how faces look."""
_LOOK_GATE: Final = 0.9
"""Of 600 training faces moved by 2 px, all are nearer to themselves than 0.7; of others, half are
further than 1.2."""
_UNKNOWN_DIFFERENCE: Final = 0.4
"""Of faces that cannot be compared."""


class _Track:
    """A face that is followed: state (2, 3), centre and logarithm of the size, and their speeds."""

    def __init__(self, number: int, time: float, here: Sighting) -> None:
        self.number = number
        self.seen = time
        self.shown = here.shown
        self.look: Look | None = None
        self._time = time
        self._state = np.stack([here.place, np.zeros(3)])
        # In sides of the face, for all three alike.
        self._spread = np.diag([here.noise**2, _FIRST_SPEED**2])

    def move_to(self, time: float) -> None:
        """Expect it where it is going."""
        step, self._time = time - self._time, time
        onward = np.array([[1, step], [0, 1]])
        self._state = onward @ self._state
        pushed = np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]])
        self._spread = onward @ self._spread @ onward.T + _PUSH**2 * pushed

    def cost(self, here: Sighting) -> float:
        """How ill a face fits: -2 log-likelihood; infinite where it cannot be this one."""
        off = here.place - self._state[0]
        side = np.exp(max(here.place[2], self._state[0, 2]))
        distance, growth = np.hypot(off[0], off[1]) / side, abs(off[2])
        spread = np.sqrt(self._spread[0, 0] + here.noise**2)
        if distance > max(_LEAST_GATE, 3 * spread) or growth > max(_LEAST_SIZE_GATE, 3 * spread):
            return np.inf
        unlike = self._unlike(here)
        if unlike > _LOOK_GATE:
            return np.inf
        spread = max(spread, 2 * PLACE_NOISE)
        size_spread = max(spread, _SIZE_SPREAD)
        terms = (distance / spread, growth / size_spread, unlike / _LOOK_SPREAD)
        return float(sum(term**2 for term in terms) + 4 * np.log(spread) + 2 * np.log(size_spread))

    def _unlike(self, here: Sighting) -> float:
        if self.look is None or here.look is None:
            return _UNKNOWN_DIFFERENCE
        difference = self.look.difference(here.look)
        if difference is None:
            return _UNKNOWN_DIFFERENCE
        # Where the parts of a face lie that is half hidden is a guess.
        return min(self.shown, here.shown) * difference

    def take(self, here: Sighting) -> None:
        """It is here."""
        gain = self._spread[:, 0] / (self._spread[0, 0] + here.noise**2)
        self._state = self._state + np.outer(gain, here.place - self._state[0])
        self._spread = self._spread - np.outer(gain, self._spread[0])
        self.seen, self.shown, self.look = self._time, here.shown, here.look


class Tracker:
    """Numbers the faces of one video, from 0, the same number for the same face.

    Frames come in order. A face that is not seen for `PATIENCE` seconds keeps its number.
    """

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}
        self._time = 0.0
        self._next = 0

    def number(self, time: float, faces: Sequence[Sighting]) -> list[int]:
        """The numbers of the faces of a frame, which is shown at `time`, seconds."""
        self._move_to(time)
        tracks = list(self._tracks.values())
        costs = np.array([[track.cost(face) for face in faces] for track in tracks])
        pairs = assigned(costs.reshape(len(tracks), len(faces)))
        found = {face: tracks[track].number for track, face in pairs}
        new = iter(range(self._next, self._next + len(faces)))
        numbers = [found[face] if face in found else next(new) for face in range(len(faces))]
        self._take(numbers, faces)
        return numbers

    def replay(self, time: float, faces: Sequence[Sighting], numbers: Sequence[int]) -> None:
        """Take what `number` gave earlier; how faces look may be unknown, until `remember`."""
        self._move_to(time)
        self._take(numbers, faces)

    def remember(self, numbers: Iterable[int], faces: Iterable[Sighting]) -> None:
        """How the faces of a frame that was replayed look; the frames in their order."""
        for number, face in zip(numbers, faces, strict=True):
            if number in self._tracks:
                self._tracks[number].look = face.look

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

    def _take(self, numbers: Sequence[int], faces: Sequence[Sighting]) -> None:
        for number, face in zip(numbers, faces, strict=True):
            if number not in self._tracks:
                self._tracks[number] = _Track(number, self._time, face)
                self._next = max(self._next, number + 1)
            self._tracks[number].take(face)
