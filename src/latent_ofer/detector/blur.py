"""Objects are larger than a patch: what a patch's neighbours say counts for it too."""

import torch
from torch import Tensor
from torch.nn import functional as F

REACH = 2
"""Patches in each direction."""


def blurred(values: Tensor, grid: int, sigma: float) -> Tensor:
    """Mean over each patch's neighbourhood, with Gaussian weights: (B, N) -> (B, N).

    Beyond the edge of the grid the nearest patch stands in.

    Parameters
    ----------
    grid : int
        N = grid^2.
    sigma : float
        In patches.
    """
    steps = torch.arange(-REACH, REACH + 1, device=values.device)
    weights = torch.exp(-(steps**2) / (2 * sigma**2))
    kernel = torch.outer(weights, weights) / weights.sum() ** 2
    padded = F.pad(values.unflatten(1, (1, grid, grid)), (REACH,) * 4, mode="replicate")
    return F.conv2d(padded, kernel[None, None].to(values.dtype)).flatten(1)
