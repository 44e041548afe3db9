"""The only place that decodes images: anything a user may hand in becomes upright RGB bytes."""

import errno
import io
import os
import stat
import threading
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from latent_ofer.errors import ImageError, image_error
from latent_ofer.images import formats
from latent_ofer.images.colour import is_as_stored, upright_rgb
from latent_ofer.images.damage import DamagedError
from latent_ofer.images.heif import INSTALL, Heic, can_read_heic
from latent_ofer.images.jpeg import strict_pixels
from latent_ofer.images.pillow_switches import known_switches
from latent_ofer.images.webp import check_webp
from latent_ofer.muted import muted

MAX_BYTES: Final = 20 * 2**20
MAX_PIXELS: Final = 50_000_000
MAX_SIDE: Final = 20_000
MAX_PIXELS_OF_ALL_SCANS: Final = 20 * MAX_PIXELS
"""A progressive JPEG may repaint the picture without end; this many pixels take a few seconds."""

_REMEDY: Final = "get a fresh copy"

ImageSource = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any]

_ONE_AT_A_TIME: Final = threading.Lock()
"""Bounds memory whatever the number of threads; Pillow's switches are process-wide."""
if hasattr(os, "register_at_fork"):
    # A process forked while another thread decodes would find it locked for ever.
    os.register_at_fork(
        before=_ONE_AT_A_TIME.acquire,
        after_in_parent=_ONE_AT_A_TIME.release,
        after_in_child=_ONE_AT_A_TIME.release,
    )


@np.errstate(all="ignore")
def load_image(source: ImageSource) -> NDArray[np.uint8]:
    """Decode one image, upright, over white, in sRGB.

    Parameters
    ----------
    source : path, bytes, PIL image or array
        Arrays are RGB (H, W, 3) or grey (H, W), uint8. A PIL image is turned as its EXIF says
        where it is the one that was opened; what was made of it, by rotating, converting,
        cropping or copying, is taken as it is.

    Returns
    -------
    (H, W, 3) uint8
        RGB; a copy that the caller may change.

    Raises
    ------
    ImageError
        For every reason for which no image can be returned; see ``docs/errors.md``.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    name = os.fspath(source) if isinstance(source, str | os.PathLike) else None
    try:
        if isinstance(source, Image.Image):
            check_size(*source.size, name)
            unread = _unread_file(source)
            if unread is None:
                with _ONE_AT_A_TIME, known_switches():
                    return _from_pil(source)
            data = unread
        elif isinstance(source, bytes):
            data = source
        elif name is not None:
            data = _read(name)
        else:
            raise image_error(
                "not_an_image",
                None,
                f"a {type(source).__name__} is no image",
                "give a path, bytes, a PIL image or an array",
            )
        return _decode(data, name)
    except ImageError:
        raise
    except MemoryError:
        raise image_error(
            "internal", name, "ran out of memory", "free some, or shrink it"
        ) from None
    except Exception as problem:  # whatever a decoder throws on broken data is a property of them
        raise image_error(
            "corrupt", name, f"damaged: {_one_line(problem)}", "get a fresh copy"
        ) from problem


def _from_pil(image: Image.Image) -> NDArray[np.uint8]:
    try:
        image.load()
    except (AssertionError, ValueError) as problem:
        if getattr(image, "fp", image) is not None and "closed" not in str(problem):
            raise
        remedy = "use it inside its `with`, or call its load() there"
        raise image_error("not_an_image", None, "a closed PIL image", remedy) from problem
    return upright_rgb(image, turn=is_as_stored(image))


def _from_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    right_shape = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
    if array.dtype != np.uint8 or not right_shape:
        raise image_error(
            "not_an_image",
            None,
            f"an array of {array.dtype} {array.shape} is no image",
            "give uint8 RGB (H, W, 3) or grey (H, W)",
        )
    check_size(array.shape[1], array.shape[0], None)
    return np.array(array if array.ndim == 3 else np.repeat(array[..., None], 3, axis=2))


def _unread_file(image: Image.Image) -> bytes | None:
    """The file of a PIL image that was opened and nothing else: Pillow would repair it silently."""
    file = getattr(image, "fp", None)
    if not isinstance(image, ImageFile.ImageFile) or file is None or not image.tile:
        return None
    if getattr(file, "closed", False):
        return None
    if image.tell() or getattr(image, "decoderconfig", None):  # another frame, or a draft
        return None
    place = file.tell()
    file.seek(0)
    data: bytes = file.read(MAX_BYTES + 1)
    file.seek(place)
    # Whatever else Pillow opens for its user is welcome as pixels.
    small = len(data) <= MAX_BYTES
    return data if small and formats.kind_of(data) in formats.SUPPORTED else None


def _read(path: str) -> bytes:
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            if not os.access(path, os.R_OK | os.X_OK):
                raise PermissionError
            raise image_error(
                "not_an_image", path, "a folder, not an image", "name the files in it"
            )
        if not stat.S_ISREG(status.st_mode):
            raise image_error("not_an_image", path, "not a regular file", "name an image file")
        if status.st_size > MAX_BYTES:
            raise _too_large(path, status.st_size)
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except PermissionError:
        raise image_error(
            "no_permission", path, "may not be read", "change its permissions"
        ) from None
    except OSError as problem:
        if problem.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP):
            raise image_error("not_found", path, "does not exist", "check the path") from None
        reason = problem.strerror or "cannot be read"
        raise image_error("internal", path, reason, "check the disk") from problem
    except ValueError:
        raise image_error("not_found", path, "is no possible path", "check the path") from None


def _decode(data: bytes, name: str | None) -> NDArray[np.uint8]:
    if not data:
        raise image_error("empty", name, "has no bytes", "get a fresh copy")
    if len(data) > MAX_BYTES:
        raise _too_large(name, len(data))
    kind = formats.kind_of(data)
    if kind is None:
        raise image_error("not_an_image", name, "is no image", f"give {_supported()}")
    if kind not in formats.SUPPORTED and not (kind == "HEIC" and can_read_heic()):
        raise _unsupported(kind, name)
    announced = formats.announced_size(kind, data)
    if announced is not None:
        check_size(*announced, name)
    try:
        with _ONE_AT_A_TIME, known_switches(), muted(kind == "TIFF"):
            if kind == "HEIC":
                heic = Heic(data)
                check_size(*heic.size, name)
                return upright_rgb(heic.image())
            if kind == "WebP" and announced is not None:
                check_webp(data, announced[0] * announced[1])
            if kind == "PNG":
                with Image.open(io.BytesIO(data), formats=["PNG"]) as checked:
                    check_size(*checked.size, name)
                    checked.verify()  # loading alone leaves the pixels' checksums unread
            with Image.open(io.BytesIO(data), formats=[kind.upper()]) as image:
                check_size(*image.size, name)
                _check_scans(kind, data, image, name)
                stored = strict_pixels(data, image.mode) if kind == "JPEG" else None
                return upright_rgb(image, stored)
    except (ImageError, MemoryError):
        raise
    except DamagedError as problem:
        raise image_error(
            problem.code, name, f"damaged {kind} file: {problem.reason}", _REMEDY
        ) from None
    except Image.DecompressionBombError:
        raise image_error(
            "too_many_pixels", name, f"more than {MAX_PIXELS // 10**6} megapixels", "shrink it"
        ) from None
    except Exception as problem:
        if "truncated" in str(problem).lower() or formats.is_cut_short(kind, data):
            raise image_error(
                "truncated", name, f"the {kind} file ends too early", "get a complete copy"
            ) from problem
        raise image_error(
            "corrupt", name, f"damaged {kind} file: {_one_line(problem)}", "get a fresh copy"
        ) from problem


def check_size(width: int, height: int, name: str | None) -> None:
    """Raise ImageError for a picture without pixels, or with more than are read."""
    if width < 1 or height < 1:
        raise image_error("empty", name, "has no pixels", "get a fresh copy")
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise image_error(
            "too_many_pixels",
            name,
            f"{width} x {height} px, the limit is {MAX_PIXELS // 10**6} megapixels"
            f" and {MAX_SIDE} px a side",
            "shrink it",
        )


def _check_scans(kind: str, data: bytes, image: Image.Image, name: str | None) -> None:
    pixels = image.width * image.height
    # Counting costs as much as decoding a twentieth: only where so many scans would fit.
    if kind != "JPEG" or len(data) * pixels <= MAX_PIXELS_OF_ALL_SCANS:
        return
    scans = data.count(b"\xff\xda")
    if scans * pixels > MAX_PIXELS_OF_ALL_SCANS and scans > 1:
        raise image_error("corrupt", name, f"paints itself {scans} times over", "save it again")


def _supported() -> str:
    return ", ".join(formats.SUPPORTED[:-1]) + " or " + formats.SUPPORTED[-1]


def _too_large(name: str | None, size: int) -> ImageError:
    limit = MAX_BYTES // 2**20
    return image_error(
        "too_large", name, f"{size / 2**20:.1f} MiB, the limit is {limit}", "shrink it"
    )


def _unsupported(kind: str, name: str | None) -> ImageError:
    hints = {
        "HEIC": INSTALL,
        "SVG": "export the drawing as PNG",
        "PDF": "export the page as PNG",
    }
    hint = hints.get(kind, "save it as PNG or JPEG")
    return image_error("unsupported_format", name, f"{kind} is not supported", hint)


def _one_line(problem: Exception) -> str:
    if isinstance(problem, UnidentifiedImageError):
        return "its header makes no sense"  # Pillow's words have an address, other ones every time
    return " ".join(str(problem).split())[:120] or type(problem).__name__
