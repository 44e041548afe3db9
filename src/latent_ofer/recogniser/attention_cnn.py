"""ResNet-18 with the attention heads of DAN (paper, 3.4)."""

import torch
from torch import Tensor, nn

from latent_ofer.encoder.mae import MEAN, STD
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.recogniser.head import Head

FEATURES = 512
SQUEEZE = 16
"""How much narrower than the features the gates of the heads are, as in DAN."""


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H', W')."""
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.bn1(self.conv1(x)).relu()
        out: Tensor = (self.bn2(self.conv2(y)) + shortcut).relu()
        return out


class ResNet18(nn.Module):
    """ResNet-18 up to its last feature map, whose stage keeps the resolution.

    At 112 px the map is 7 x 7, as DAN's is at 224 px.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _stage(64, 64, 1)
        self.layer2 = _stage(64, 128, 2)
        self.layer3 = _stage(128, 256, 2)
        self.layer4 = _stage(256, FEATURES, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, BasicBlock):
                nn.init.zeros_(module.bn2.weight)

    def forward(self, faces: Tensor) -> Tensor:
        """Feature map.

        Parameters
        ----------
        faces : (B, 3, S, S) float in [0, 1]

        Returns
        -------
        (B, 512, S / 16, S / 16)
        """
        x = ((faces - MEAN) / STD).contiguous(memory_format=torch.channels_last)
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        out: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return out


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs, 1))


class PlainCNN(nn.Module):
    """The teacher: ResNet-18, global average, one linear layer."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.backbone = ResNet18()
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(FEATURES, len(EXPRESSIONS))

    def forward(self, faces: Tensor) -> Tensor:
        """(B, 3, S, S) float in [0, 1] -> logits (B, 8)."""
        out: Tensor = self.fc(self.dropout(self.backbone(faces).mean((2, 3))))
        return out


class AttentionCNN(nn.Module):
    """ResNet-18 with attention heads: what the face looks like where it matters.

    Parameters
    ----------
    heads : int
        Attention heads (4 in DAN).
    width : int
        Channels inside a head's spatial branch.
    """

    def __init__(self, heads: int, width: int) -> None:
        super().__init__()
        self.backbone = ResNet18()
        self.heads = nn.ModuleList([Head(FEATURES, width, SQUEEZE) for _ in range(heads)])
        self.norm = nn.BatchNorm1d(FEATURES)

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        """Features and where they come from.

        Parameters
        ----------
        faces : (B, 3, S, S) float in [0, 1]

        Returns
        -------
        vector : (B, 512)
            Sum over the heads, normalised.
        spatial : (B, S / 16, S / 16)
            Mean of the heads' non-negative maps.
        """
        features = self.backbone(faces)
        vectors, maps = zip(*[head(features) for head in self.heads], strict=True)
        return self.norm(torch.stack(vectors, 1).sum(1)), torch.stack(maps, 1).mean(1)


class AttentionClassifier(nn.Module):
    """The attention CNN alone with a linear layer: how it is trained before the fusion."""

    def __init__(self, cnn: AttentionCNN, dropout: float) -> None:
        super().__init__()
        self.cnn = cnn
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(FEATURES, len(EXPRESSIONS))

    def forward(self, faces: Tensor) -> Tensor:
        """(B, 3, S, S) float in [0, 1] -> logits (B, 8)."""
        out: Tensor = self.fc(self.dropout(self.cnn(faces)[0]))
        return out
