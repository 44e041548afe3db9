"""The named regions of an aligned face, and how much of each is hidden.

Left and right are those of the image, as in the landmarks: on an ordinary photo the left eye here
is the person's right one.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.images.align import TEMPLATE_112, TEMPLATE_SIZE
from latent_ofer.results import REGIONS

_FARTHEST: Final = 30.0
"""Pixels from its place in the template at which a landmark is no longer believed."""
_SMALLEST: Final = 0.25
"""Share of the template's area between eyes and mouth below which landmarks are not believed."""
_HIGHEST_NOSE: Final = 0.2
"""Share of the way from eyes to mouth above which no tip of a nose is believed."""


def region_pixels(landmarks: NDArray[np.floating] | None) -> dict[str, NDArray[np.bool_]]:
    """Draw the regions of a face; no pixel lies in two of them.

    They are ellipses and a wedge in the face's own frame, so they turn, shrink and lean with it:
    one axis runs from eye to eye, the other from between the eyes to the middle of the mouth.
    The eyes are those behind lids and brows; the forehead lies above the brows.

    Parameters
    ----------
    landmarks : (5, 2) float or None
        Pixels of the aligned face at 112 px, in the order of ``TEMPLATE_112``. The template
        itself where they are None, not finite, or too far from it to be those of an aligned face.

    Returns
    -------
    dict of str to (112, 112) bool
        One for each of ``REGIONS``, in their order; what lies outside the frame is cut off.
    """
    points = TEMPLATE_112 if landmarks is None or not _plausible(landmarks) else landmarks
    origin, axes = _frame(points)
    # Across and down are 0 between the eyes; the eyes lie at -0.5 and 0.5, the mouth at 1 down.
    to_face = np.linalg.inv(axes)
    x, y = (np.arange(TEMPLATE_SIZE)[:, None] - origin).T
    across, down = (
        (along_x * x + along_y * y[:, None]).astype(np.float32) for along_x, along_y in to_face
    )
    (tip_across, tip_down), left, right = ((points[2:] - origin) @ to_face.T).tolist()

    def ellipse(
        centre: tuple[float, float], half_width: float, half_height: float
    ) -> NDArray[np.bool_]:
        """Pixels inside an ellipse with these half axes, in units of the face's frame."""
        inside: NDArray[np.bool_] = ((across - centre[0]) / half_width) ** 2 + (
            (down - centre[1]) / half_height
        ) ** 2 <= 1
        return inside

    along = down / (tip_down + 0.16)
    half_mouth = abs(right[0] - left[0]) / 2
    drawn = {
        "nose": (along >= 0)
        & (along <= 1)
        & (abs(across - tip_across * np.minimum(down / tip_down, 1)) <= 0.11 + 0.19 * along),
        "left_eye": ellipse((-0.5, -0.04), 0.37, 0.27),
        "right_eye": ellipse((0.5, -0.04), 0.37, 0.27),
        "mouth": ellipse((0, 1.04), half_mouth + 0.08, 0.28),
        "forehead": ellipse((0, -0.3), 0.88, 0.6) & (down < -0.3),
        "chin": ellipse((0, 1.3), 0.6, 0.5) & (down > 1.3),
        "left_cheek": ellipse((-0.66, 0.62), 0.4, 0.45),
        "right_cheek": ellipse((0.66, 0.62), 0.4, 0.45),
    }
    free = np.ones((TEMPLATE_SIZE, TEMPLATE_SIZE), dtype=np.bool_)
    for name, pixels in drawn.items():
        drawn[name] = pixels & free
        free &= ~pixels
    return {name: drawn[name] for name in REGIONS}


def hidden_shares(
    mask: NDArray[np.bool_], landmarks: NDArray[np.floating] | None
) -> dict[str, float]:
    """How much of each region the hidden patches cover.

    Parameters
    ----------
    mask : (14, 14) bool
        True where a patch is hidden.
    landmarks : (5, 2) float or None
        As in `region_pixels`.

    Returns
    -------
    dict of str to float
        For each of ``REGIONS``, the share of its area inside the frame, 0 to 1; 0 where the frame
        shows nothing of it.
    """
    side = TEMPLATE_SIZE // len(mask)
    hidden = mask.repeat(side, axis=0).repeat(side, axis=1)
    return {
        name: float(hidden[pixels].mean()) if pixels.any() else 0.0
        for name, pixels in region_pixels(landmarks).items()
    }


def _frame(points: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The point between the eyes, and as columns the ways from eye to eye and down to the mouth."""
    origin = np.asarray(points[:2].mean(axis=0), dtype=np.float64)
    return origin, np.column_stack((points[1] - points[0], points[3:].mean(axis=0) - origin))


def _plausible(landmarks: NDArray[np.floating]) -> bool:
    """Whether these can be the landmarks of an aligned face; never where one is not finite."""
    if landmarks.shape != TEMPLATE_112.shape or not np.isfinite(landmarks).all():
        return False
    if np.linalg.norm(landmarks - TEMPLATE_112, axis=1).max() > _FARTHEST:
        return False
    origin, axes = _frame(landmarks)
    if np.linalg.det(axes) < _SMALLEST * np.linalg.det(_frame(TEMPLATE_112)[1]):
        return False
    nose_down = np.linalg.solve(axes, landmarks[2] - origin)[1]
    return bool(nose_down > _HIGHEST_NOSE)
