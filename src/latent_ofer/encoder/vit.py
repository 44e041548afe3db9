"""Vision transformer blocks with plain attention, laid out like the public MAE's."""

from typing import Literal

import torch
from torch import Tensor, nn

Stem = Literal["linear", "two-layer"]


class Attention(nn.Module):
    """Multi-head self-attention; hidden tokens can be kept from being attended to.

    Plain matrix products: in bf16 on a CPU their backward pass is faster than the fused
    kernel's.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (dim // heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Attend.

        Parameters
        ----------
        x : (B, N, D)
        bias : (B, 1, 1, N), optional
            Added to the attention logits: a large negative number hides a token.

        Returns
        -------
        (B, N, D)
        """
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q * self.scale) @ k.transpose(-2, -1)
        if bias is not None:
            weights = weights + bias
        y = weights.softmax(dim=-1) @ v
        out: Tensor = self.proj(y.transpose(1, 2).reshape(b, n, d))
        return out


class Mlp(nn.Module):
    """Two linear layers with GELU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        out: Tensor = self.fc2(self.act(self.fc1(x)))
        return out


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, 4 * dim)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """(B, N, D) -> (B, N, D); `bias` as in :class:`Attention`."""
        x = x + self.attn(self.norm1(x), bias)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class PatchEmbed(nn.Module):
    """Cut an image into patches and project each to a token; no patch sees another's pixels.

    Parameters
    ----------
    patch : int
        Side in pixels.
    dim : int
        Of the tokens.
    stem : {"linear", "two-layer"}
        The public MAE's single layer; or one layer on halves of the patch's sides, and one that
        joins the four.
    """

    def __init__(self, patch: int, dim: int, stem: Stem = "linear") -> None:
        super().__init__()
        half = patch // 2
        self.proj: nn.Module = (
            nn.Conv2d(3, dim, kernel_size=patch, stride=patch)
            if stem == "linear"
            else nn.Sequential(
                nn.Conv2d(3, dim // 2, kernel_size=half, stride=half),
                nn.GELU(),
                nn.Conv2d(dim // 2, dim, kernel_size=2, stride=2),
            )
        )

    def forward(self, faces: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, N, D), row-major."""
        out: Tensor = self.proj(faces).flatten(2).transpose(1, 2)
        return out


def sincos_positions(dim: int, grid: int) -> Tensor:
    """Fixed two-dimensional sine-cosine positions with a zero class token first.

    Returns
    -------
    (1, 1 + grid * grid, dim)
    """
    frequency = 1.0 / 10000 ** (torch.arange(dim // 4, dtype=torch.float64) / (dim / 4))
    y, x = torch.meshgrid(
        torch.arange(grid, dtype=torch.float64),
        torch.arange(grid, dtype=torch.float64),
        indexing="ij",
    )
    angles_x = x.reshape(-1, 1) * frequency
    angles_y = y.reshape(-1, 1) * frequency
    table = torch.cat([angles_x.sin(), angles_x.cos(), angles_y.sin(), angles_y.cos()], dim=1)
    return torch.cat([torch.zeros(1, dim), table.float()])[None]
