"""Reading a run's images, each once: what is recognised and what is drawn are the same pixels."""

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from latent_ofer.errors import ImageError
from latent_ofer.figure import Preview
from latent_ofer.images.load import ImageSource, load_image


class Reader:
    """Gives images to `predict_each`, and keeps a preview of each until its outcome is there.

    Parameters
    ----------
    images : sequence of (Path, ImageError or None)
        An error stands in the place of an image that cannot be read.
    previews : bool
        Keep previews; without them, paths are given as they are.
    """

    def __init__(
        self, images: Sequence[tuple[Path, ImageError | None]], previews: bool = False
    ) -> None:
        self._images = images
        self._keeps = previews
        self._previews: deque[Preview | None] = deque()

    def __iter__(self) -> Iterator[ImageSource | ImageError]:
        for path, error in self._images:
            source = path if error is None else error
            yield self._previewed(source) if self._keeps else source

    def take_preview(self) -> Preview | None:
        """The preview of the next image in order; None where it could not be read."""
        return self._previews.popleft() if self._keeps else None

    def _previewed(self, source: Path | ImageError) -> ImageSource | ImageError:
        if not isinstance(source, ImageError):
            try:
                photo = load_image(source)
            except ImageError as error:
                source = error
            else:
                self._previews.append(Preview.of(photo))
                return photo
        self._previews.append(None)
        return source
