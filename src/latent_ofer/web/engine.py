"""Images of all clients through one model: decoded beside it, batched by the one thread it has."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from queue import SimpleQueue
from typing import Final

import numpy as np
from PIL import Image

from latent_ofer.arrays import Pixels
from latent_ofer.errors import ImageError
from latent_ofer.figure import Preview
from latent_ofer.pipeline import BATCH, LatentOFER
from latent_ofer.results import Expression, FaceResult
from latent_ofer.web.limits import busy

_MOST_DECODED: Final = 256 * 2**20
"""Bytes of decoded photos that wait for the model, and one photo more."""
_PHOTO_SIDE: Final = 1600

Decode = Callable[[bytes], Pixels]


@dataclass(frozen=True)
class Options:
    """How an image is read; see `LatentOFER.predict`. What is read alike is read together."""

    crops: bool = False
    labels: int = 8
    abstain_below: float = 0


@dataclass(frozen=True)
class Extras:
    """What is wanted beside the faces: each costs time."""

    views: bool = False
    preview: bool = False
    photo: bool = False


@dataclass(frozen=True, eq=False)
class Reading:
    """What one image gave.

    Attributes
    ----------
    faces : list of FaceResult
    size : (width, height)
        Of the upright photo, pixels.
    repaired : list of Expression or None
        Of each face, the repaired face read alone; None where nothing is hidden. Empty where
        nobody asked for it, as the next two.
    preview : Preview or None
    photo : PIL image or None
        The upright photo, no side longer than 1600 px.
    """

    faces: list[FaceResult]
    size: tuple[int, int]
    repaired: Sequence[Expression | None] = ()
    preview: Preview | None = None
    photo: Image.Image | None = None


@dataclass(eq=False)
class _Job:
    pixels: Pixels
    options: Options
    views: bool
    preview: Preview | None
    photo: Image.Image | None
    future: "Future[Reading]" = field(default_factory=Future)


class Engine:
    """One model for many clients.

    Parameters
    ----------
    model : LatentOFER
        Used by one thread at a time.
    decoders : sequence of callables
        Each turns bytes into upright RGB pixels, or raises ImageError, one image at a time.
    queue : int
        Images that may be unanswered at a time.

    Attributes
    ----------
    unanswered : int
    batches, images : int
        How often the model ran, and on how many images together.
    """

    def __init__(self, model: LatentOFER, decoders: Sequence[Decode], queue: int) -> None:
        self.queue = queue
        self.unanswered = 0
        self.batches = 0
        self.images = 0
        self._model = model
        self._decoders: SimpleQueue[Decode] = SimpleQueue()
        for decode in decoders:
            self._decoders.put(decode)
        self._pool = ThreadPoolExecutor(len(decoders), "decode")
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    def has_room(self, images: int = 1) -> bool:
        """Whether so many more images may come."""
        return self._thread.is_alive() and self.unanswered + images <= self.queue

    async def read(
        self, images: Sequence[bytes], options: Options, extras: Extras
    ) -> list[Reading | BaseException]:
        """Read images: one reading each, in order, or what went wrong, mostly an ImageError.

        Raises
        ------
        RefusedError
            If too many are waiting.
        """
        if not self.has_room(len(images)):
            raise busy()
        self.unanswered += len(images)
        try:
            reading = (self._one(data, options, extras) for data in images)
            return await asyncio.gather(*reading, return_exceptions=True)
        finally:
            self.unanswered -= len(images)

    def close(self) -> None:
        """End the threads; what waits is cancelled."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                job.future.cancel()
            self._jobs.clear()
            self._changed.notify_all()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._thread.join(timeout=30)

    async def _one(self, data: bytes, options: Options, extras: Extras) -> Reading:
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._pool, self._decode, data, options, extras)
        return await asyncio.wrap_future(answer)

    def _decode(self, data: bytes, options: Options, extras: Extras) -> "Future[Reading]":
        decode = self._decoders.get()
        try:
            pixels = decode(data)
        finally:
            self._decoders.put(decode)
        preview = Preview.of(pixels) if extras.preview else None
        job = _Job(
            pixels, options, extras.views, preview, _shrunk(pixels) if extras.photo else None
        )
        with self._changed:
            # A decoder's thread waits here, so that no more is decoded than there is room for.
            self._changed.wait_for(lambda: self._closed or self._waiting() < _MOST_DECODED)
            if self._closed:
                job.future.cancel()
            else:
                self._jobs.append(job)
                self._changed.notify_all()
        return job.future

    def _waiting(self) -> int:
        return sum(job.pixels.nbytes for job in self._jobs)

    def _work(self) -> None:
        while jobs := self._take():
            wanted = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            self.batches += 1
            self.images += len(wanted)
            try:
                self._run(wanted, jobs[0].options)
            except Exception as problem:
                for job in wanted:
                    if not job.future.done():
                        job.future.set_exception(problem)

    def _take(self) -> list[_Job]:
        """What waits and is to be read alike, up to a batch; nothing when all is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._jobs) > 0)
            taken: list[_Job] = []
            while self._jobs and len(taken) < BATCH:
                if taken and self._jobs[0].options != taken[0].options:
                    break
                taken.append(self._jobs.popleft())
            self._changed.notify_all()
        return taken

    def _run(self, jobs: list[_Job], options: Options) -> None:
        outcomes = self._model.predict_each((job.pixels for job in jobs), **asdict(options))
        for job, outcome in zip(jobs, outcomes, strict=True):
            if isinstance(outcome, ImageError):
                job.future.set_exception(outcome)
                continue
            height, width = job.pixels.shape[:2]
            repaired = self._repaired(outcome) if job.views else ()
            reading = Reading(outcome, (width, height), repaired, job.preview, job.photo)
            job.future.set_result(reading)

    def _repaired(self, faces: list[FaceResult]) -> list[Expression | None]:
        """The repaired faces of an image, read alone, and None where nothing is hidden."""
        read: list[Expression | None] = [None] * len(faces)
        hidden = [place for place, face in enumerate(faces) if face.occlusion.mask.any()]
        if hidden:
            pictures = np.stack([faces[place].reconstruction for place in hidden])
            for place, expression in zip(hidden, self._model.recognise(pictures), strict=True):
                read[place] = expression
        return read


def _shrunk(pixels: Pixels) -> Image.Image:
    image = Image.fromarray(pixels)
    image.thumbnail((_PHOTO_SIDE, _PHOTO_SIDE))
    return image
