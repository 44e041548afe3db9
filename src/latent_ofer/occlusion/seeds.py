"""One random generator per image, so that order, workers and machine change nothing."""

from hashlib import sha256

from numpy.random import PCG64, Generator

from latent_ofer.names import name_bytes


def image_rng(seed: int, protocol: str, source: str, id: str) -> Generator:
    """Make the generator that belongs to one image under one protocol.

    Parameters
    ----------
    seed : int
    protocol : str
        Name of the protocol, for example ``objects``.
    source : str
        Data set that the image is from.
    id : str
        The image within its source.
    """
    digest = sha256(name_bytes(f"{seed}:{protocol}:{source}:{id}")).digest()
    return Generator(PCG64(int.from_bytes(digest[:8], "big")))
