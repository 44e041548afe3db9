"""Faces through a video: a number each, and what their expressions come to over time."""

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from latent_ofer.predict.journal import Entry, Seen
from latent_ofer.predict.reading import Origin, Place
from latent_ofer.predict.sighting import Sighting, sightings
from latent_ofer.predict.tracking import Tracker
from latent_ofer.results import Outcome

SMOOTHING: Final = 1.0
"""Seconds after which a change has come through to 63 %."""


@dataclass(frozen=True)
class Followed:
    """A face of a frame among those before it.

    Attributes
    ----------
    seen : Seen
    smoothed : dict of str to float
        Probabilities so far.
    """

    seen: Seen
    smoothed: Mapping[str, float]

    @property
    def expression(self) -> str:
        """The likeliest so far."""
        return max(self.smoothed, key=self.smoothed.__getitem__)


class Smoother:
    """Exponential means of the probabilities of each track of a video."""

    def __init__(self) -> None:
        self._means: dict[int, tuple[float, dict[str, float]]] = {}

    def add(self, time: float, seen: Seen) -> dict[str, float]:
        """The mean after this frame: its own probabilities for a track's first one."""
        before, mean = self._means.get(seen.track, (-math.inf, dict(seen.probabilities)))
        weight = 1 - math.exp((before - time) / SMOOTHING)
        mean = {
            label: value + weight * (seen.probabilities[label] - value)
            for label, value in mean.items()
        }
        self._means[seen.track] = (time, mean)
        return mean


class Follower:
    """Follows the faces of one video after the other."""

    def __init__(self) -> None:
        self._begin(-1)

    def _begin(self, video: int) -> None:
        self._video = video
        self._tracker = Tracker()
        self._smoother = Smoother()
        self._recent: deque[Entry] = deque()

    def see(self, origin: Origin, outcome: Outcome) -> list[Followed]:
        """The faces of a frame, which come in order; nothing of photos."""
        if origin.time is None or not isinstance(outcome, list):
            return []
        if origin.input != self._video:
            self._begin(origin.input)
        found = sightings(outcome)
        numbers = self._tracker.number(origin.time, found)
        seen = [
            Seen(number, one.box, one.shown, face.probabilities)
            for number, one, face in zip(numbers, found, outcome, strict=True)
        ]
        return [Followed(one, self._smoother.add(origin.time, one)) for one in seen]

    def replay(self, entry: Entry) -> None:
        """Take a picture that an earlier run has done; they come in order as well."""
        if entry.input != self._video:
            self._begin(entry.input)
        if entry.time is None or entry.code is not None:
            return
        found = [Sighting(one.box, one.shown) for one in entry.seen]
        self._tracker.replay(entry.time, found, [one.track for one in entry.seen])
        for seen in entry.seen:
            self._smoother.add(entry.time, seen)
        self._recent.append(entry)
        while (self._recent[0].time or 0.0) < self._tracker.oldest:
            self._recent.popleft()

    @property
    def forgotten(self) -> tuple[Place | None, int]:
        """How faces looked is not in a journal: behind which place frames are needed again.

        And how many of them, 0 where nobody is followed.
        """
        if not self._recent:
            return None, 0
        first = self._recent[0]
        return Place(first.input, (first.frame or 0) - 1), len(self._recent)

    def remember(self, outcomes: Iterable[Outcome]) -> None:
        """What those frames gave when they were looked at again."""
        for entry, outcome in zip(self._recent, outcomes, strict=True):
            found = sightings(outcome) if isinstance(outcome, list) else []
            self._tracker.remember([one.track for one in entry.seen], found)
        self._recent.clear()
