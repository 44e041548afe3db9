"""From whatever a file holds to upright 8-bit sRGB: depth, palette, alpha, profile, orientation."""

import io
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile

_STRIP_ROWS: Final = 256
_ORIENTATION_KEYS: Final = frozenset({"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"})
"""Where Pillow keeps what says how a picture is turned, TIFF's tags apart."""
_FULL_SCALES: Final = tuple(2.0**bits - 1 for bits in (8, 10, 12, 14, 16))
"""White in deep grey; values that need more bits go by the highest among them."""
_Conversion = Callable[[Image.Image], Image.Image]


def is_as_stored(image: Image.Image) -> bool:
    """Whether a PIL image is the one that was opened from a file, not one made of it.

    Pillow copies the EXIF orientation to whatever is made of a picture, turned or not; only of
    the picture itself it is known to hold.
    """
    return isinstance(image, ImageFile.ImageFile)


def upright_rgb(
    image: Image.Image, stored: NDArray[np.uint8] | None = None, turn: bool = True
) -> NDArray[np.uint8]:
    """Decode the first frame of an opened image.

    Parameters
    ----------
    image : PIL image
        Of any mode; loaded by this call.
    stored : (H, W, 3) or (H, W) uint8, optional
        Its pixels as the file holds them, of mode RGB or L: the image is not loaded then.
    turn : bool
        Turn it as EXIF says.

    Returns
    -------
    (H, W, 3) uint8
        RGB in sRGB, over white.
    """
    # In strips, so that no second full-size picture exists beside the result.
    if stored is None:
        image.load()
    to_rgb = _conversion(image)
    width, height = image.size
    result = np.empty((height, width, 3), dtype=np.uint8)
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, height)
        if stored is not None:
            strip = Image.fromarray(stored[top:bottom])
        else:
            strip = image if height <= _STRIP_ROWS else image.crop((0, top, width, bottom))
        # Much quicker than np.asarray, which asks Pillow for its array interface.
        pixels = np.frombuffer(to_rgb(strip).tobytes(), dtype=np.uint8)
        result[top:bottom] = pixels.reshape(bottom - top, width, 3)
    return _turn_upright(result, orientation_of(image)) if turn else result


def orientation_of(image: Image.Image) -> int:
    """How EXIF says that a picture is turned, 1 (upright) to 8."""
    kept_elsewhere = hasattr(image, "tag_v2") or getattr(image, "_exif", image) is not None
    if not kept_elsewhere and _ORIENTATION_KEYS.isdisjoint(image.info):
        return 1  # asking Pillow takes a twentieth of the time that decoding a face takes
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # unreadable EXIF says nothing about the pixels
        return 1


def _turn_upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _conversion(image: Image.Image) -> _Conversion:
    """Return what turns a strip of this image into sRGB."""
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        to_plain = _scaling(image)
        mode = "L"
    elif image.mode in ("1", "L", "CMYK", "LAB") and "transparency" not in image.info:
        to_plain = lambda strip: strip.convert("L") if strip.mode == "1" else strip  # noqa: E731
        mode = "L" if image.mode == "1" else image.mode
    else:
        to_plain = _over_white
        mode = "RGB"
    profile = _profile_transform(image, mode)
    if profile is None:
        return lambda strip: _as_rgb(to_plain(strip))
    transform = profile
    return lambda strip: _applied(transform, to_plain(strip))


def _as_rgb(strip: Image.Image) -> Image.Image:
    return strip if strip.mode == "RGB" else strip.convert("RGB")


def _applied(transform: ImageCms.ImageCmsTransform, strip: Image.Image) -> Image.Image:
    return ImageCms.applyTransform(strip, transform) or strip


def _over_white(strip: Image.Image) -> Image.Image:
    if strip.mode in ("RGBa", "La"):
        strip = strip.convert(strip.mode.upper())
    transparent = "transparency" in strip.info or strip.mode in ("RGBA", "LA", "PA")
    if not transparent:
        return _as_rgb(strip)
    key = strip.info.get("transparency")
    if strip.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        strip = strip.copy()  # with an `info` of its own: the picture may be the user's
        strip.info["transparency"] = tuple(v >> 8 for v in key)  # 16-bit key, 8-bit pixels
    strip = strip.convert("RGBA")
    white = Image.new("RGBA", strip.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, strip).convert("RGB")


def _scaling(image: Image.Image) -> _Conversion:
    """Scale deep grey to 8 bits by the bits that its values need; nothing is clipped.

    The file's depth says little: cameras and scanners put 8, 10 or 12 bits into 16.
    """
    lowest, highest = (float(np.nan_to_num(v)) for v in image.getextrema())
    if image.mode == "F" and highest <= 1:
        full = 1.0
    else:
        full = next((v for v in _FULL_SCALES if highest <= v), highest)
    low = min(lowest, 0.0)
    key = image.info.get("transparency")

    def to_grey(strip: Image.Image) -> Image.Image:
        values = np.nan_to_num(np.asarray(strip).astype(np.float64))
        grey = np.rint(np.clip((values - low) / (full - low), 0, 1) * 255)
        if isinstance(key, int):
            grey[values == key] = 255
        return Image.fromarray(grey.astype(np.uint8))

    return to_grey


def _profile_transform(image: Image.Image, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Build the way to sRGB from the embedded profile; None where there is none that fits."""
    embedded = image.info.get("icc_profile")
    try:
        if mode == "LAB":
            profile: Any = ImageCms.createProfile("LAB")
        elif not embedded:
            return None
        else:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
            if mode == "RGB" and "srgb" in (profile.profile.profile_description or "").lower():
                return None
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
