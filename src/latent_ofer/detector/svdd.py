"""The paper's detector: one-class SVDD on the encoder's latents (paper, 3.1, Eq. 1)."""

import torch
from torch import Tensor, nn

from latent_ofer.detector.blur import blurred

SIGMA = 1.0
"""Of a patch's neighbourhood, in patches."""


class LatentSVDD(nn.Module):
    """Distance of each latent from what clean faces give (Eq. 1), in units of the radius R.

    Phi is linear, one map W_p for each place p of the face, of the latent less its mean there:
    ``Phi(x) = W_p (P x - m_p)``, with the centre c = 0 for all places, and P a fixed random
    projection. Eq. 1 alone is least where Phi maps everything to c. So the volume of Phi, the
    product of all |det W_p|, is held fixed; then the minimum, weight decay lambda included, has a
    closed form (see `train_svdd`), and is a whitening: all that clean faces do at a place weighs
    alike. What is measured is a patch with its neighbours, weighted by a Gaussian, because objects
    are larger than a patch, and in units of the face's own root mean square, because some faces
    are unlike others all over.

    Parameters
    ----------
    dim : int
        D of the latents.
    kept : int
        K, dimensions after the projection.
    grid : int
        N = grid^2 places.

    Attributes
    ----------
    projection : (D, K) buffer
        P.
    mean : (N, K) buffer
    weights : (N, K, K) buffer
        W of each place.
    radius : scalar buffer
        R, the (1 - nu) quantile of the distances of clean training latents.
    threshold_colour, threshold_grey : scalar buffers
        Score above which a patch counts as hidden where few false alarms are wanted; by the
        paper's own rule it is hidden above 1.
    """

    projection: Tensor
    mean: Tensor
    weights: Tensor
    radius: Tensor
    threshold_colour: Tensor
    threshold_grey: Tensor

    def __init__(self, dim: int, kept: int, grid: int = 14) -> None:
        super().__init__()
        self.grid = grid
        self.register_buffer("projection", torch.zeros(dim, kept))
        self.register_buffer("mean", torch.zeros(grid**2, kept))
        self.register_buffer("weights", torch.zeros(grid**2, kept, kept))
        self.register_buffer("radius", torch.tensor(1.0))
        self.register_buffer("threshold_colour", torch.tensor(0.0))
        self.register_buffer("threshold_grey", torch.tensor(0.0))

    def forward(self, latents: Tensor) -> Tensor:
        """||Phi(x) - c|| / R of each patch with its neighbours: latents (B, N, D) -> (B, N)."""
        return self.distances(latents) / self.radius

    def distances(self, latents: Tensor) -> Tensor:
        """||Phi(x) - c||, not squared: latents (B, N, D) -> (B, N)."""
        squared = self.phi(latents).square().sum(-1)
        own = squared / squared.mean(1, keepdim=True).clamp(min=1e-12)
        out: Tensor = blurred(own, self.grid, SIGMA).sqrt()
        return out

    def phi(self, latents: Tensor) -> Tensor:
        """Each patch by itself: latents (B, N, D) -> (B, N, K)."""
        centred = (latents @ self.projection - self.mean).transpose(0, 1)
        return (centred @ self.weights.mT).transpose(0, 1)
