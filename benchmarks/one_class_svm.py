"""A detector to measure against: a one-class SVM on the encoder's latents (paper, Table 1)."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

FACES_AT_ONCE = 16


class OneClassSVM(nn.Module):
    """How far a latent lies outside the region of clean latents; one region for all places.

    Parameters
    ----------
    vectors, dim : int
        Number M of support vectors, and their length D.

    Attributes
    ----------
    vectors : (M, D) buffer
        Support vectors.
    weights : (M,) buffer
        Their dual coefficients.
    gamma : scalar buffer
        Of the kernel exp(-gamma ||x - v||^2).
    offset : scalar buffer
    """

    vectors: Tensor
    weights: Tensor
    gamma: Tensor
    offset: Tensor

    def __init__(self, vectors: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.zeros(vectors, dim))
        self.register_buffer("weights", torch.zeros(vectors))
        self.register_buffer("gamma", torch.tensor(1.0))
        self.register_buffer("offset", torch.tensor(0.0))

    def forward(self, latents: Tensor) -> Tensor:
        """Scores: latents (B, N, D) -> (B, N), negative inside the region."""
        return torch.cat([self._scores(part) for part in latents.split(FACES_AT_ONCE)])

    def _scores(self, latents: Tensor) -> Tensor:
        kernel = (-self.gamma * squared_distances(latents.flatten(0, 1), self.vectors)).exp()
        return (self.offset - kernel @ self.weights).view(latents.shape[:2])


def fit_svm(latents: NDArray[Any], nu: float, gamma: float = 1.0) -> OneClassSVM:
    """Fit the exact SVM to clean latents (n, D); its time grows with n squared.

    Parameters
    ----------
    nu : float in (0, 1)
        Share of the latents that may lie outside.
    gamma : float
        Of the kernel, in units of 1 / (D x variance).
    """
    # Here, not above: tables of what is trained already need none.
    from sklearn.svm import OneClassSVM as Solver

    scaled = float(gamma / (latents.shape[1] * latents.var()))
    fitted = Solver(nu=nu, gamma=scaled).fit(latents)
    model = OneClassSVM(len(fitted.support_vectors_), latents.shape[1])
    model.vectors.copy_(torch.from_numpy(fitted.support_vectors_))
    model.weights.copy_(torch.from_numpy(fitted.dual_coef_[0]))
    model.gamma.fill_(scaled)
    # scikit-learn adds the intercept to the kernel sum and is positive inside.
    model.offset.fill_(float(-fitted.intercept_[0]))
    return model


def squared_distances(one: Tensor, other: Tensor) -> Tensor:
    """Of all pairs: (n, D) and (m, D) -> (n, m)."""
    products = torch.addmm(other.square().sum(1), one, other.T, alpha=-2)
    return products.add_(one.square().sum(1, keepdim=True)).clamp_(min=0)
