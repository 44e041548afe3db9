"""Where on a face does this window come from? A task that needs clean faces and nothing else.

A small network sees one window of an aligned face at a time, some 40 px wide, and says at which of
the 196 places it lies - or at none, the answer to windows of faces that are turned, enlarged or in
wrong colours. In front of a covered mouth it does not say "mouth". The idea of telling normal
pictures by the transformation that they underwent is that of Golan and El-Yaniv (2018).
"""

import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.encoder.mae import MEAN, STD

NEAR = 2
"""Patches by which a window may seem to lie off its place: FERPlus' crops are not aligned."""
FAR = -1e4
LEFT_OUT = -100
SHIFT = 4
"""Pixels by which training faces are moved at most."""


class PlaceNetwork(nn.Module):
    """Logits of the places of each window.

    Parameters
    ----------
    width : int
        Channels at the resolution of the patches.
    grid : int
        Patches a side.

    Attributes
    ----------
    far : (N, N) buffer
        Added to the logits of places (rows) for windows (columns): 0 where they are near.
    """

    far: Tensor

    def __init__(self, width: int, grid: int = 14) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _layer(3, width // 4, stride=2),
            _layer(width // 4, width // 2, stride=2),
            _layer(width // 2, width // 2),
            _layer(width // 2, width, stride=2),
            _layer(width, width),
            nn.Conv2d(width, 2 * width, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * width, grid**2 + 1, 1),
        )
        place = torch.cartesian_prod(torch.arange(grid), torch.arange(grid))
        apart = (place[:, None] - place[None]).abs().amax(-1)
        self.register_buffer("far", torch.where(apart > NEAR, FAR, 0.0), persistent=False)

    def forward(self, faces: Tensor) -> Tensor:
        """Logits (B, N + 1, N) of places, the last for none: faces (B, 3, S, S) in [0, 1]."""
        out: Tensor = self.layers((faces - MEAN) / STD).flatten(2)
        return out

    def surprise(self, faces: Tensor) -> Tensor:
        """Logarithm of P(at no place) / P(about where it is): (B, N), higher for stranger."""
        logits = self(faces)
        about = (logits[:, :-1] + self.far).logsumexp(dim=1)
        strange: Tensor = logits[:, -1] - about
        return strange


def places(streaks: Tensor, altered: int) -> Tensor:
    """Where windows of faces lie, and then those of altered ones: (B + M, N) int.

    Parameters
    ----------
    streaks : (B, N) bool
        Left out: `LEFT_OUT`.
    altered : int
        M, faces that went through `elsewhere`: their windows lie nowhere, which is N.
    """
    faces, patches = streaks.shape
    own = torch.arange(patches).expand(faces, -1).masked_fill(streaks, LEFT_OUT)
    return torch.cat([own, torch.full((altered, patches), patches)])


def place_loss(logits: Tensor, place: Tensor, each: Tensor) -> Tensor:
    """Cross-entropy of the places.

    Parameters
    ----------
    logits : (B, N + 1, N)
    place : (B, N) int
        As `places` gives them.
    each : (B,) float
        Windows that a face of the batch has on average that are not left out.

    Returns
    -------
    scalar
    """
    loss = F.cross_entropy(logits, place, ignore_index=LEFT_OUT, reduction="sum")
    return loss / each.sum()


def elsewhere(faces: Tensor, rng: Generator) -> Tensor:
    """Alter faces so that no window is where it should be: (M, 3, S, S) -> the same.

    Each is turned by at least 60 degrees, or at least doubled in size; half are mirrored; a third
    has its colours exchanged or its light inverted.
    """
    count = len(faces)
    enlarged = rng.random(count) < 0.4
    angle = torch.from_numpy(rng.uniform(1, 5, count) * torch.pi / 3).float()
    angle[enlarged] = torch.from_numpy(rng.normal(0, 0.2, count)).float()[enlarged]
    scale = torch.from_numpy(rng.uniform(0.3, 1.3, count)).float()
    scale[enlarged] = torch.from_numpy(rng.uniform(0.25, 0.5, count)).float()[enlarged]
    mirror = torch.from_numpy(rng.choice([-1.0, 1.0], count)).float()
    room = (1 - scale).clamp(0, 0.7)[:, None]
    shift = torch.from_numpy(rng.uniform(-1, 1, (count, 2))).float() * room
    along, across = scale * angle.cos(), scale * angle.sin()
    rows = [
        torch.stack([mirror * along, -across, shift[:, 0]], dim=1),
        torch.stack([mirror * across, along, shift[:, 1]], dim=1),
    ]
    at = F.affine_grid(torch.stack(rows, dim=1), list(faces.shape), align_corners=False)
    moved = F.grid_sample(faces, at, padding_mode="reflection", align_corners=False)
    tint = torch.from_numpy(rng.random(count))
    order = torch.from_numpy(rng.permuted([[0, 1, 2]] * count, axis=1))
    exchanged = moved.gather(1, order[:, :, None, None].expand_as(moved))
    kind = tint[:, None, None, None]
    return torch.where(kind < 0.23, exchanged, torch.where(kind < 0.33, 1 - moved, moved))


def relit(faces: Tensor, rng: Generator) -> Tensor:
    """Other contrast and light; now and then the whole batch reduced, or noisy."""

    def drawn(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (len(faces), 1, 1, 1))).float()

    mean = faces.mean((1, 2, 3), keepdim=True)
    faces = (faces - mean) * drawn(0.7, 1.3) + mean + drawn(-0.12, 0.12)
    if rng.random() < 0.3:
        side = int(rng.integers(44, 100))
        small = F.interpolate(faces, size=(side, side), mode="bilinear", antialias=True)
        faces = F.interpolate(small, size=faces.shape[2:], mode="bicubic")
    if rng.random() < 0.3:
        noise = torch.from_numpy(rng.standard_normal(tuple(faces.shape), dtype="float32"))
        faces = faces + drawn(0, 0.04) * noise
    return faces.clamp(0, 1)


def shifted(faces: Tensor, rng: Generator) -> Tensor:
    """Move a batch by up to half a patch, edges replicated: (B, 3, S, S) -> the same.

    A face enlarged from 48 px, or a compressed one, carries a fine pattern that tells where each
    patch is to a network that looks closely enough; moved at random, it tells nothing.
    """
    down, across = rng.integers(0, 2 * SHIFT + 1, 2)
    padded = F.pad(faces, (SHIFT,) * 4, mode="replicate")
    height, width = faces.shape[2:]
    return padded[:, :, down : down + height, across : across + width]


def _layer(before: int, after: int, stride: int = 1) -> nn.Sequential:
    # Replicated edges: zeros would tell windows at the frame where they are.
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False, padding_mode="replicate"),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )
