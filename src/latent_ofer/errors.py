"""What can go wrong, as classes: each message names the thing, the reason and what to do."""

from typing import Any, Literal

ImageErrorCode = Literal[
    "not_found",
    "not_an_image",
    "unsupported_format",
    "truncated",
    "corrupt",
    "too_large",
    "too_many_pixels",
    "empty",
    "no_permission",
    "internal",
]
"""Stable codes; docs/errors.md explains each."""


class LatentOFERError(Exception):
    """Base of everything that this package raises on purpose."""


class ImageError(LatentOFERError):
    """An image that cannot be used.

    Attributes
    ----------
    code : str
        One of the stable codes.
    path : str or None
        The file, or None when the image came as bytes or an array.
    message : str
        One line: the file, the reason and what to do.
    """

    def __init__(self, code: ImageErrorCode, path: str | None, message: str) -> None:
        super().__init__(message)
        self.code: ImageErrorCode = code
        self.path = path
        self.message = message

    def named(self, path: str) -> "ImageError":
        """The same about a file, for an error about the bytes or pixels that came from it."""
        message = self.message.removeprefix("image: ")
        return ImageError(self.code, path, f"{_shown(path)}: {message}")

    def __reduce__(self) -> tuple[Any, ...]:
        """How `pickle` and `copy` make it again; a pool of processes waits for ever otherwise."""
        return type(self), (self.code, self.path, self.message), self.__dict__


def image_error(code: ImageErrorCode, name: str | None, reason: str, remedy: str) -> ImageError:
    """An `ImageError` whose message says it all: ``NAME: REASON; REMEDY.``, on one line."""
    shown = "image" if name is None else _shown(name)
    return ImageError(code, name, f"{shown}: {reason}; {remedy}.")


def _shown(name: str) -> str:
    return " ".join(repr(name)[1:-1].split())


class WeightsError(LatentOFERError):
    """Weights that are missing, altered or do not fit; the message names the file."""


class DataError(LatentOFERError):
    """A data set or archive that is missing, incomplete or unreadable."""


class RecipeError(LatentOFERError):
    """A training recipe with an unknown key or a value out of range."""


class TrainingError(LatentOFERError):
    """A training that cannot go on, because its loss is no number any more."""


class StaleError(LatentOFERError):
    """A checkpoint trained on other networks than the ones at hand."""
