"""Images in, results out in the same order, their faces gathered into full batches between."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from latent_ofer.crops import Crop
from latent_ofer.errors import ImageError, image_error
from latent_ofer.images.load import ImageSource
from latent_ofer.results import UNCERTAIN, FaceResult, Faces, Outcome
from latent_ofer.stages import Reading, Stages

_PATIENCE: Final = 4
"""Batches of images that may wait for a batch of faces to fill."""


@dataclass
class _Waiting:
    """One image whose faces may still be waiting for their batch to fill."""

    crops: list[Crop] = field(default_factory=list)
    results: Faces = field(default_factory=Faces)
    error: ImageError | None = None

    @property
    def complete(self) -> bool:
        return len(self.results) == len(self.crops)


def outcomes(
    images: Iterable[ImageSource | ImageError],
    read: Callable[[ImageSource], list[Crop]],
    stages: Stages,
    labels: int,
    batch_size: int,
    abstain_below: float = 0,
) -> Iterator[Outcome]:
    """One outcome an image, in order, each as soon as the batches that hold its faces are done.

    Images are read as they are needed and only their aligned faces are kept. No more than a few
    batches of images wait for a batch to fill, where faces are rare. An ImageError in the place
    of an image comes back.
    """
    waiting: deque[_Waiting] = deque()
    queue: deque[tuple[_Waiting, Crop]] = deque()
    for source in images:
        image = _read(source, read)
        waiting.append(image)
        queue.extend((image, crop) for crop in image.crops)
        while len(queue) >= batch_size:
            _run([queue.popleft() for _ in range(batch_size)], stages, labels, abstain_below)
        if queue and len(waiting) >= _PATIENCE * batch_size:
            _run([queue.popleft() for _ in range(len(queue))], stages, labels, abstain_below)
        yield from _completed(waiting)
    if queue:
        _run(list(queue), stages, labels, abstain_below)
    yield from _completed(waiting)


def _read(source: ImageSource | ImageError, read: Callable[[ImageSource], list[Crop]]) -> _Waiting:
    if isinstance(source, ImageError):
        return _Waiting(error=source)
    try:
        return _Waiting(read(source), Faces(path=_path_of(source)))
    except ImageError as error:
        return _Waiting(error=error)
    # Whatever goes wrong with one image must not cost the others.
    except Exception as problem:
        reason = " ".join(f"failed ({type(problem).__name__}: {problem})".split())
        failure = image_error("internal", _path_of(source), reason, "please report this image")
        failure.__cause__ = problem
        return _Waiting(error=failure)


def _path_of(source: ImageSource) -> str | None:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "filename", None)  # that of a PIL image which was opened from a file
    return name if isinstance(name, str) and name else None


def _run(
    batch: list[tuple[_Waiting, Crop]], stages: Stages, labels: int, abstain_below: float
) -> None:
    faces = np.stack([crop.face for _, crop in batch])
    readings = stages.read(faces, labels, [crop.aligned_landmarks for _, crop in batch])
    for (image, crop), reading in zip(batch, readings, strict=True):
        image.results.append(_result(crop, reading, abstain_below))


def _result(crop: Crop, reading: Reading, abstain_below: float) -> FaceResult:
    likelihood = reading.after.probabilities
    uncertain = reading.after.confidence < abstain_below
    best = sorted(likelihood, key=lambda label: -likelihood[label])[:2] if uncertain else []
    return FaceResult(
        expression=UNCERTAIN if uncertain else reading.after.expression,
        confidence=reading.after.confidence,
        probabilities=reading.after.probabilities,
        before=reading.before,
        occlusion=reading.occlusion,
        attention=reading.after.attention,
        box=crop.box,
        landmarks=crop.landmarks,
        face=crop.face,
        reconstruction=reading.reconstruction,
        alternatives=tuple(best),
        face_score=crop.score,
    )


def _completed(waiting: deque[_Waiting]) -> Iterator[Outcome]:
    while waiting and waiting[0].complete:
        image = waiting.popleft()
        yield image.results if image.error is None else image.error
