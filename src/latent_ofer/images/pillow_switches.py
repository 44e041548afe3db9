"""Pillow's switches, which belong to the user's program, as this package reads images."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

from PIL import BmpImagePlugin, GifImagePlugin, Image, ImageFile, PngImagePlugin

_SWITCHES: Final[tuple[tuple[ModuleType, str, Any], ...]] = (
    (ImageFile, "LOAD_TRUNCATED_IMAGES", False),
    (Image, "MAX_IMAGE_PIXELS", 89_478_485),  # above our own limit, which is checked first
    (PngImagePlugin, "MAX_TEXT_CHUNK", 2**20),
    (PngImagePlugin, "MAX_TEXT_MEMORY", 2**26),
    (GifImagePlugin, "LOADING_STRATEGY", GifImagePlugin.LoadingStrategy.RGB_AFTER_FIRST),
    (BmpImagePlugin, "USE_RAW_ALPHA", False),
)
"""What decides whether, and how, a file is read; the values are Pillow's own."""


@contextmanager
def known_switches() -> Iterator[None]:
    """Read as Pillow does in a fresh process, and leave everything as it was found.

    They are process-wide, as are the filters of `warnings`: one thread at a time.
    """
    found = [(module, name, getattr(module, name)) for module, name, _ in _SWITCHES]
    with warnings.catch_warnings(action="ignore"):
        try:
            for module, name, value in _SWITCHES:
                setattr(module, name, value)
            yield
        finally:
            for module, name, value in found:
                setattr(module, name, value)
