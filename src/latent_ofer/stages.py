"""Aligned faces through the four networks: detect, mask, reconstruct, recognise."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latent_ofer import arrays
from latent_ofer.arrays import Pixels
from latent_ofer.backends.protocol import Backend, Floats, Mask
from latent_ofer.covering import covers_of
from latent_ofer.images.face_regions import hidden_shares
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.occlusion.patches import GRID
from latent_ofer.recogniser.views import VIEWS, Fusion
from latent_ofer.results import HAND, HIDING, Expression, Occlusion
from latent_ofer.weights_folder import Thresholds

Shares = NDArray[np.float64]
_NO_LATENTS: Floats = np.empty(0, np.float32)

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
    """The stages of one engine, on batches of aligned faces (B, S, S, 3) uint8 RGB.

    `treat_as_hidden` are the types of covers that count as hidden.
    """

    def __init__(
        self,
        backend: Backend,
        thresholds: Thresholds,
        fusion: Fusion | None = None,
        treat_as_hidden: Collection[str] = HIDING,
    ) -> None:
        self._backend = backend
        self._thresholds = thresholds
        self._fusion = fusion
        self._treat_as_hidden = frozenset(treat_as_hidden)

    @np.errstate(all="ignore")
    def read(self, faces: Pixels, labels: int, landmarks: Sequence[Landmarks]) -> list[Reading]:
        """All stages; faces without a hidden patch skip the repair.

        `labels` is 8, or 7 for probabilities without contempt; `landmarks` are one a face.
        """
        planes = arrays.to_planes(faces)
        latents = self._latents(planes)
        occlusions = self._occlusions(faces, *self._backend.detect(planes, latents), landmarks)
        masks = _masks(occlusions)
        logits, attention = self._both_ways(planes, latents, np.zeros_like(masks))
        before = arrays.to_expressions(self._alone(logits), attention, labels)
        after, repaired = list(before), self._filled(planes, masks)
        hidden = np.flatnonzero(masks.any(axis=(1, 2)))
        if len(hidden):
            shares = _shares([occlusions[index] for index in hidden])
            parts = logits[hidden], planes[hidden], repaired[hidden], masks[hidden], shares
            answer = self._after(*parts)
            for index, read in zip(hidden, arrays.to_expressions(*answer, labels), strict=True):
                after[index] = read
        pixels = arrays.to_pixels(repaired)
        return [Reading(*parts) for parts in zip(before, after, occlusions, pixels, strict=True)]

    def repair(self, faces: Pixels) -> tuple[Pixels, Mask]:
        """The faces repaired, and their hidden patches (B, 14, 14): as `read` does it.

        What the recogniser is trained on comes from here.
        """
        masks = _masks(self.detect(faces))
        return self.reconstruct(faces, masks), masks

    @np.errstate(all="ignore")
    def detect(self, faces: Pixels) -> list[Occlusion]:
        """What hides each face."""
        planes = arrays.to_planes(faces)
        needed = self._backend.detects_on_latents
        latents = self._backend.encode(planes) if needed else _NO_LATENTS
        found = self._backend.detect(planes, latents)
        return self._occlusions(faces, *found, [None] * len(faces))

    @np.errstate(all="ignore")
    def reconstruct(self, faces: Pixels, masks: Mask) -> Pixels:
        """The faces with their hidden patches, masks (B, 14, 14), filled in."""
        return arrays.to_pixels(self._filled(arrays.to_planes(faces), masks))

    @np.errstate(all="ignore")
    def recognise(self, faces: Pixels, masks: Mask) -> list[Expression]:
        """The apparent expression of each face as it is; masks (B, 14, 14)."""
        planes = arrays.to_planes(faces)
        latents = self._latents(planes) if self._backend.recognises_on_latents else _NO_LATENTS
        logits, attention = self._both_ways(planes, latents, masks)
        return arrays.to_expressions(self._alone(logits), attention, len(EXPRESSIONS))

    def views(self, faces: Pixels, masks: Mask | None = None) -> tuple[Floats, Shares]:
        """What the recogniser makes of each of `recogniser.views.VIEWS`.

        Parameters
        ----------
        masks : (B, 14, 14) bool, optional
            What is hidden, where that is known; otherwise, what the detector says.

        Returns
        -------
        logits : (3, B, 8) float32
            Not calibrated; all alike where no patch is hidden.
        shares : (B, 2) float64
            Of each face, what the detector says is hidden, and what is hidden behind a hand.
        """
        planes, occlusions = arrays.to_planes(faces), self.detect(faces)
        masks = _masks(occlusions) if masks is None else masks
        before, _ = self._both_ways(planes, _NO_LATENTS, np.zeros_like(masks))
        logits = np.stack([before] * len(VIEWS))
        hidden = masks.any(axis=(1, 2))
        if hidden.any():
            repaired = self._filled(planes, masks)
            found, _ = self._hidden_views(planes[hidden], repaired[hidden], masks[hidden])
            logits[1:, hidden] = found
        return logits, _shares(occlusions)

    def _filled(self, planes: Floats, masks: Mask) -> Floats:
        """The planes with their hidden patches filled in; those of whole faces as they came."""
        hidden = masks.any(axis=(1, 2))
        if not hidden.any():
            return planes
        filled = planes.copy()
        filled[hidden] = self._backend.reconstruct(planes[hidden], masks[hidden])
        return filled

    def _both_ways(self, planes: Floats, latents: Floats, masks: Mask) -> tuple[Floats, Floats]:
        """Logits and attention, the mean of a face's and its mirror image's where there are views.

        The other views do without the mirror image: fused, they are no better with it.
        """
        logits, attention = self._backend.recognise(planes, latents, masks)
        if self._backend.recognises_on_latents:
            return logits, attention
        flipped = self._backend.recognise(planes[..., ::-1], latents, masks[..., ::-1])
        half = np.float32(0.5)
        return half * (logits + flipped[0]), half * (attention + flipped[1][..., ::-1])

    def _hidden_views(self, planes: Floats, mended: Floats, masks: Mask) -> tuple[Floats, Floats]:
        """Logits (2, B, 8) with the hidden part blanked and repaired, attention of the latter."""
        blanked, _ = self._backend.recognise(planes, _NO_LATENTS, masks)
        read, attention = self._backend.recognise(mended, _NO_LATENTS, np.zeros_like(masks))
        return np.stack([blanked, read]), attention

    def _latents(self, planes: Floats) -> Floats:
        """Latents (B, 196, D), or nothing where neither of the networks reads them."""
        needed = self._backend.detects_on_latents or self._backend.recognises_on_latents
        return self._backend.encode(planes) if needed else _NO_LATENTS

    def _alone(self, logits: Floats) -> Floats:
        return logits if self._fusion is None else self._fusion.alone(logits)

    def _after(
        self, before: Floats, planes: Floats, mended: Floats, masks: Mask, shares: Shares
    ) -> tuple[Floats, Floats]:
        """Logits (B, 8) and attention (B, 14, 14) of faces of which a part was repaired.

        `before` are the logits (B, 8) of the faces as they came, `shares` (B, 2) of `_shares`.
        """
        if self._fusion is None:
            latents = self._backend.encode(mended)
            return self._backend.recognise(mended, latents, masks)
        views, attention = self._hidden_views(planes, mended, masks)
        return self._fusion.of([before, *views], shares), attention

    def _occlusions(
        self, faces: Pixels, scores: Floats, types: Floats, landmarks: Sequence[Landmarks]
    ) -> list[Occlusion]:
        thresholds = self._thresholds.of(arrays.is_grey(faces))
        grids = scores.reshape(len(faces), GRID, GRID)
        kinds = types.reshape(len(faces), -1, GRID, GRID)
        occlusions = []
        for grid, told, limit, points in zip(grids, kinds, thresholds, landmarks, strict=True):
            covers, mask = covers_of(grid > limit, told, self._treat_as_hidden)
            shares = hidden_shares(mask, points)
            occlusions.append(
                Occlusion(grid, mask, float(mask.mean()), float(limit), shares, covers)
            )
        return occlusions


def _shares(occlusions: Sequence[Occlusion]) -> Shares:
    """Of each face, what is hidden, and what is hidden behind a hand: (B, 2)."""
    hands = [
        sum(cover.share for cover in one.covers if cover.hidden and cover.type == HAND)
        for one in occlusions
    ]
    return np.column_stack([[one.ratio for one in occlusions], hands])


def _masks(occlusions: Sequence[Occlusion]) -> Mask:
    return np.stack([occlusion.mask for occlusion in occlusions])
