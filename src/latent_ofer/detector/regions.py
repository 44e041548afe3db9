"""The default detector: a light convolutional network that marks what hides a face."""

import torch
from torch import Tensor, nn

from latent_ofer.encoder.mae import MEAN, STD

DILATIONS = (1, 2, 4, 2)


class RegionDetector(nn.Module):
    """Scores every 8 px patch of an aligned face of 112 px.

    Faces are aligned, so a learnt value for each place and channel tells the layers where on the
    face they are; the mean over the face tells them its light and tone.

    Parameters
    ----------
    width : int
        Channels at the resolution of the patches; 128 gives 0.9 M parameters.
    grid : int
        Patches a side.
    types : int
        Kinds of cover that it tells apart; 0 for none.

    Attributes
    ----------
    threshold_colour, threshold_grey : scalar buffers
        Probability above which a patch counts as hidden.
    """

    threshold_colour: Tensor
    threshold_grey: Tensor

    def __init__(self, width: int, grid: int = 14, types: int = 0) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _layer(3, width // 4, stride=2),
            _layer(width // 4, width // 2, stride=2),
            _layer(width // 2, width // 2),
            _layer(width // 2, width, stride=2),
        )
        self.place = nn.Parameter(torch.zeros(1, width, grid, grid))
        self.blocks = nn.ModuleList(_layer(width, width, dilation=d) for d in DILATIONS)
        self.context = nn.Conv2d(width, width, 1)
        self.last = _layer(width, width)
        self.score = nn.Conv2d(width, 1, 1)
        self.kinds = nn.Conv2d(width, types, 1) if types else None
        self.register_buffer("threshold_colour", torch.tensor(0.5))
        self.register_buffer("threshold_grey", torch.tensor(0.5))

    def forward(self, faces: Tensor) -> Tensor:
        """Score patches.

        Parameters
        ----------
        faces : (B, 3, S, S) float in [0, 1]

        Returns
        -------
        (B, N) float
            Logits, row-major; positive where a patch is more likely hidden than not.
        """
        out: Tensor = self.score(self.features(faces)).flatten(1)
        return out

    def typed(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        """Score patches, and say what kind of cover lies over each.

        Parameters
        ----------
        faces : (B, 3, S, S) float in [0, 1]

        Returns
        -------
        scores : (B, N) float
            Logits, as `forward` gives them.
        types : (B, T, N) float
            Logits of each kind, whether it hides the patch or not.
        """
        assert self.kinds is not None
        x = self.features(faces)
        return self.score(x).flatten(1), self.kinds(x).flatten(2)

    def features(self, faces: Tensor) -> Tensor:
        """Faces (B, 3, S, S) in [0, 1] -> what is known of each patch (B, width, 14, 14)."""
        x = self.stem((faces - MEAN) / STD) + self.place
        for block in self.blocks:
            x = x + block(x)
        x = x + self.context(x.mean((2, 3), keepdim=True))
        out: Tensor = self.last(x)
        return out

    def probability(self, faces: Tensor) -> Tensor:
        """Probability (B, N) that each patch of the faces (B, 3, S, S) is hidden."""
        return torch.sigmoid(self(faces))


def _layer(before: int, after: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, dilation, dilation, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )
