"""HEIC, the default of phones, by the optional package pillow-heif."""

import io
from importlib.util import find_spec

from PIL import Image

from latent_ofer.images.formats import is_cut_short

INSTALL = "pip install 'latent-ofer[heif]', or export it as JPEG"


def can_read_heic() -> bool:
    """Whether pillow-heif is installed."""
    return find_spec("pillow_heif") is not None


class Heic:
    """An opened HEIC file, of which nothing is decoded yet.

    Pillow's own list of formats, which is the program's, is left alone.

    Parameters
    ----------
    data : bytes
        The whole file.

    Attributes
    ----------
    size : (width, height) int, pixels
        Of the main picture, upright.

    Raises
    ------
    EOFError
        If the file is shorter than it says.
    Exception
        Whatever libheif makes of a damaged one.
    """

    def __init__(self, data: bytes) -> None:
        import pillow_heif

        if is_cut_short("HEIC", data):
            raise EOFError("truncated")
        self._file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
        width, height = self._file.size
        self.size: tuple[int, int] = (int(width), int(height))

    def image(self) -> Image.Image:
        """Decode the main picture; it is turned upright already, and its EXIF says so."""
        image: Image.Image = self._file.to_pillow()
        return image
