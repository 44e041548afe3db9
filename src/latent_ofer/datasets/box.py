"""The part of a picture that one of its samples is about."""

import numpy as np
from numpy.typing import NDArray


def cropped(
    picture: NDArray[np.uint8], box: tuple[float, float, float, float] | None
) -> NDArray[np.uint8]:
    """The part of a picture inside a box, cut at the picture's edges and never empty.

    Parameters
    ----------
    picture : (H, W, 3) or (H, W) uint8
    box : (x, y, width, height) or None
        Pixels; None for the whole picture.

    Returns
    -------
    (h, w, 3) or (h, w) uint8
        A view.
    """
    if box is None:
        return picture
    height, width = picture.shape[:2]
    x, y, w, h = box
    left, top = min(max(round(x), 0), width - 1), min(max(round(y), 0), height - 1)
    right, bottom = max(min(round(x + w), width), left + 1), max(min(round(y + h), height), top + 1)
    return picture[top:bottom, left:right]
