"""Random changes of pose, light and coverage for training faces, whole batches at once."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

ROTATION = math.radians(12)
ZOOM = 0.12
SHIFT = 0.08
LIGHT = 0.25
CONTRAST = 0.25
ERASED = (0.02, 0.2)


def augment(faces: Tensor, size: int, erase: float, generator: torch.Generator) -> Tensor:
    """Flip, turn, zoom, shift, relight, and put one grey box over some faces.

    Parameters
    ----------
    faces : (B, C, S, S) float in [0, 1]
    size : int
        Pixels of a side of the result.
    erase : float
        Share of faces that get a box over 2-20 % of the picture.

    Returns
    -------
    (B, C, size, size) float in [0, 1]
    """
    b = len(faces)

    def uniform(limit: float) -> Tensor:
        return (torch.rand(b, generator=generator) * 2 - 1) * limit

    angle, zoom = uniform(ROTATION), 1 + uniform(ZOOM)
    flip = torch.where(torch.rand(b, generator=generator) < 0.5, -1.0, 1.0)
    rows = torch.stack(
        [
            torch.stack([flip * zoom * angle.cos(), -zoom * angle.sin(), uniform(SHIFT)], 1),
            torch.stack([flip * zoom * angle.sin(), zoom * angle.cos(), uniform(SHIFT)], 1),
        ],
        1,
    )
    grid = F.affine_grid(rows, [b, faces.shape[1], size, size], align_corners=False)
    faces = F.grid_sample(faces, grid, padding_mode="border", align_corners=False)
    mean = faces.mean((1, 2, 3), keepdim=True)
    contrast = (1 + uniform(CONTRAST))[:, None, None, None]
    faces = (faces - mean) * contrast + mean + uniform(LIGHT)[:, None, None, None] * 0.5
    return _erase(faces.clamp(0, 1), erase, generator)


def _erase(faces: Tensor, share: float, generator: torch.Generator) -> Tensor:
    b, _, h, w = faces.shape
    low, high = ERASED
    area = low + (high - low) * torch.rand(b, generator=generator)
    stretch = torch.exp(torch.rand(b, generator=generator) * 2 - 1)
    half_w, half_h = (area * stretch).sqrt() / 2, (area / stretch).sqrt() / 2
    x, y = torch.rand(b, generator=generator), torch.rand(b, generator=generator)
    chosen = torch.rand(b, generator=generator) < share
    across = (torch.linspace(0, 1, w)[None] - x[:, None]).abs() < half_w[:, None]
    down = (torch.linspace(0, 1, h)[None] - y[:, None]).abs() < half_h[:, None]
    box = (down[:, :, None] & across[:, None] & chosen[:, None, None])[:, None]
    tone = torch.rand(b, 1, 1, 1, generator=generator)
    return torch.where(box, tone.expand_as(faces), faces)
