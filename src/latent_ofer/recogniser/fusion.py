"""The recogniser: attention over a CNN picks the latents that are read with it (paper, 3.4)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.labels import EXPRESSIONS
from latent_ofer.recogniser.attention_cnn import FEATURES, AttentionCNN

GRID = 14
SOFT_EDGE = 0.1
"""Width of the edge between picked and not, as a share of the mean attention: without it,
rounding could switch a latent on one engine and not on the other."""


class LatentBranch(nn.Module):
    """Reads the picked latents where they lie.

    Parameters
    ----------
    dim : int
        Width of a latent.
    width : int
        Channels inside.
    outputs : int
        Length of the resulting vector.
    """

    def __init__(self, dim: int, width: int, outputs: int) -> None:
        super().__init__()
        self.repaired = nn.Parameter(torch.zeros(1, 1, dim))
        self.project = nn.Linear(dim, width)
        self.mix = nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False)
        self.mix_norm = nn.BatchNorm2d(width)
        self.flatten = nn.Linear(width * (GRID // 2) ** 2, outputs)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, latents: Tensor, picked: Tensor, mask: Tensor) -> Tensor:
        """Turn picked latents into one vector.

        Parameters
        ----------
        latents : (B, 196, D)
        picked : (B, 196) float in [0, 1]
        mask : (B, 196) bool
            Patches that were repaired: their latents come from a guess, and say so.

        Returns
        -------
        (B, outputs)
        """
        x = latents + mask[..., None].to(latents.dtype) * self.repaired
        x = F.gelu(self.project(x)) * picked[..., None]
        x = x.transpose(1, 2).reshape(-1, x.shape[-1], GRID, GRID)
        x = self.mix_norm(self.mix(x)).relu()
        out: Tensor = self.norm(self.flatten(x.flatten(1)))
        return out


class Recogniser(nn.Module):
    """ResNet-18 with four attention heads, fused with the latents that they pick.

    Parameters
    ----------
    latent_dim : int
        Width of a latent.
    heads : int
        Attention heads (4 in DAN).
    head_width : int
        Channels inside a head's spatial branch.
    latent_width, latent_outputs : int
        Of the latent branch.
    hidden : int
        Width of the fused layer.
    share : float
        Share of the latents that attention picks (0.5 in the paper).
    dropout : float
    """

    temperature: Tensor

    def __init__(
        self,
        latent_dim: int,
        heads: int,
        head_width: int,
        latent_width: int,
        latent_outputs: int,
        hidden: int,
        share: float,
        dropout: float,
    ) -> None:
        super().__init__()
        self.picks = round(share * GRID**2)
        self.cnn = AttentionCNN(heads, head_width)
        self.latents = LatentBranch(latent_dim, latent_width, latent_outputs)
        self.join = nn.Linear(FEATURES + latent_outputs, hidden)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(hidden, len(EXPRESSIONS))
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, faces: Tensor, latents: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Recognise.

        Parameters
        ----------
        faces : (B, 3, S, S) float in [0, 1]
        latents : (B, 196, D)
            Of the same faces.
        mask : (B, 14, 14) bool
            Patches that were repaired; all False on a face as it came.

        Returns
        -------
        logits : (B, 8)
            Divided by the calibration temperature.
        attention : (B, 14, 14)
            Non-negative, sums to 1.
        """
        seen, maps = self.cnn(faces)
        attention = attention_grid(maps)
        picked = pick(attention.flatten(1), self.picks)
        read = self.latents(latents, picked, mask.flatten(1))
        joined = self.join(torch.cat([seen, read.to(seen.dtype)], 1)).relu()
        logits = self.fc(self.dropout(joined)).float() / self.temperature
        return logits, attention


def attention_grid(maps: Tensor) -> Tensor:
    """Bring the heads' mean map to the patch grid and let it sum to 1.

    Parameters
    ----------
    maps : (B, H, W), non-negative

    Returns
    -------
    (B, 14, 14) float32
    """
    grid = F.interpolate(
        maps[:, None].float(), size=(GRID, GRID), mode="bilinear", align_corners=False
    )[:, 0]
    return (grid + 1e-6) / (grid + 1e-6).sum((1, 2), keepdim=True)


def pick(attention: Tensor, count: int) -> Tensor:
    """Weights that are 1 on the `count` highest positions and 0 on the others.

    The step has a narrow slope halfway between the last picked value and the next.

    Parameters
    ----------
    attention : (B, N), sums to 1

    Returns
    -------
    (B, N) float in [0, 1]
    """
    highest = attention.topk(count + 1, dim=1).values
    edge = highest[:, count - 1 :].mean(1, keepdim=True)
    slope = attention.shape[1] / SOFT_EDGE
    return ((attention - edge) * slope + 0.5).clamp(0, 1)
