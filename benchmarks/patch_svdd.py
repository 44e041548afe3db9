"""A detector to measure against: after Patch-SVDD (Yi and Yoon, 2020; paper, Table 1).

What is kept: a small network sees one window of the face at a time; features of windows that
overlap are drawn together, instead of all to one centre; a second task keeps them from
collapsing (which of its eight neighbours is the other window?); a patch scores by its distance
from the nearest feature of a clean patch, wherever on the face that was.

What is not: the original has windows of two sizes at any pixel and multiplies both maps; here
one window of 16 px lies around each patch, and in training windows move by steps of 4 px. The
bank is a sample of the clean features, not all of them. It looks at pixels as the original does:
the encoder's latents know their place, the second task then has nothing to learn from what is
in a patch, and hidden patches end up no farther from the bank than visible ones.
"""

from collections.abc import Sequence

import torch
from one_class_svm import squared_distances
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.encoder.mae import MEAN, STD
from latent_ofer.training.batch import shared_out

NEIGHBOURS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)
MARGIN = 4
"""Pixels by which a window reaches beyond its patch."""
OVERLAPPING, APART = 1, 3
"""Steps between windows that are drawn together, and whose relative position is asked for."""
FACES_AT_ONCE = 8


class PatchSVDD(nn.Module):
    """Distance of each patch's feature from the nearest one of the bank.

    Parameters
    ----------
    width : int
        Channels of the first layer.
    out : int
        Length of a feature.
    bank : int
        Features kept.

    Attributes
    ----------
    bank : (bank, out) buffer
    """

    bank: Tensor

    def __init__(self, width: int, out: int, bank: int) -> None:
        super().__init__()
        # Without padding inside: each feature is of its own window of 16 px and nothing else.
        self.encoder = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2),
            nn.LeakyReLU(0.1),
            nn.Conv2d(width, 2 * width, 3, stride=2),
            nn.LeakyReLU(0.1),
            nn.Conv2d(2 * width, out, 3),
        )
        self.position = nn.Sequential(
            nn.Linear(out, 2 * out), nn.LeakyReLU(0.1), nn.Linear(2 * out, len(NEIGHBOURS))
        )
        self.register_buffer("bank", torch.zeros(bank, out))

    def windows(self, faces: Tensor) -> Tensor:
        """Features of windows every 4 px: faces (B, 3, 112, 112) in [0, 1] -> (B, 27, 27, out)."""
        padded = F.pad((faces - MEAN) / STD, (MARGIN,) * 4, mode="replicate")
        out: Tensor = self.encoder(padded).permute(0, 2, 3, 1)
        return out

    def features(self, faces: Tensor) -> Tensor:
        """Of the window around each patch: faces (B, 3, 112, 112) -> (B, 196, out)."""
        return self.windows(faces)[:, ::2, ::2].flatten(1, 2)

    def forward(self, faces: Tensor) -> Tensor:
        """Distances: faces (B, 3, 112, 112) -> (B, 196)."""
        return torch.cat([self._nearest(part) for part in faces.split(FACES_AT_ONCE)])

    def _nearest(self, faces: Tensor) -> Tensor:
        features = self.features(faces)
        nearest = squared_distances(features.flatten(0, 1), self.bank).amin(1).sqrt()
        return nearest.view(features.shape[:2])


def pairs(photo: Tensor) -> tuple[Tensor, Tensor]:
    """Which pairs of windows count: those that overlap, and those whose position is asked for.

    Parameters
    ----------
    photo : (B, 196) bool
        Patches that count: windows that touch another one are left out.

    Returns
    -------
    near, apart : (B, 8, H, W) bool
        Of each window and each of its eight neighbours, as `moves` has them.
    """
    left_out = (~windows_of_photo(photo)).float()[..., None]
    # Of a pair, the difference is 0 where both windows count, and both must.
    near = (left_out[:, 1:-1, 1:-1] + moves(left_out, OVERLAPPING).abs() == 0)[..., 0]
    apart = (left_out[:, 3:-3, 3:-3] + moves(left_out, APART).abs() == 0)[:, :, ::2, ::2, 0]
    return near.transpose(0, 1), apart.transpose(0, 1)


def inputs_of(faces: Tensor, photo: Tensor) -> tuple[Tensor, ...]:
    """What the loss takes: faces (B, 3, 112, 112), `pairs` of photo, how many each face has."""
    near, apart = pairs(photo)
    return faces, near, apart, shared_out(near), shared_out(apart)


def patch_svdd_loss(
    model: PatchSVDD, inputs: Sequence[Tensor], compactness: float
) -> tuple[Tensor, dict[str, float]]:
    """Relative position, plus `compactness` times the squared distance of overlapping windows.

    Parameters
    ----------
    inputs : sequence of Tensor
        As `inputs_of` gives them, the faces clean and in [0, 1].

    Returns
    -------
    loss : scalar
    figures : dict
        Both parts, and the share of right answers about the position.
    """
    faces, near, apart, each_near, each_apart = inputs
    features = model.windows(faces)
    distances = moves(features, OVERLAPPING).square().sum(-1)
    distance = distances[near.transpose(0, 1)].sum() / each_near.sum()
    asked = apart.transpose(0, 1)
    logits = model.position(moves(features, APART)[:, :, ::2, ::2])[asked]
    which = asked.nonzero()[:, 0]
    position = F.cross_entropy(logits, which, reduction="sum") / each_apart.sum()
    figures = {
        "position": float(position.detach()),
        "distance": float(distance.detach()),
        "position_accuracy": float((logits.argmax(-1) == which).sum() / each_apart.sum()),
    }
    return position + compactness * distance, figures


def windows_of_photo(photo: Tensor) -> Tensor:
    """Windows all of whose patches count: (B, 196) bool -> (B, 27, 27)."""
    cells = (~photo).float().unflatten(1, (14, 14))[:, None].repeat_interleave(2, 2)
    cells = F.pad(cells.repeat_interleave(2, 3), (1,) * 4, mode="replicate")
    return F.max_pool2d(cells, 4, 1)[:, 0] == 0


def moves(features: Tensor, step: int) -> Tensor:
    """What changes from each window to each of the eight that lie `step` away.

    Parameters
    ----------
    features : (B, H, W, out)

    Returns
    -------
    (8, B, H - 2 step, W - 2 step, out)
    """
    rows, columns = features.shape[1] - step, features.shape[2] - step
    here = features[:, step:rows, step:columns]
    return torch.stack(
        [
            features[:, step * (1 + y) : rows + step * y, step * (1 + x) : columns + step * x]
            - here
            for y, x in NEIGHBOURS
        ]
    )
