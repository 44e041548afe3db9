"""The repair network: a U-Net around the self-assembly layer (paper, 3.3)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.encoder.mae import MEAN, STD, MaskedAutoencoder
from latent_ofer.reconstructor.self_assembly import SelfAssembly

INPUTS = 7
GROUP = 8
"""Channels that are normalised together: per image, so no face depends on its batch."""


@dataclass(frozen=True)
class Repair:
    """What the network made of a batch.

    Attributes
    ----------
    raw : (B, 3, S, S) float
        The network's image, neither cut to [0, 1] nor joined with the visible pixels.
    assembled : (B, C, 14, 14) float
        Output of the self-assembly layer.
    twin : (B, C, 14, 14) float
        The decoder's features at the same resolution.
    """

    raw: Tensor
    assembled: Tensor
    twin: Tensor


class Down(nn.Module):
    """Halve the resolution: a strided convolution, then a plain one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.halve = nn.Conv2d(inputs, outputs, 4, 2, 1)
        self.norm = _norm(outputs)
        self.conv = nn.Conv2d(outputs, outputs, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / 2, W / 2)."""
        out: Tensor = self.conv(_act(self.norm(self.halve(_act(x)))))
        return out


class Up(nn.Module):
    """Double the resolution and join the skipped features of the same size."""

    def __init__(self, inputs: int, skipped: int, outputs: int) -> None:
        super().__init__()
        self.join = nn.Conv2d(inputs + skipped, outputs, 3, 1, 1)
        self.norm = _norm(outputs)
        self.conv = nn.Conv2d(outputs, outputs, 3, 1, 1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, C, H, W), (B, C', 2H, 2W) -> (B, C'', 2H, 2W)."""
        joined = torch.cat([F.interpolate(x, scale_factor=2.0), skip], dim=1)
        out: Tensor = self.conv(_act(self.norm(self.join(_act(joined)))))
        return out


class RepairUNet(nn.Module):
    """Refine a coarse fill; three halvings lead to the 14 x 14 cells of self-assembly.

    The face's side must be 8 times the side of the mask, so that cells are patches.

    Parameters
    ----------
    widths : sequence of 4 int
        Channels at S, S / 2, S / 4 and S / 8 (and below), multiples of 8.
    assembly : nn.Module, optional
        What fills the hidden cells, features and mask in, features out; self-assembly if None.
    """

    def __init__(
        self, widths: tuple[int, int, int, int], assembly: nn.Module | None = None
    ) -> None:
        super().__init__()
        full, half, quarter, eighth = widths
        self.stem = nn.Conv2d(INPUTS, full, 3, 1, 1)
        self.down1 = Down(full, half)
        self.down2 = Down(half, quarter)
        self.down3 = Down(quarter, eighth)
        self.assembly = assembly or SelfAssembly()
        self.bottom = Down(eighth, eighth)
        self.up3 = Up(eighth, eighth, eighth)
        self.up2 = Up(eighth, quarter, quarter)
        self.up1 = Up(quarter, half, half)
        self.up0 = Up(half, full, full)
        self.out = nn.Conv2d(full, 3, 3, 1, 1, bias=False)
        # The first guess is the coarse image itself.
        nn.init.normal_(self.out.weight, std=1e-3)

    def forward(self, coarse: Tensor, filled: Tensor, mask: Tensor) -> Repair:
        """Refine.

        Parameters
        ----------
        coarse : (B, 3, S, S) float in [0, 1]
            True pixels outside the hole, the autoencoder's inside.
        filled : (B, 3, S, S) float in [0, 1]
            The hole in the mean colour of what is visible.
        mask : (B, S / 8, S / 8) bool, True = hidden
        """
        hole = pixels_of(mask, coarse.shape[-1]).to(coarse.dtype)
        x = torch.cat([(coarse - MEAN) / STD, (filled - MEAN) / STD, hole], dim=1)
        at_full = self.stem(x.contiguous(memory_format=torch.channels_last))
        at_half = self.down1(at_full)
        at_quarter = self.down2(at_half)
        assembled = self.assembly(self.down3(at_quarter), mask)
        twin = self.up3(self.bottom(assembled), assembled)
        y = self.up0(self.up1(self.up2(twin, at_quarter), at_half), at_full)
        return Repair(coarse + self.out(_act(y)).float() * STD, assembled, twin)


class Reconstructor(nn.Module):
    """The whole stage: coarse fill, refinement, visible pixels put back.

    Parameters
    ----------
    mae : MaskedAutoencoder
        Trained before, and not trained here.
    unet : RepairUNet
    """

    def __init__(self, mae: MaskedAutoencoder, unet: RepairUNet) -> None:
        super().__init__()
        self.mae = mae.requires_grad_(False)
        self.unet = unet

    def forward(self, faces: Tensor, mask: Tensor) -> Tensor:
        """Repair the hidden patches.

        Parameters
        ----------
        faces : (B, 3, S, S) float in [0, 1]
            What stands in hidden patches is not looked at.
        mask : (B, 14, 14) bool, True = hidden

        Returns
        -------
        (B, 3, S, S) float in [0, 1]
            Visible pixels exactly as they came.
        """
        return composite(faces, self.unet(*self.prepare(faces, mask), mask).raw, mask)

    def prepare(self, faces: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Coarse and mean-filled faces, (B, 3, S, S) each, for :meth:`RepairUNet.forward`."""
        return self.mae.fill(faces, mask.flatten(1)), mean_fill(faces, mask)


def composite(faces: Tensor, raw: Tensor, mask: Tensor) -> Tensor:
    """Visible pixels of `faces`, hidden ones of `raw` cut to [0, 1]: (B, 3, S, S)."""
    return torch.where(pixels_of(mask, faces.shape[-1]), raw.clamp(0, 1), faces)


def mean_fill(faces: Tensor, mask: Tensor) -> Tensor:
    """Faces with the hole in their mean visible colour; mid-grey where nothing is visible."""
    hole = pixels_of(mask, faces.shape[-1])
    visible = (~hole).sum((2, 3), keepdim=True)
    total = torch.where(hole, 0, faces).sum((2, 3), keepdim=True)
    colour = torch.where(visible > 0, total / visible.clamp(min=1), MEAN)
    return torch.where(hole, colour, faces)


def pixels_of(mask: Tensor, size: int) -> Tensor:
    """(B, G, G) bool patches -> (B, 1, size, size) bool pixels."""
    grid = mask.shape[-1]
    patch = size // grid
    x = mask[:, None, :, None, :, None].expand(-1, 1, grid, patch, grid, patch)
    return x.reshape(-1, 1, size, size)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(channels // GROUP, channels)


def _act(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)
