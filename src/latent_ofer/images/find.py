"""Where the faces are: two looks with RetinaFace.

A coarse look over the whole photo proposes; a second look at each proposal, turned upright and
scaled to the size that the network reads best, decides and places the landmarks.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.images.align import TEMPLATE_112, similarity, warp
from latent_ofer.images.retinaface import (
    MEAN_BGR,
    Candidates,
    Floats,
    RetinaFace,
    joined,
    suppressed,
)

LONG_SIDES: Final = (1600, 320)
"""Sizes of the coarse looks: small faces in the first, faces that fill the photo in the second."""
ROLLS: Final = (-40.0, 40.0)
"""Degrees by which the photo is turned for further coarse looks at rolled faces."""
ROLLED_SCALE: Final = 0.625
"""Of the first look's size: half of a turned photo is its corners, which cost as much to see."""
BORDER: Final = 32
"""Pixels of mean colour around a coarse look: faces at the edge lack context otherwise."""
PROPOSAL_SCORE: Final = 0.05
FACE_SCORE: Final = 0.8
MAX_PROPOSALS: Final = 256
NMS_OVERLAP: Final = 0.4
CLOSE_UPS: Final = ((60.0, 256), (96.0, 384))
"""Second looks: distance between the eyes, and side of the crop, px. All must see a face."""
AT_A_TIME: Final = 8
"""Second looks that pass the network together."""
SAME_FACE: Final = 1.2
"""Faces whose middles are nearer than this many spreads of the larger one's landmarks are one."""
OUTLINE: Final = 2.1
"""Within so many, which is about the outline of a face, one half as large is a part of it..."""
PART: Final = 0.5
"""...by the spreads of both: an eye, a mouth, a beard, a coin on the forehead."""


@dataclass(frozen=True)
class FoundFace:
    """A face in a photo.

    Attributes
    ----------
    box : (x0, y0, x1, y1) float
        Pixels of the photo, inside it.
    landmarks : (5, 2) float
        Pixels, pixel centres: left eye in the image, right eye, nose, mouth left, mouth right.
    score : float
        The network's confidence in (0, 1].
    """

    box: tuple[float, float, float, float]
    landmarks: Floats
    score: float


class FaceFinder:
    """Finds faces; the same photo always gives the same faces.

    Parameters
    ----------
    threads : int or None
        onnxruntime's threads; None leaves the choice to it.

    Raises
    ------
    WeightsError
        If the package that brings the network's weights is missing or altered.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._network = RetinaFace(threads)

    @np.errstate(all="ignore")
    def find(self, image: NDArray[np.uint8]) -> list[FoundFace]:
        """Find all faces with at least 24 px between the eyes, rolled up to 45 degrees.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB, upright. Photos above 1600 px are scaled down for the first look, so there the
            smallest face is that part of the photo.

        Returns
        -------
        list of FoundFace
            From left to right.
        """
        rolled_side = ROLLED_SCALE * min(LONG_SIDES[0], max(image.shape[:2]))
        looks = [(float(side), 0.0) for side in LONG_SIDES]
        looks += [(rolled_side, roll) for roll in ROLLS]
        proposals = joined([self._coarse(image, side, roll) for side, roll in looks])
        proposals = proposals.take(suppressed(proposals, NMS_OVERLAP)[:MAX_PROPOSALS])
        faces = self._close_ups(image, proposals.landmarks)
        faces = faces.take(suppressed(faces, NMS_OVERLAP))
        faces = faces.take(_one_a_place(faces))
        height, width = image.shape[:2]
        faces.boxes[:] = np.clip(faces.boxes, 0, [width, height, width, height])
        found = [
            FoundFace((float(b[0]), float(b[1]), float(b[2]), float(b[3])), points, float(score))
            for b, points, score in zip(faces.boxes, faces.landmarks, faces.scores, strict=True)
        ]
        return sorted(found, key=lambda face: (face.box[0] + face.box[2], face.box[1]))

    def _coarse(self, image: NDArray[np.uint8], long_side: float, roll: float) -> Candidates:
        """Look at the whole photo, scaled to at most ``long_side`` and turned by ``roll``."""
        height, width = image.shape[:2]
        scale = min(1.0, long_side / max(height, width))
        picture = Image.fromarray(image)
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            picture = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
        mean_rgb = tuple(int(v) for v in reversed(MEAN_BGR))
        sides = np.array(picture.size)
        if roll:
            picture = picture.rotate(roll, Image.Resampling.BILINEAR, True, fillcolor=mean_rgb)
        canvas_size = [-(-(side + 2 * BORDER) // 32) * 32 for side in picture.size]
        canvas = Image.new("RGB", (canvas_size[0], canvas_size[1]), mean_rgb)
        canvas.paste(picture, (BORDER, BORDER))
        (found,) = self._network.detect([np.asarray(canvas)], PROPOSAL_SCORE)
        # Canvas pixel -> turned picture about its centre -> picture -> photo.
        turn = _rotation(roll)
        middle = BORDER + np.array(picture.size) / 2 - 0.5
        factors = np.array([width, height]) / sides
        linear = np.diag(factors) @ turn
        shift = factors * (sides / 2) - 0.5 - linear @ middle
        return _moved(found, linear, shift, float(np.sqrt(factors.prod())))

    def _close_ups(self, image: NDArray[np.uint8], proposals: Floats) -> Candidates:
        """Look again at proposals (N, 5, 2), upright and close; what is no face is left out."""
        looks: list[list[Candidates]] = [[] for _ in proposals]
        for eyes, size in CLOSE_UPS:
            seen = self._close_look(image, proposals, eyes, size)
            real = [number for number, face in enumerate(seen) if face is not None]
            proposals = proposals[real]
            looks = [[*looks[number], seen[number]] for number in real]  # type: ignore[list-item]
        # The network's landmarks shake with the scale: the mean is steadier than any one look.
        return joined(
            [
                Candidates(
                    look[0].boxes,
                    np.mean([each.landmarks for each in look], axis=0),
                    look[0].scores,
                )
                for look in looks
            ]
        )

    def _close_look(
        self, image: NDArray[np.uint8], proposals: Floats, eyes: float, size: int
    ) -> list[Candidates | None]:
        """The face that each proposal is, seen with `eyes` px between the eyes; None if none."""
        zoom = eyes / (TEMPLATE_112[1, 0] - TEMPLATE_112[0, 0])
        template = (TEMPLATE_112 - TEMPLATE_112.mean(axis=0)) * zoom + size / 2
        faces: list[Candidates | None] = []
        for start in range(0, len(proposals), AT_A_TIME):
            part = proposals[start : start + AT_A_TIME]
            matrices = [similarity(landmarks, template) for landmarks in part]
            crops = [warp(image, matrix, size, quick=True) for matrix in matrices]
            for found, matrix in zip(
                self._network.detect(crops, FACE_SCORE), matrices, strict=True
            ):
                distances = np.linalg.norm(found.landmarks - template, axis=2).mean(axis=1)
                near = found.take(distances < eyes)
                if not near.scores.size:
                    faces.append(None)
                    continue
                best = near.take([int(np.argmax(near.scores))])
                back: Floats = np.linalg.inv(matrix[:, :2]).astype(np.float64)
                scale = math.hypot(back[0, 0], back[1, 0])
                faces.append(_moved(best, back, -back @ matrix[:, 2], scale))
        return faces


def _rotation(degrees: float) -> Floats:
    """Return what takes a point of a picture turned counter-clockwise back to where it was."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cos, -sin], [sin, cos]])


def _moved(found: Candidates, linear: Floats, shift: Floats, scale: float) -> Candidates:
    """Map landmarks and box centres; boxes keep their sides, which are scaled but not turned."""
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2 - 0.5
    half = (found.boxes[:, 2:] - found.boxes[:, :2]) / 2 * scale
    centres = centres @ linear.T + shift + 0.5
    boxes = np.hstack((centres - half, centres + half))
    return Candidates(boxes, found.landmarks @ linear.T + shift, found.scores)


def _one_a_place(found: Candidates) -> list[int]:
    """Return the best of each group of faces whose landmarks lie about one place.

    A box in a box overlaps little, but nobody's face is in the middle of somebody else's, and no
    small one within its outline.
    """
    middles = found.landmarks.mean(axis=1)
    spreads = np.sqrt(((found.landmarks - middles[:, None]) ** 2).sum(axis=2).mean(axis=1))
    kept: list[int] = []
    for index in np.argsort(-found.scores, kind="stable"):
        distances = np.linalg.norm(middles[kept] - middles[index], axis=1)
        reach = np.where(spreads[index] < PART * spreads[kept], OUTLINE, SAME_FACE)
        if (distances >= reach * np.maximum(spreads[kept], spreads[index])).all():
            kept.append(int(index))
    return kept
