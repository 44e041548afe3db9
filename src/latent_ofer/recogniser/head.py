"""Attention heads as DAN has them, over the last map of a CNN."""

from torch import Tensor, nn


class Head(nn.Module):
    """One of DAN's heads: spatial attention, then a channel gate (paper, 3.4).

    Parameters
    ----------
    features : int
        Channels of the map.
    width : int
        Channels inside the spatial branch (256 in DAN).
    squeeze : int
        How much narrower than the features the gate is (16 in DAN).
    """

    def __init__(self, features: int, width: int, squeeze: int) -> None:
        super().__init__()
        self.reduce = nn.Sequential(
            nn.Conv2d(features, width, 1, bias=False), nn.BatchNorm2d(width)
        )
        self.square = nn.Conv2d(width, features, 3, padding=1, bias=False)
        self.wide = nn.Conv2d(width, features, (1, 3), padding=(0, 1), bias=False)
        self.tall = nn.Conv2d(width, features, (3, 1), padding=(1, 0), bias=False)
        self.norm = nn.BatchNorm2d(features)
        self.gate = nn.Sequential(
            nn.Linear(features, features // squeeze),
            nn.ReLU(),
            nn.Linear(features // squeeze, features),
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
