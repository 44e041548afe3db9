"""Aligned faces through the four networks: detect, mask, reconstruct, recognise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latent_ofer import arrays
from latent_ofer.arrays import Pixels
from latent_ofer.backends.protocol import Backend, Floats, Mask
from latent_ofer.images.face_regions import hidden_shares
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.occlusion.patches import GRID
from latent_ofer.results import Expression, Occlusion
from latent_ofer.weights_folder import Thresholds

Landmarks = NDArray[np.float64] | None
"""(5, 2) in the aligned face at 112 px; None where they are not known."""


@dataclass(frozen=True, eq=False)
class Reading:
    """One aligned face after all stages; without hidden patches, before and after are one."""

    before: Expression
    after: Expression
    occlusion: Occlusion
    reconstruction: Pixels


class Stages:
    """The stages of one engine, on batches of aligned faces (B, S, S, 3) uint8 RGB."""

    def __init__(self, backend: Backend, thresholds: Thresholds) -> None:
        self._backend = backend
        self._thresholds = thresholds

    @np.errstate(all="ignore")
    def read(self, faces: Pixels, labels: int, landmarks: Sequence[Landmarks]) -> list[Reading]:
        """All stages; faces without a hidden patch skip the repair.

        `labels` is 8, or 7 for probabilities without contempt; `landmarks` are one a face.
        """
        planes = arrays.to_planes(faces)
        latents = self._backend.encode(planes)
        occlusions = self._occlusions(faces, self._backend.detect(planes, latents), landmarks)
        masks = np.stack([occlusion.mask for occlusion in occlusions])
        before = self._expressions(planes, latents, np.zeros_like(masks), labels)
        after, repaired = list(before), faces.copy()
        hidden = np.flatnonzero(masks.any(axis=(1, 2)))
        if len(hidden):
            planes = self._backend.reconstruct(planes[hidden], masks[hidden])
            latents = self._backend.encode(planes)
            expressions = self._expressions(planes, latents, masks[hidden], labels)
            repaired[hidden] = arrays.to_pixels(planes)
            for index, expression in zip(hidden, expressions, strict=True):
                after[index] = expression
        return [Reading(*parts) for parts in zip(before, after, occlusions, repaired, strict=True)]

    @np.errstate(all="ignore")
    def detect(self, faces: Pixels) -> list[Occlusion]:
        """What hides each face."""
        planes = arrays.to_planes(faces)
        needed = self._backend.detects_on_latents
        latents = self._backend.encode(planes) if needed else np.empty(0, np.float32)
        scores = self._backend.detect(planes, latents)
        return self._occlusions(faces, scores, [None] * len(faces))

    @np.errstate(all="ignore")
    def reconstruct(self, faces: Pixels, masks: Mask) -> Pixels:
        """The faces with their hidden patches, masks (B, 14, 14), filled in."""
        return arrays.to_pixels(self._backend.reconstruct(arrays.to_planes(faces), masks))

    @np.errstate(all="ignore")
    def recognise(self, faces: Pixels, masks: Mask) -> list[Expression]:
        """The apparent expression of each face as it is; masks (B, 14, 14)."""
        planes = arrays.to_planes(faces)
        return self._expressions(planes, self._backend.encode(planes), masks, len(EXPRESSIONS))

    def _expressions(
        self, planes: Floats, latents: Floats, masks: Mask, labels: int
    ) -> list[Expression]:
        logits, attention = self._backend.recognise(planes, latents, masks)
        pairs = zip(logits, attention, strict=True)
        return [arrays.to_expression(logit, heat, labels) for logit, heat in pairs]

    def _occlusions(
        self, faces: Pixels, scores: NDArray[np.float32], landmarks: Sequence[Landmarks]
    ) -> list[Occlusion]:
        thresholds = self._thresholds.of(arrays.is_grey(faces))
        grids = scores.reshape(len(faces), GRID, GRID)
        masks = grids > thresholds[:, None, None]
        return [
            Occlusion(grid, mask, float(mask.mean()), float(threshold), hidden_shares(mask, points))
            for grid, mask, threshold, points in zip(
                grids, masks, thresholds, landmarks, strict=True
            )
        ]
