"""What became of each track: how long it had each expression, and every change of it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from latent_ofer.names import utf8_text
from latent_ofer.predict.following import SMOOTHING, Smoother
from latent_ofer.predict.journal import Entry


@dataclass
class _Track:
    frames: int = 0
    start: float = 0.0
    end: float = 0.0
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    changes: list[dict[str, Any]] = field(default_factory=list)


class TrackSummary:
    """Gathers the tracks of a run, entry by entry, in order.

    Parameters
    ----------
    names : sequence of str
        Of the run's inputs.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._videos: dict[int, dict[int, _Track]] = {}
        self._smoother = Smoother()
        self._last: Entry | None = None
        self._step = 0.0

    def add(self, entry: Entry) -> None:
        """Take one more picture; photos count for nothing here."""
        if entry.frame is None:
            return
        if entry.input not in self._videos:
            self._finish_frame()
            self._videos[entry.input] = {}
            self._smoother, self._last, self._step = Smoother(), None, 0.0
        if entry.time is None:
            return
        if self._last is not None:
            self._step = entry.time - (self._last.time or 0.0)
        self._finish_frame()
        self._last = entry
        for seen in entry.seen:
            mean = self._smoother.add(entry.time, seen)
            expression = max(mean, key=mean.__getitem__)
            track = self._videos[entry.input].setdefault(seen.track, _Track(start=entry.time))
            track.frames, track.end = track.frames + 1, entry.time
            if not track.changes or track.changes[-1]["expression"] != expression:
                track.changes.append(
                    {"time": entry.time, "frame": entry.frame, "expression": expression}
                )

    def _finish_frame(self) -> None:
        """A frame stands for the time until the next one; the last one for as long as before."""
        if self._last is not None:
            tracks = self._videos[self._last.input]
            for seen in self._last.seen:
                track = tracks[seen.track]
                track.seconds[track.changes[-1]["expression"]] += self._step

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain Python, safe for JSON. Ends the summary."""
        self._finish_frame()
        self._last = None
        return {
            "smoothing": {"method": "exponential mean", "seconds": SMOOTHING},
            "videos": [
                {
                    "path": utf8_text(self._names[number]),
                    "tracks": [_told(name, track) for name, track in sorted(tracks.items())],
                }
                for number, tracks in self._videos.items()
            ],
        }


def _told(number: int, track: _Track) -> dict[str, Any]:
    total = sum(track.seconds.values())
    shares = sorted(track.seconds.items(), key=lambda item: -item[1])
    return {
        **{"track": number, "frames": track.frames, "start": track.start, "end": track.end},
        "seconds": round(total, 3),
        "shares": {label: round(seconds / total, 4) if total else 1.0 for label, seconds in shares},
        "changes": track.changes,
    }
