"""The recogniser's CNN: small, grey, at half size, told which patches are hidden."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.labels import EXPRESSIONS
from latent_ofer.occlusion.procedural import LUMA
from latent_ofer.recogniser.head import Head

SIDE = 56
"""Pixels of a side inside: a patch of the 14 x 14 grid is 4 x 4 of them."""
SQUEEZE = 8
"""How much narrower than the features the gates of the heads are."""
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
        self.heads = nn.ModuleList([Head(widths[-1], head_width, SQUEEZE) for _ in range(heads)])
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
        return self.answer(self.features(faces, mask))

    def features(self, faces: Tensor, mask: Tensor) -> Tensor:
        """The last map, (B, C, 7, 7), of what `forward` takes."""
        if faces.shape[1] == 3:
            faces = F.avg_pool2d((faces * self.luma).sum(1, keepdim=True), 2)
        x = blanked(faces, mask).contiguous(memory_format=torch.channels_last)
        for number, pair in enumerate(self.pairs):
            x = pair(x if number == 0 else F.max_pool2d(x, 2))
        return x

    def answer(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """What `forward` gives, from the last map."""
        joined, attention = self.attend(features)
        return self.fc(self.dropout(joined)).float(), attention

    def attend(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """What all heads see in the last map together, (B, C), and where they look, (B, 7, 7)."""
        vectors, maps = zip(*[head(features) for head in self.heads], strict=True)
        return self.norm(torch.stack(vectors, 1).sum(1)), torch.stack(maps, 1).mean(1)


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
