"""A detector to measure against: a Gaussian of clean faces at each place of the grid (PaDiM)."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class PositionGaussian(nn.Module):
    """Mahalanobis distance of each patch from what clean faces have at its place.

    Parameters
    ----------
    patches, dim : int
        N vectors of length D a face.

    Attributes
    ----------
    mean : (N, D) buffer
    whitening : (N, D, D) buffer
        Inverse of the lower Cholesky factor of the covariance.
    """

    mean: Tensor
    whitening: Tensor

    def __init__(self, patches: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(patches, dim))
        self.register_buffer("whitening", torch.eye(dim).repeat(patches, 1, 1))

    def forward(self, vectors: Tensor) -> Tensor:
        """Distances: vectors (B, N, D) -> (B, N)."""
        centred = (vectors - self.mean).transpose(0, 1)
        out: Tensor = (centred @ self.whitening.mT).square().sum(-1).sqrt().T
        return out


def fit_gaussian(vectors: NDArray[np.float32], used: NDArray[np.bool_]) -> PositionGaussian:
    """Mean and covariance of clean faces (n, N, D), where `used` (n, N), each place on its own."""
    model = PositionGaussian(*vectors.shape[1:])
    for place in range(vectors.shape[1]):
        here = vectors[used[:, place], place].astype(np.float64)
        factor = np.linalg.cholesky(shrunk_covariance(here))
        model.mean[place] = torch.from_numpy(here.mean(axis=0))
        model.whitening[place] = torch.from_numpy(np.linalg.inv(factor))
    return model


def shrunk_covariance(vectors: NDArray[Any]) -> NDArray[np.float64]:
    """Covariance (D, D) of vectors (n, D), drawn towards a multiple of the identity.

    By how much is what Ledoit and Wolf (2004) show to be best: grey faces have three equal
    channels, whose plain covariance has no inverse.
    """
    # Here, not above: tables of what is trained already need none.
    from sklearn.covariance import ledoit_wolf

    covariance: NDArray[np.float64] = ledoit_wolf(vectors)[0]
    return covariance
