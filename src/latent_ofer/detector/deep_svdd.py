"""Deep SVDD as released code has it (paper, 3.1, Eq. 1): Phi contracts.

Kept to be measured (`benchmarks/paper_svdd.py`), and for weights that hold it as `paper`.
"""

import torch
from torch import Tensor, nn


class DeepSVDD(nn.Module):
    """Distance of each latent from what clean faces give (Eq. 1).

    Parameters
    ----------
    dim : int
        Of the latents.
    hidden, out : int
        Widths of the three layers of Phi: dim -> hidden -> hidden -> out. No biases, which
        could map everything to the centre (collapse).
    centres : int
        1 as in Eq. 1, or one for each place of the grid.

    Attributes
    ----------
    centre : (centres, out) buffer
        Never trained.
    radius : scalar buffer
        The (1 - nu) quantile of the distances of clean training latents.
    threshold_colour, threshold_grey : scalar buffers
        Distance above which a patch counts as hidden.
    """

    centre: Tensor
    radius: Tensor
    threshold_colour: Tensor
    threshold_grey: Tensor

    def __init__(self, dim: int, hidden: int, out: int, centres: int = 1) -> None:
        super().__init__()
        self.phi = nn.Sequential(
            nn.Linear(dim, hidden, bias=False),
            nn.LeakyReLU(0.1),
            nn.Linear(hidden, hidden, bias=False),
            nn.LeakyReLU(0.1),
            nn.Linear(hidden, out, bias=False),
        )
        self.register_buffer("centre", torch.zeros(centres, out))
        self.register_buffer("radius", torch.tensor(0.0))
        self.register_buffer("threshold_colour", torch.tensor(0.0))
        self.register_buffer("threshold_grey", torch.tensor(0.0))

    def forward(self, latents: Tensor) -> Tensor:
        """Distances ||Phi(x; W) - c||, not squared: latents (B, N, D) -> (B, N)."""
        out: Tensor = self.phi(latents) - self.centre
        return out.square().sum(-1).sqrt()
