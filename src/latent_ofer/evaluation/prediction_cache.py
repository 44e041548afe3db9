"""Predict once: answers kept in a folder that only grows, and refuses to mix."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import numpy as np

from latent_ofer.errors import DataError
from latent_ofer.evaluation.predictions import (
    MISSING,
    Pixels,
    Predictions,
    Recogniser,
    as_eight,
)
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.progress import track

FORMAT = 1


class Pictures(Protocol):
    """Faces read when they are needed."""

    def __getitem__(self, row: int, /) -> Pixels:
        """(112, 112, 3) uint8 RGB."""


class PredictionCache:
    """Predictions in a folder, under a key that says how they were made.

    Every process writes a file of its own, a line a face, and reads all of them: one that is
    killed loses at most the batch in hand, and two at once do some work twice but no harm.

    Parameters
    ----------
    folder : Path
        Made when the first batch is written.
    key : mapping
        All that changes the answers: recogniser and its digest, data, condition, seed, split.
        Plain values. How many faces are asked for is no part of it.

    Raises
    ------
    DataError
        If the folder holds predictions under another key, naming the entries that differ, or a
        file in it is damaged.
    """

    def __init__(self, folder: Path, key: Mapping[str, Any]) -> None:
        self.folder = folder
        self.key: dict[str, Any] = json.loads(json.dumps(dict(key)))
        self._answers: dict[str, tuple[int, list[float] | None]] = {}
        self._file: Path | None = None
        for path in sorted(folder.glob("*.jsonl")):
            self._read(path)

    @classmethod
    def open(cls, folder: Path) -> "PredictionCache":
        """A cache as it lies there, under whatever key it was made with.

        Raises
        ------
        DataError
            If the folder holds no predictions.
        """
        for path in sorted(folder.glob("*.jsonl")):
            for line in _whole_lines(path):
                return cls(folder, _parsed(path, 1, line).get("key", {}))
        raise DataError(f"{folder}: no predictions in it; make some with latent-ofer evaluate")

    def __contains__(self, face: str) -> bool:
        return face in self._answers

    @property
    def ids(self) -> list[str]:
        """Faces that have been answered."""
        return list(self._answers)

    def add(self, predictions: Predictions) -> None:
        """Write new answers; they are on the disk when this returns. Known faces stay as they are.

        Raises
        ------
        OSError
            If they cannot be written.
        """
        width = len(predictions.knows)
        new: dict[str, tuple[int, list[float] | None]] = {}
        for row, face in enumerate(predictions.ids):
            label, values = int(predictions.labels[row]), None
            if predictions.probabilities is not None and label != MISSING:
                values = predictions.probabilities[row, :width].tolist()
            if face not in self._answers:
                new[face] = label, values
        if new:
            self._write([_line(face, *answer) for face, answer in new.items()])
            self._answers |= new

    def predictions(self, ids: Sequence[str]) -> Predictions:
        """Answers for these faces, all of which must be there.

        Raises
        ------
        DataError
            If one is not, or if only some come with probabilities.
        """
        absent = [face for face in ids if face not in self._answers]
        if absent:
            raise DataError(f"{self.folder}: {len(absent)} faces not predicted yet ({absent[0]})")
        answers = [self._answers[face] for face in ids]
        labels = np.array([label for label, _ in answers], dtype=np.int64)
        given = [values for _, values in answers if values is not None]
        name = str(self.key.get("recogniser", self.folder.name))
        if not given:
            return Predictions(name, list(ids), labels, None)
        width = len(given[0])
        answered = labels != MISSING
        if len(given) != answered.sum() or any(len(values) != width for values in given):
            raise DataError(
                f"{self.folder}: rows differ in how many probabilities they have; delete it"
            )
        rows = np.full((len(labels), width), np.nan)
        rows[answered] = given
        return Predictions(name, list(ids), labels, as_eight(rows), EXPRESSIONS[:width])

    def _read(self, path: Path) -> None:
        lines = enumerate(_whole_lines(path), start=1)
        for number, line in lines:
            if number == 1:
                self._check_key(_parsed(path, number, line))
                continue
            row = _parsed(path, number, line)
            try:
                label = MISSING if row["label"] is None else EXPRESSIONS.index(row["label"])
                self._answers.setdefault(row["id"], (label, row.get("p")))
            except (KeyError, ValueError) as error:
                raise _damaged(path, number) from error

    def _check_key(self, header: Mapping[str, Any]) -> None:
        stored = header.get("key", {})
        if header.get("format") != FORMAT:
            raise DataError(f"{self.folder}: written by another version; delete it to start anew")
        differing = [
            f"{name} was {_short(stored.get(name))} and is now {_short(self.key.get(name))}"
            for name in sorted(stored.keys() | self.key.keys())
            if stored.get(name) != self.key.get(name)
        ]
        if differing:
            raise DataError(
                f"{self.folder}: holds other predictions ({'; '.join(differing)}); "
                "use another folder, or delete this one"
            )

    def _write(self, lines: list[str]) -> None:
        path = self._file
        if path is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{uuid4().hex}.jsonl"
            lines = [json.dumps({"format": FORMAT, "key": self.key}), *lines]
        # After a failed write the file may end in half a line: the next batch begins another.
        self._file = None
        with path.open("ab") as stream:
            stream.write("".join(f"{line}\n" for line in lines).encode())
            stream.flush()
            os.fsync(stream.fileno())
        self._file = path


def predict_missing(
    cache: PredictionCache,
    ids: Sequence[str],
    pictures: Pictures,
    recogniser: Recogniser,
    batch_size: int | None = None,
) -> Predictions:
    """Answers for all of `ids`, asking the recogniser only for those that the cache lacks.

    Parameters
    ----------
    cache : PredictionCache
        Its key says which recogniser and which pictures; see `cache_key`.
    ids : sequence of n str
    pictures : indexable
        ``pictures[row]`` is the face of ``ids[row]``, (112, 112, 3) uint8 RGB; read once each,
        and only where needed.
    recogniser : Recogniser
    batch_size : int, optional
        Faces at a time; the recogniser's own choice when left out.

    Raises
    ------
    DataError
        If the recogniser's answer cannot be used. What it answered before is kept.
    ValueError
        If two ids are alike.
    """
    if len(set(ids)) != len(ids):
        raise ValueError("two of the ids are alike: every face needs its own")
    missing = [row for row, face in enumerate(ids) if face not in cache]
    if missing and not recogniser.reads_pictures:
        # A file's paths can only be matched against all faces at once.
        cache.add(recogniser(np.empty((0, 112, 112, 3), dtype=np.uint8), ids))
    elif missing:
        size = batch_size or recogniser.batch_size
        for rows in _batches(missing, size, recogniser.name):
            faces = np.stack([pictures[row] for row in rows])
            cache.add(recogniser(faces, [ids[row] for row in rows]))
    return cache.predictions(ids)


def cache_key(recogniser: Recogniser, data: str, **settings: str | int | float) -> dict[str, Any]:
    """Key of a cache: the recogniser, the digest of its data, and what was done to the faces."""
    named = {"recogniser": recogniser.name, "digest": recogniser.digest, "data": data}
    return named | settings


def _batches(rows: list[int], size: int, title: str) -> Iterator[list[int]]:
    batch: list[int] = []
    for row in track(rows, len(rows), title):
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _line(face: str, label: int, values: list[float] | None) -> str:
    row: dict[str, Any] = {"id": face, "label": None if label == MISSING else EXPRESSIONS[label]}
    if values is not None:
        row["p"] = values
    return json.dumps(row)


def _whole_lines(path: Path) -> list[bytes]:
    """Lines that end; what a killed process left half written is none."""
    content = path.read_bytes()
    return content[: content.rfind(b"\n") + 1].splitlines()


def _parsed(path: Path, number: int, line: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        row = json.loads(line)
        if isinstance(row, dict):
            return row
    raise _damaged(path, number)


def _damaged(path: Path, number: int) -> DataError:
    return DataError(f"{path}:{number}: damaged; delete this file, its faces are predicted again")


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 30 else f"{text[:27]}..."
