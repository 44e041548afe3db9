"""Which training faces are kept for dev: nobody, and no copy of a face, is on both sides."""

import hashlib

import numpy as np
from numpy.typing import NDArray

DEV_DIGITS = "01"


def in_dev(subject: str, pixels: NDArray[np.uint8]) -> bool:
    """Whether a training face belongs to dev, an eighth of them.

    Parameters
    ----------
    subject : str
        Who the face is; empty where the set does not say.
    pixels : (48, 48) or (112, 112, 3) uint8
        The decoded face: what decides where nobody knows the person. Identical copies stay
        together.
    """
    key = subject.encode(errors="surrogateescape") if subject else pixels.tobytes()
    return hashlib.sha256(key).hexdigest()[-1] in DEV_DIGITS
