"""One cache of answers: a face under a condition is put to a method once, and kept."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import DataError, StaleError, WeightsError
from latent_ofer.evaluation.conditions import Batch, HiddenFaces
from latent_ofer.files import whole_file
from latent_ofer.progress import track

FORMAT = 2
AT_ONCE = 32

Arrays = dict[str, NDArray[Any]]
"""By name of the figure: a row for each face."""
Opened = TypeVar("Opened")


@dataclass(frozen=True)
class Method:
    """What is measured: a recogniser, a detector, a way to repair.

    Attributes
    ----------
    name : str
        As reports show it.
    digest : str
        Changes whenever it may answer otherwise.
    answer : callable or None
        Some faces under a condition to arrays with a row for each; None where the method cannot
        take part.
    note : str
        Why not, and what to do.
    batch : int
        How many faces it takes at a time.
    place : str
        Folder of its answers, its name by default: methods that are read from the same answers
        share one.
    column : str
        Which of the arrays are its probabilities, if it is a recogniser.
    kept : bool
        False where its answers lie in a file already: it is asked about all faces at once.
    """

    name: str
    digest: str = ""
    answer: Callable[[Batch], Arrays] | None = None
    note: str = ""
    batch: int = AT_ONCE
    place: str = ""
    column: str = "p"
    kept: bool = True


def opened(
    name: str, stage: str, load: Callable[[], Method], train: str = "latent-ofer train"
) -> Method:
    """What `load` gives; or, where it is not trained, why, and the command that mends it."""
    try:
        return load()
    except StaleError as error:
        note = f"out of date: {error}"
    except WeightsError:
        note = f"not trained: {train} {stage} --data DIR"
    except ImportError as error:
        note = f'needs {error.name}: pip install "latent-ofer[train]"'
    return Method(name, note=note)


def digest_of(*parts: str) -> str:
    """One hash of several texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read(method: Method, faces: HiddenFaces, store: Path) -> Arrays:
    """What a method answers, asked only about the faces that its cache lacks.

    Parameters
    ----------
    method : Method
        One that can take part.
    faces : HiddenFaces
        n faces under a condition.
    store : Path
        Folder of all answers.

    Returns
    -------
    dict of str to (n, ...) array

    Raises
    ------
    DataError
        If an answer cannot be used. What was answered before is kept.
    ValueError
        If two ids are alike.
    """
    assert method.answer is not None
    ids = faces.faces.ids
    if len(set(ids)) != len(ids):
        raise ValueError("two of the ids are alike: every face needs its own")
    if not method.kept:
        return method.answer(faces.batch(range(len(ids))))
    cache = Cache(folder_of(method, faces, store), _key(method, faces))
    missing = [row for row, face in enumerate(ids) if face not in cache]
    for rows in _batches(missing, method.batch, f"{method.name}, {faces.condition.name}"):
        cache.add([ids[row] for row in rows], method.answer(faces.batch(rows)))
    return cache.get(ids)


def folder_of(method: Method, faces: HiddenFaces, store: Path) -> Path:
    """Where the answers of a method are kept."""
    lines = (f"{name}={value}" for name, value in sorted(_key(method, faces).items()))
    place = f"{faces.condition.name}-{digest_of(*lines)[:12]}"
    return store / file_name(method.place or method.name) / place


def file_name(name: str) -> str:
    """A method's name as part of the name of a file or folder."""
    return re.sub(r"[^\w.-]+", "_", name)[:60]


def _key(method: Method, faces: HiddenFaces) -> dict[str, Any]:
    return {
        "method": method.place or method.name,
        "digest": method.digest,
        "data": faces.faces.digest,
        "condition": faces.key,
        "split": str(faces.faces.about["split"]),
    }


def _batches(rows: Sequence[int], size: int, title: str) -> Iterator[Sequence[int]]:
    starts = range(0, len(rows), size)
    for start in track(starts, len(starts), title):
        yield rows[start : start + size]


class Cache:
    """Answers in a folder, under a key that says how they were made.

    Every batch is a file of its own, whole or absent: a process that is killed loses at most the
    batch in hand, and two at once do some work twice but no harm.

    Parameters
    ----------
    folder : Path
        Made when the first batch is written.
    key : mapping
        All that changes the answers; plain values. How many faces are asked for is no part of it.

    Raises
    ------
    DataError
        If the folder holds answers under another key, naming the entries that differ, or a file
        in it is damaged.
    """

    def __init__(self, folder: Path, key: Mapping[str, Any]) -> None:
        self.folder = folder
        self.key: dict[str, Any] = json.loads(json.dumps({"format": FORMAT, **key}))
        self._rows: dict[str, int] = {}
        self._parts: list[Arrays] = []
        for path in sorted(folder.glob("*.npz")):
            self._take(*self._read(path))

    def __contains__(self, face: str) -> bool:
        return face in self._rows

    def add(self, ids: Sequence[str], answers: Arrays) -> None:
        """Write new answers; they are on the disk when this returns. Known faces stay as they are.

        Raises
        ------
        OSError
            If they cannot be written.
        """
        new = [row for row, face in enumerate(ids) if face not in self._rows]
        if not new:
            return
        names = [ids[row] for row in new]
        part = {name: np.asarray(values)[new] for name, values in answers.items()}
        about = {"key": np.array(json.dumps(self.key)), "ids": np.array(names)}
        with whole_file(self.folder / f"{uuid4().hex}.npz") as partial:
            np.savez(partial, allow_pickle=False, **about, **part)
        self._take(names, part)

    def get(self, ids: Sequence[str]) -> Arrays:
        """Answers for these faces, all of which must be there.

        Raises
        ------
        DataError
            If one is not, or if the answers are of different kinds.
        """
        absent = [face for face in ids if face not in self._rows]
        if absent:
            raise DataError(f"{self.folder}: {len(absent)} faces without an answer ({absent[0]})")
        rows = [self._rows[face] for face in ids]
        try:
            return {
                name: np.concatenate([part[name] for part in self._parts])[rows]
                for name in {name: None for part in self._parts for name in part}
            }
        except (KeyError, ValueError) as error:
            raise DataError(f"{self.folder}: its answers differ in kind; delete it") from error

    def _take(self, ids: Sequence[str], part: Arrays) -> None:
        start = sum(len(next(iter(one.values()))) for one in self._parts)
        for row, face in enumerate(ids, start=start):
            self._rows.setdefault(face, row)
        self._parts.append(part)

    def _read(self, path: Path) -> tuple[list[str], Arrays]:
        try:
            with np.load(path) as kept:
                part = dict(kept)
            stored, ids = json.loads(str(part.pop("key"))), part.pop("ids").tolist()
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise DataError(
                f"{path}: damaged; delete this file, its faces are asked about again"
            ) from error
        differing = [
            f"{name} was {_short(stored.get(name))} and is now {_short(self.key.get(name))}"
            for name in sorted(stored.keys() | self.key.keys())
            if stored.get(name) != self.key.get(name)
        ]
        if differing:
            raise DataError(
                f"{self.folder}: holds other answers ({'; '.join(differing)}); "
                "use another folder, or delete this one"
            )
        return ids, part


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 30 else f"{text[:27]}..."
