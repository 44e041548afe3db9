"""Deep SVDD as released code has it (paper, 3.1, Eq. 1): Phi contracts.

Kept to be measured (`benchmarks/paper_svdd.py`), and for weights that hold it as `paper`.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

CENTRE_MIN = 0.1


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

    @torch.no_grad()
    def set_centre(self, batches: Iterable[Tensor]) -> None:
        """Put each centre at the mean of one pass over clean latents, batches of (B, N, D).

        Components nearer to zero than 0.1 are pushed to +-0.1: zero weights would reach a
        centre of zeros.
        """
        total, count = torch.zeros(()), 0
        for latents in batches:
            total = total + self.phi(latents).sum(0)
            count += len(latents)
        mean = total / count
        if len(self.centre) == 1:
            mean = mean.mean(0, keepdim=True)
        sign = torch.where(mean < 0, -1.0, 1.0)
        self.centre.copy_(torch.where(mean.abs() < CENTRE_MIN, sign * CENTRE_MIN, mean))


def svdd_loss(model: DeepSVDD, latents: Tensor, decay: float) -> Tensor:
    """Eq. 1: mean squared distance to the centre plus lambda / 2 times the squared weights.

    Parameters
    ----------
    model : DeepSVDD
    latents : (B, N, D)
        Of clean faces.
    decay : float
        lambda.

    Returns
    -------
    scalar
    """
    distance: Tensor = (model.phi(latents) - model.centre).square().sum(-1).mean()
    weights = torch.stack([weight.square().sum() for weight in model.phi.parameters()]).sum()
    return distance + decay / 2 * weights
