"""Recognisers to measure against: the same CNN without and with covers in training, and the judge.

None of them is told what is hidden, none is part of the pipeline, and no loss or choice of it ever
sees them. They are trained as the recogniser is, by recipes of their own.
"""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from latent_ofer.occlusion.patches import GRID
from latent_ofer.recogniser.cnn import ExpressionCNN
from latent_ofer.recogniser.train_cnn import load_cnn

BaselineName = Literal["plain", "plain_occluded", "judge"]


class PlainReader(nn.Module):
    """Reads a face as it came, and its mirror image.

    Parameters
    ----------
    cnn : ExpressionCNN
    """

    def __init__(self, cnn: ExpressionCNN) -> None:
        super().__init__()
        self.cnn = cnn

    def forward(self, faces: Tensor) -> Tensor:
        """(B, 3, 112, 112) float in [0, 1] -> logits (B, 8), the mean of both."""
        logits: Tensor = sum(
            self.cnn(view, nothing_hidden(view))[0] for view in (faces, faces.flip(3))
        )
        return logits / 2


def nothing_hidden(faces: Tensor) -> Tensor:
    """A mask (B, 14, 14) that is False everywhere."""
    return torch.zeros(len(faces), GRID, GRID, dtype=torch.bool, device=faces.device)


def load_baseline(name: BaselineName, runs: Path, config: str) -> PlainReader:
    """A trained one, in evaluation mode, frozen."""
    return PlainReader(load_cnn(runs, config, name)).eval()
