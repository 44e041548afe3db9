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
    """Flip, turn, zoom, shift, relight, and put one grey box over some faces."""
    moved = move(faces, size, generator)
    return erase_boxes(relight(moved, generator), erase, generator)


def move(pictures: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Flip, turn, zoom and shift each picture, all its channels together.

    Parameters
    ----------
    pictures : (B, C, S, S) float in [0, 1]
    size : int
        Pixels of a side of the result.

    Returns
    -------
    (B, C, size, size) float in [0, 1]
    """
    b = len(pictures)
    angle, zoom = _uniform(b, ROTATION, generator), 1 + _uniform(b, ZOOM, generator)
    flip = torch.where(torch.rand(b, generator=generator) < 0.5, -1.0, 1.0)
    across, down = _uniform(b, SHIFT, generator), _uniform(b, SHIFT, generator)
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    first = torch.stack([flip * cosine, -sine, across], 1)
    second = torch.stack([flip * sine, cosine, down], 1)
    rows = torch.stack([first, second], 1)
    grid = F.affine_grid(rows, [b, pictures.shape[1], size, size], align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def relight(faces: Tensor, generator: torch.Generator) -> Tensor:
    """Change contrast and brightness; (B, C, S, S) in and out, float in [0, 1]."""
    b = len(faces)
    mean = faces.mean((1, 2, 3), keepdim=True)
    contrast = 1 + _uniform(b, CONTRAST, generator)[:, None, None, None]
    light = _uniform(b, LIGHT, generator)[:, None, None, None] * 0.5
    return ((faces - mean) * contrast + mean + light).clamp(0, 1)


def _uniform(count: int, limit: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(count, generator=generator) * 2 - 1) * limit


def erase_boxes(faces: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Put a box of one tone over 2-20 % of some faces; `share` of them get one."""
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
