"""What a run has done so far, written as it goes: killed at any moment, the next one goes on there.

A file of JSON lines. The first one says what is done: inputs, weights and settings. Each other one
is all that one picture gave, in the order of the pictures; half a line at the end never counted.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from latent_ofer.errors import LatentOFERError
from latent_ofer.files import to_disk

Input = tuple[str, int | None, int | None]
"""A path, its size in bytes and when it was changed, ns; None where there is no such file."""


class UnfinishedError(LatentOFERError):
    """A run that something else has left unfinished; the message says what the difference is."""


@dataclass(frozen=True)
class Run:
    """What rows depend on: runs may be joined where all of this is the same.

    Attributes
    ----------
    settings : dict of str to str, number or bool
        Options, version and weights, by the name that a message is to call them.
    inputs : sequence of Input
    """

    settings: Mapping[str, str | float | bool]
    inputs: Sequence[Input]


@dataclass(frozen=True)
class Seen:
    """What is seen of a face of a frame.

    Attributes
    ----------
    track : int
    box : (x0, y0, x1, y1) float, pixels
    shown : float
        Share of it that nothing hides, 0 to 1.
    probabilities : dict of str to float
        After the repair, 0 to 1.
    """

    track: int
    box: tuple[float, float, float, float]
    shown: float
    probabilities: Mapping[str, float]


@dataclass(frozen=True)
class Entry:
    """What one picture gave: its error or the expressions of its faces, and its rows.

    Of a frame also which of the run's inputs it is of, its number and time, and what is `seen`.
    """

    code: str | None
    faces: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    input: int = 0
    frame: int | None = None
    time: float | None = None
    seen: Sequence[Seen] = ()


class Journal:
    """The file of a run, open to go on; see `open`.

    Attributes
    ----------
    path : Path
    run : Run
    found : int
        How many pictures an earlier run has done.
    """

    def __init__(self, path: Path, run: Run, stream: IO[bytes], found: int = 0) -> None:
        self.path = path
        self.run = run
        self.found = found
        self._stream = stream

    @classmethod
    def open(cls, path: Path, run: Run, restart: bool = False) -> "Journal":
        """Go on with what a run has left, or begin where there is none; `restart` drops it.

        Raises
        ------
        UnfinishedError
            If what was left is of other inputs, weights or settings.
        OSError
        """
        if not restart:
            then = _run_of(path)
            if then is not None and (changes := differences(then, run)):
                raise UnfinishedError(
                    f"{path}: what an unfinished run has done does not fit this one: "
                    f"{'; '.join(changes)}. Drop it with --restart, or take another folder"
                )
            if then is not None:
                return cls._going_on(path, run)
        stream = path.open("wb")
        stream.write(_line(asdict(run)))
        stream.flush()
        return cls(path, run, stream)

    @classmethod
    def _going_on(cls, path: Path, run: Run) -> "Journal":
        ends = [end for _, end in _entries(path)]
        stream = path.open("r+b")
        stream.truncate(ends[-1] if ends else len(stream.readline()))
        stream.seek(0, os.SEEK_END)
        return cls(path, run, stream, len(ends))

    def add(self, entry: Entry) -> None:
        """Write what a picture gave, and hand it to the system. Raises OSError."""
        # Not `asdict` of all of it, which copies every number of the rows.
        self._stream.write(_line({**vars(entry), "seen": [asdict(one) for one in entry.seen]}))
        self._stream.flush()

    def entries(self) -> Iterator[Entry]:
        """All that was added, by whatever run, in order."""
        return (entry for entry, _ in _entries(self.path))

    def close(self) -> None:
        """Have all of it on the disk. Raises OSError."""
        with self._stream as stream:
            to_disk(stream)


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, allow_nan=False).encode() + b"\n"


def _run_of(path: Path) -> Run | None:
    """What an unfinished run says of itself; None where there is none that began."""
    with suppress(FileNotFoundError), path.open("rb") as stream:
        record = _whole(stream.readline())
        if record is not None and "inputs" not in record:
            raise UnfinishedError(f"{path}: is no record of a run; remove it, or name another file")
        if record is not None:
            return Run(record["settings"], [tuple(one) for one in record["inputs"]])
    return None


def _entries(path: Path) -> Iterator[tuple[Entry, int]]:
    """Each entry and where its line ends, up to the first line that is not whole."""
    with path.open("rb") as stream:
        end = len(stream.readline())
        for line in stream:
            record = _whole(line)
            if record is None:
                return
            end += len(line)
            seen = (Seen(**{**one, "box": tuple(one["box"])}) for one in record.pop("seen"))
            yield Entry(**record, seen=tuple(seen)), end


def _whole(line: bytes) -> dict[str, Any] | None:
    if line.endswith(b"\n"):
        with suppress(ValueError):  # zeroes, after the machine itself has stopped
            record = json.loads(line)
            return record if isinstance(record, dict) else None
    return None


def differences(then: Run, now: Run) -> list[str]:
    """What is not the same, in words."""
    names = dict.fromkeys([*then.settings, *now.settings])
    changed = [
        f"{name} {then.settings.get(name)!r} then, {now.settings.get(name)!r} now"
        for name in names
        if then.settings.get(name) != now.settings.get(name)
    ]
    if list(then.inputs) != list(now.inputs):
        changed.append(_different_inputs(then.inputs, now.inputs))
    return changed


def _different_inputs(then: Sequence[Input], now: Sequence[Input]) -> str:
    before, after = ({path: rest for path, *rest in inputs} for inputs in (then, now))
    new = [path for path in after if path not in before]
    gone = [path for path in before if path not in after]
    altered = [path for path in after if path in before and after[path] != before[path]]
    kinds = {"new": new, "gone": gone, "altered": altered}
    told = [f"{len(paths)} {kind}" for kind, paths in kinds.items() if paths]
    if not told:
        same = sorted(path for path, *_ in then) == sorted(path for path, *_ in now)
        return f"inputs: {'the same in another order' if same else 'named more or less often'}"
    example = (new + gone + altered)[0]
    return f"inputs: {', '.join(told)}, such as {example}"
