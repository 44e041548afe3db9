"""Reading a run's images, each once: what is recognised and what is drawn are the same pixels."""

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from simplejpeg import decode_jpeg, encode_jpeg

from latent_ofer.arrays import Pixels
from latent_ofer.errors import ImageError
from latent_ofer.figure import Preview
from latent_ofer.images.load import ImageSource, load_image


class Reader:
    """Gives images to `predict_each`, and keeps of each what is drawn when its outcome is there.

    Parameters
    ----------
    images : sequence of (Path, ImageError or None)
        An error stands in the place of an image that cannot be read.
    previews : bool
        Keep previews, for figures.
    photos : bool
        Keep the photos, to be annotated. Without either, paths are given as they are.
    """

    def __init__(
        self,
        images: Sequence[tuple[Path, ImageError | None]],
        previews: bool = False,
        photos: bool = False,
    ) -> None:
        self._images = images
        self._previews: deque[Preview | None] | None = deque() if previews else None
        self._photos: deque[bytes | None] | None = deque() if photos else None

    def __iter__(self) -> Iterator[ImageSource | ImageError]:
        for path, error in self._images:
            source = path if error is None else error
            keeps = self._previews is not None or self._photos is not None
            yield self._kept(source) if keeps else source

    def take_preview(self) -> Preview | None:
        """The preview of the next image in order; None where it could not be read."""
        return None if self._previews is None else self._previews.popleft()

    def take_photo(self) -> Pixels | None:
        """The next image in order, nearly as it was; None where it could not be read."""
        kept = None if self._photos is None else self._photos.popleft()
        return None if kept is None else decode_jpeg(kept)

    def _kept(self, source: Path | ImageError) -> ImageSource | ImageError:
        photo: Pixels | None = None
        if not isinstance(source, ImageError):
            try:
                photo = load_image(source)
            except ImageError as error:
                source = error
        if self._previews is not None:
            self._previews.append(None if photo is None else Preview.of(photo))
        if self._photos is not None:
            # A hundred may wait for their outcomes: compressed, that is no gigabyte.
            kept = None if photo is None else encode_jpeg(photo, 95, colorsubsampling="444")
            self._photos.append(kept)
        return source if photo is None else photo
