"""The recogniser's CNN: small, grey, at half size, told which patches are hidden."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.labels import EXPRESSIONS
from latent_ofer.occlusion.procedural import LUMA

SIDE = 56
"""Pixels of a side inside: a patch of the 14 x 14 grid is 4 x 4 of them."""
LEAST_SPREAD = 0.02
"""Standard deviation below which a face counts as flat; in grey levels of [0, 1]."""


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3x3 convolutions, each with batch norm."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [
            nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


class Head(nn.Module):
    """One of DAN's heads: spatial attention, then a channel gate (paper, 3.4).

    Parameters
    ----------
    features : int
        Channels of the map.
    width : int
        Channels inside the spatial branch.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.reduce = nn.Sequential(
            nn.Conv2d(features, width, 1, bias=False), nn.BatchNorm2d(width)
        )
        self.square = nn.Conv2d(width, features, 3, padding=1, bias=False)
        self.wide = nn.Conv2d(width, features, (1, 3), padding=(0, 1), bias=False)
        self.tall = nn.Conv2d(width, features, (3, 1), padding=(1, 0), bias=False)
        self.norm = nn.BatchNorm2d(features)
        self.gate = nn.Sequential(
            nn.Linear(features, features // 8),
            nn.ReLU(),
            nn.Linear(features // 8, features),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Attend to a feature map.

        Parameters
        ----------
        features : (B, C, H, W)

        Returns
        -------
        vector : (B, C)
            Gated average of the attended map.
        spatial : (B, H, W)
            Non-negative weights of the positions.
        """
        y = self.reduce(features)
        y = self.norm(self.square(y) + self.wide(y) + self.tall(y)).relu()
        spatial = y.mean(1)
        attended = (features * spatial[:, None]).mean((2, 3))
        return attended * self.gate(attended), spatial


class ExpressionCNN(nn.Module):
    """Eight 3x3 convolutions and four attention heads on the 7 x 7 map they end in.

    Colour is dropped: every label that it learns from was given to a grey picture.

    Parameters
    ----------
    widths : list of int
        Channels of the four pairs of convolutions; the resolution halves between them.
    heads : int
        Attention heads (4 in DAN).
    head_width : int
        Channels inside a head's spatial branch.
    dropout : float
    """

    luma: Tensor

    def __init__(self, widths: list[int], heads: int, head_width: int, dropout: float) -> None:
        super().__init__()
        inputs = [2, *widths[:-1]]
        self.pairs = nn.ModuleList([_pair(*sizes) for sizes in zip(inputs, widths, strict=True)])
        self.heads = nn.ModuleList([Head(widths[-1], head_width) for _ in range(heads)])
        self.norm = nn.BatchNorm1d(widths[-1])
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(widths[-1], len(EXPRESSIONS))
        luma = torch.tensor(LUMA, dtype=torch.float32).reshape(1, 3, 1, 1)
        self.register_buffer("luma", luma, persistent=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, faces: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Recognise.

        Parameters
        ----------
        faces : (B, 3, 112, 112) or (B, 1, 56, 56) float in [0, 1]
        mask : (B, 14, 14) bool
            Patches that the network is not to look at: they are blanked, and marked as such.

        Returns
        -------
        logits : (B, 8)
        attention : (B, 7, 7)
            Mean of the heads' maps; non-negative.
        """
        if faces.shape[1] == 3:
            faces = F.avg_pool2d((faces * self.luma).sum(1, keepdim=True), 2)
        x = blanked(faces, mask).contiguous(memory_format=torch.channels_last)
        for number, pair in enumerate(self.pairs):
            x = pair(x if number == 0 else F.max_pool2d(x, 2))
        vectors, maps = zip(*[head(x) for head in self.heads], strict=True)
        joined = self.norm(torch.stack(vectors, 1).sum(1))
        return self.fc(self.dropout(joined)).float(), torch.stack(maps, 1).mean(1)


def blanked(faces: Tensor, mask: Tensor) -> Tensor:
    """Standardise faces over what is visible; what is hidden becomes the mean, and is marked.

    Parameters
    ----------
    faces : (B, 1, S, S) float
    mask : (B, 14, 14) bool
        True = hidden.

    Returns
    -------
    (B, 2, S, S) float
        Zero mean and unit variance over the visible pixels; 1 in the second channel where hidden.
    """
    scale = faces.shape[-1] // mask.shape[-1]
    hidden = F.interpolate(mask[:, None].to(faces.dtype), scale_factor=float(scale))
    seen = 1 - hidden
    count = seen.sum((2, 3), keepdim=True).clamp(min=1)
    centred = (faces - (faces * seen).sum((2, 3), keepdim=True) / count) * seen
    spread = (centred.square().sum((2, 3), keepdim=True) / count).sqrt()
    return torch.cat([centred / (spread + LEAST_SPREAD), hidden], 1)
