"""How much anybody may ask of the service at once."""

from dataclasses import dataclass

from latent_ofer.images.load import MAX_BYTES


@dataclass(frozen=True)
class Limits:
    """What is refused before it costs anything; pixels are limited where images are decoded.

    Attributes
    ----------
    image_bytes : int
        Of one image.
    envelope_bytes : int
        What a form may add to its images.
    batch_images, batch_bytes : int
        Images of one request, and their bytes together.
    all_bytes : int
        Bytes of requests in memory at a time, all clients together.
    queue : int
        Images that are not answered yet, all clients together.
    body_seconds : float
        For a request to arrive.
    answer_seconds : float
        From there to its answer.
    """

    image_bytes: int = MAX_BYTES
    envelope_bytes: int = 2**16
    batch_images: int = 32
    batch_bytes: int = 64 * 2**20
    all_bytes: int = 256 * 2**20
    queue: int = 64
    body_seconds: float = 60
    answer_seconds: float = 60


class RefusedError(Exception):
    """A request that is answered with an error.

    Attributes
    ----------
    status : int
        Of HTTP.
    code : str
        A stable word for programs.
    message : str
        A sentence for people: what is wrong and what to do.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def busy() -> RefusedError:
    """The answer of a service that has enough to do."""
    return RefusedError(503, "busy", "Too many images are waiting; try again in a moment.")
