"""The detector that has seen clean faces alone: what is likely at each place of a face."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.detector.blur import blurred
from latent_ofer.detector.place import PlaceNetwork

KINDS = ("colour", "grey")
GREY_SPREAD = 3 / 255
"""A face is grey where its channels differ by less, on average over the pixels (as in `arrays`)."""
COMPLEXITY = 0.75
"""Share of a patch's own unlikeliness, wherever it lay, that is forgiven at its place."""
SIGMA = 0.7
"""Of the blur of the scores, in patches."""
CLIPPED = (-3.0, 6.0)


class OneClassDetector(nn.Module):
    """Two opinions on each patch, both learnt from clean faces, calibrated place by place.

    1. A Gaussian at each place over what stands there: the patch's pixels and its early latent,
       at random projected to fewer dimensions; grey and colour apart. From the logarithm of the
       Mahalanobis distance goes off a part of that to all patches of all places, for a finely
       drawn patch is far from every mean.
    2. `PlaceNetwork.surprise`: does the window look like one from here?

    Each is centred and scaled by what clean faces have at its place, then both are added and
    blurred, because objects are larger than a patch.

    Parameters
    ----------
    place : PlaceNetwork
    dim : int
        D of the encoder's latents.
    kept : int
        K, dimensions of the Gaussians.
    blocks : int
        Of the encoder, that early latents have been through: later ones spread an occluder into
        its neighbours.
    patch_size, grid : int

    Attributes
    ----------
    projection : (P + D, K) buffer
        From P numbers of a patch's pixels and D of its latent.
    mean, whitening : (2, N, K), (2, N, K, K) buffers
        Of each kind of faces and place; see `KINDS`.
    any_mean, any_whitening : (2, K), (2, K, K) buffers
        Of all places together.
    centre, scale : (2, 2, N) buffers
        Of the two opinions on clean faces, by kind and place.
    threshold_colour, threshold_grey : scalar buffers
        Score above which a patch counts as hidden.
    """

    projection: Tensor
    mean: Tensor
    whitening: Tensor
    any_mean: Tensor
    any_whitening: Tensor
    centre: Tensor
    scale: Tensor
    threshold_colour: Tensor
    threshold_grey: Tensor

    def __init__(
        self,
        place: PlaceNetwork,
        dim: int,
        kept: int,
        blocks: int = 2,
        patch_size: int = 8,
        grid: int = 14,
    ) -> None:
        super().__init__()
        self.place = place
        self.blocks = blocks
        self.patch_size = patch_size
        self.grid = grid
        patches, length = grid**2, 3 * patch_size**2 + dim
        self.register_buffer("projection", torch.zeros(length, kept))
        self.register_buffer("mean", torch.zeros(len(KINDS), patches, kept))
        self.register_buffer("whitening", torch.zeros(len(KINDS), patches, kept, kept))
        self.register_buffer("any_mean", torch.zeros(len(KINDS), kept))
        self.register_buffer("any_whitening", torch.zeros(len(KINDS), kept, kept))
        self.register_buffer("centre", torch.zeros(2, len(KINDS), patches))
        self.register_buffer("scale", torch.ones(2, len(KINDS), patches))
        self.register_buffer("threshold_colour", torch.tensor(0.0))
        self.register_buffer("threshold_grey", torch.tensor(0.0))

    def forward(self, faces: Tensor, early: Tensor) -> Tensor:
        """Score patches.

        Parameters
        ----------
        faces : (B, 3, S, S) float in [0, 1]
        early : (B, N, D)
            Latents of the encoder's first `blocks` blocks.

        Returns
        -------
        (B, N) float
            Higher for patches more likely hidden.
        """
        spread = (faces.amax(1) - faces.amin(1)).mean((1, 2))
        grey = (spread < GREY_SPREAD)[:, None]
        opinions = self.opinions(faces, early)
        standard = (opinions - self.centre[:, :, None]) / self.scale[:, :, None]
        added = standard.clamp(*CLIPPED).sum(0)
        return blurred(torch.where(grey, added[1], added[0]), self.grid, SIGMA)

    def opinions(self, faces: Tensor, early: Tensor) -> Tensor:
        """Both opinions for either kind, not calibrated: as `forward` -> (2, 2, B, N)."""
        vectors = self.vectors(faces, early)
        unlikely = torch.stack([self._unlikely(vectors, kind) for kind in range(len(KINDS))])
        strange = self.place.surprise(faces)
        return torch.stack([unlikely, torch.stack([strange] * len(KINDS))])

    def vectors(self, faces: Tensor, early: Tensor) -> Tensor:
        """What the Gaussians are over: as `forward` -> (B, N, K)."""
        return self.features(faces, early) @ self.projection

    def features(self, faces: Tensor, early: Tensor) -> Tensor:
        """Pixels and early latent of each patch: as `forward` -> (B, N, P + D)."""
        pixels = F.pixel_unshuffle(faces, self.patch_size).flatten(2).transpose(1, 2)
        return torch.cat([pixels, early], dim=-1)

    def _unlikely(self, vectors: Tensor, kind: int) -> Tensor:
        here = (vectors - self.mean[kind]).transpose(0, 1) @ self.whitening[kind].mT
        anywhere = (vectors - self.any_mean[kind]) @ self.any_whitening[kind].mT
        far_here = here.square().sum(-1).T.clamp(min=1e-6).log()
        return far_here - COMPLEXITY * anywhere.square().sum(-1).clamp(min=1e-6).log()
