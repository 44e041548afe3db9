"""Reading a run's pictures, each once: what is recognised and what is drawn are the same pixels."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from simplejpeg import decode_jpeg, encode_jpeg

from latent_ofer.arrays import Pixels
from latent_ofer.errors import ImageError
from latent_ofer.figure import Preview
from latent_ofer.images.align import square_crop
from latent_ofer.images.camera import Camera
from latent_ofer.images.containers import video_kind
from latent_ofer.images.guarded import GuardedDecoder
from latent_ofer.images.load import load_image
from latent_ofer.images.video import Choice


class Place(NamedTuple):
    """A picture's place in a run: which of the inputs, and which frame where that is a video."""

    input: int
    frame: int | None = None


@dataclass(frozen=True)
class Origin:
    """Where a picture comes from: a photo, or a frame of a video.

    Attributes
    ----------
    path : Path
    frame : int or None
        Its number in a video, from 0.
    time : float or None
        When it is shown, seconds from the start of a video.
    input : int
        Which of the run's inputs that is, from 0.
    """

    path: Path
    frame: int | None = None
    time: float | None = None
    input: int = 0


Picture = tuple[Origin, Pixels | ImageError]
"""What a source of pictures gives: an error stands in the place of one that cannot be read."""


@dataclass(frozen=True)
class Source:
    """Where a run's pictures come from.

    Attributes
    ----------
    after : callable
        Gives all pictures behind a place, or all of them, always in the same order.
    total : int
        How many there are, about.
    stop : callable
        Ends at once what is being read, by whatever thread.
    live : bool
        What was read once cannot be read again.
    """

    after: Callable[[Place | None], Iterable[Picture]]
    total: int
    stop: Callable[[], None]
    live: bool = False


def source_of(
    images: Sequence[tuple[Path, ImageError | None]],
    decoder: GuardedDecoder,
    choice: Choice | None = None,
) -> Source:
    """Photos and frames of videos, which the decoder reads.

    Parameters
    ----------
    images : sequence of (Path, ImageError or None)
        What `find_images` gives.
    decoder : GuardedDecoder
        Not asked for a photo that is alone: that is read sooner than a process is started for it.
    choice : Choice, optional
        Which frames of videos; all by default.
    """
    inputs = _Inputs(images, decoder, choice or Choice())
    return Source(inputs.after, inputs.total(), decoder.close)


def live_source(camera: Camera) -> Source:
    """Frames of a camera; none where an earlier run has begun, which cannot be gone on with."""

    def after(done: Place | None) -> Iterator[Picture]:
        path = Path(camera.name)
        try:
            for frame in camera if done is None else ():
                assert frame.pixels is not None
                yield Origin(path, frame.number, frame.time), frame.pixels
        except ImageError as ended:
            yield Origin(path), ended

    return Source(after, camera.expected, camera.close, live=True)


class _Inputs:
    def __init__(
        self,
        images: Sequence[tuple[Path, ImageError | None]],
        decoder: GuardedDecoder,
        choice: Choice,
    ) -> None:
        self._images = images
        self._decoder = decoder
        self._choice = choice
        self._load = decoder.read if len(images) > 1 else load_image
        named = enumerate(images)
        self._videos = {n for n, (path, error) in named if error is None and video_kind(path)}

    def total(self) -> int:
        """How many pictures there are, frames by what the headers of the videos say."""
        return sum(self._expected(n) if n in self._videos else 1 for n in range(len(self._images)))

    def _expected(self, number: int) -> int:
        try:
            return self._decoder.open_video(self._images[number][0], self._choice)[0]
        except ImageError:  # which is told when it is its turn
            return 1

    def after(self, done: Place | None) -> Iterator[Picture]:
        first = 0 if done is None else done.input + (done.frame is None)
        for number, (path, error) in enumerate(self._images[first:], first):
            if number in self._videos:
                frame = done.frame if done is not None and number == done.input else None
                yield from self._frames(number, path, -1 if frame is None else frame)
                continue
            if error is None:
                try:
                    yield Origin(path, input=number), self._load(path)
                    continue
                except ImageError as refused:
                    error = refused
            yield Origin(path, input=number), error

    def _frames(self, number: int, path: Path, done: int) -> Iterator[Picture]:
        last = None
        try:
            _, frames = self._decoder.open_video(path, self._choice, done)
            for frame in frames:
                last = frame.number
                if frame.pixels is not None:
                    yield Origin(path, frame.number, frame.time, number), frame.pixels
        except ImageError as refused:
            # That of a frame has its number and no time: nobody has seen it.
            place = None if last is None else last + 1
            if place is None or place > done:
                yield Origin(path, place, None, number), refused


class Reader:
    """Gives pictures to `predict_each`, and keeps where they come from until they are answered.

    Parameters
    ----------
    pictures : iterable of Picture
    previews : bool
        Keep a preview of each as well.
    photos : bool
        Keep the pictures themselves too, to be annotated.
    crop_to : int, optional
        Side of the square, pixels, that ready crops are brought to, so that many can wait.
    """

    def __init__(
        self,
        pictures: Iterable[Picture],
        previews: bool = False,
        crop_to: int | None = None,
        photos: bool = False,
    ) -> None:
        self._pictures = pictures
        self._previews = previews
        self._crop_to = crop_to
        self._photos: deque[bytes | None] | None = deque() if photos else None
        self._kept: deque[tuple[Origin, Preview | None]] = deque()

    def __iter__(self) -> Iterator[Pixels | ImageError]:
        for origin, picture in self._pictures:
            preview = photo = None
            if not isinstance(picture, ImageError):
                preview = Preview.of(picture) if self._previews else None
                if self._photos is not None:
                    # A hundred may wait for their outcomes: compressed, that is no gigabyte.
                    photo = encode_jpeg(picture, 95, colorsubsampling="444")
                if self._crop_to is not None:
                    picture = square_crop(picture, self._crop_to)
            self._kept.append((origin, preview))
            if self._photos is not None:
                self._photos.append(photo)
            yield picture

    def take(self) -> tuple[Origin, Preview | None]:
        """Where the next picture in order comes from, and its preview where there is one."""
        return self._kept.popleft()

    def take_photo(self) -> Pixels | None:
        """The next picture in order, nearly as it was; None where it could not be read."""
        kept = None if self._photos is None else self._photos.popleft()
        return None if kept is None else decode_jpeg(kept)
