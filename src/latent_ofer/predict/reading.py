"""Reading a run's pictures, each once: what is recognised and what is drawn are the same pixels."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simplejpeg import decode_jpeg, encode_jpeg

from latent_ofer.arrays import Pixels
from latent_ofer.errors import ImageError
from latent_ofer.figure import Preview
from latent_ofer.images.align import square_crop
from latent_ofer.images.guarded import GuardedDecoder
from latent_ofer.images.load import load_image


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
    """

    path: Path
    frame: int | None = None
    time: float | None = None


Picture = tuple[Origin, Pixels | ImageError]
"""What a source of pictures gives: an error stands in the place of one that cannot be read."""


@dataclass(frozen=True)
class Source:
    """Where a run's pictures come from.

    Attributes
    ----------
    after : callable
        Gives all pictures but the first n, always in the same order.
    total : int
        How many there are.
    stop : callable
        Ends at once what is being read, by whatever thread.
    """

    after: Callable[[int], Iterable[Picture]]
    total: int
    stop: Callable[[], None]


def photo_source(
    images: Sequence[tuple[Path, ImageError | None]], decoder: GuardedDecoder
) -> Source:
    """Photos, which the decoder reads where there are several.

    Alone, one is read sooner than a process is started for it.
    """
    load = decoder.read if len(images) > 1 else load_image
    return Source(lambda done: _photos(images[done:], load), len(images), decoder.close)


def _photos(
    images: Iterable[tuple[Path, ImageError | None]], load: Callable[[Path], Pixels]
) -> Iterator[Picture]:
    for path, error in images:
        if error is None:
            try:
                yield Origin(path), load(path)
                continue
            except ImageError as refused:
                error = refused
        yield Origin(path), error


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
