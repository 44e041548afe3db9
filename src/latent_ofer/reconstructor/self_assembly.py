"""The self-assembly layer (paper, 3.3, Eq. 2-3)."""

import torch
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan
from torch.nn import functional as F

EPSILON = 1e-8


class ConvLayer(nn.Module):
    """A 3x3 convolution in place of the self-assembly: the conventional layer of Table 8.

    Parameters
    ----------
    channels : int
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Replace the masked cells of (B, C, H, W); `mask` (B, H, W) bool, True = hidden."""
        return torch.where(mask[:, None], self.conv(features), features)


class SelfAssembly(nn.Module):
    """Build each masked cell from its mirror, the most similar known cell and the last one built.

    Eq. 3, with every similarity S of Eq. 2 cut off below 0:

    ``p_i = (S_sym p_s,i + S_known p_k,i + S_prev p_(i-1)) / (S_sym + S_known + S_prev)``

    Masked cells are built row by row. The first of them has no previous one, a map without
    known cells has no known term, and where all three similarities are 0 a cell stays as it is.
    There are no weights to train; nor does any image of a batch see another.

    Parameters
    ----------
    mirror : bool
        Without the mirror's term this is the coherent semantic attention (CSA) that the paper
        compares with in Table 8, weighted by the same similarities.
    """

    def __init__(self, mirror: bool = True) -> None:
        super().__init__()
        self.mirror = mirror

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Replace the masked cells; the others pass unchanged.

        Computed in float32 at least, whatever autocast says.

        Parameters
        ----------
        features : (B, C, H, W) float
        mask : (B, H, W) bool
            True = hidden; any number per image, also none or all.

        Returns
        -------
        (B, C, H, W) float, dtype of `features`
        """
        dtype = torch.promote_types(features.dtype, torch.float32)
        cells = _as_cells(features.to(dtype))
        hidden = mask.flatten(1)[..., None]
        # A flip of the map before the average, so that p_s is centred on the mirror's place.
        mirrored = F.avg_pool2d(features.to(dtype).flip(3), 3, 1, 1, count_include_pad=False)
        symmetric = _as_cells(mirrored)
        units = cells / (_norm(cells) + EPSILON)
        known = cells.gather(1, _most_similar(units, hidden).expand_as(cells))

        weight_symmetric = similarity(cells, symmetric) * float(self.mirror)
        weight_known = similarity(cells, known) * (~hidden).any(1, keepdim=True)
        # All of Eq. 3 that does not depend on the previous cell stands outside the recursion.
        # The cell itself has the small weight that keeps the denominator above 0: it is what
        # remains where nothing resembles it, and the weights sum to 1.
        fixed = weight_symmetric * symmetric + weight_known * known + EPSILON * cells
        weight_fixed = weight_symmetric + weight_known + EPSILON

        first = torch.zeros_like(cells[:, 0])
        steps = tuple(x.transpose(0, 1) for x in (units, fixed, weight_fixed, hidden))
        if torch.compiler.is_exporting():
            # One node of the graph in place of 196 copies of the step.
            built = scan(_build, first, steps, dim=0)[1]
        else:
            cell, rows = first, []
            for step in zip(*steps, strict=True):
                cell, row = _build(cell, step)
                rows.append(row)
            built = torch.stack(rows)
        out = torch.where(hidden, built.transpose(0, 1), cells).transpose(1, 2)
        return out.reshape(features.shape).to(features.dtype)


def _build(previous: Tensor, step: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """One cell of every image from the last one built (B, C): the new last one, twice."""
    unit, part, weight, here = step
    dot = (unit * previous).sum(1, keepdim=True)
    weight_previous = (dot / (_norm(previous) + EPSILON)).relu()
    mixed = (part + weight_previous * previous) / (weight + weight_previous)
    built = torch.where(here, mixed, previous)
    # A scan may not return the same tensor twice.
    return built, built.clone()


def similarity(p: Tensor, q: Tensor) -> Tensor:
    """Cosine over the last axis, cut off below 0 (Eq. 2): (..., C) twice -> (..., 1)."""
    dot = (p * q).sum(-1, keepdim=True)
    cosine: Tensor = dot / (_norm(p) * _norm(q) + EPSILON)
    return cosine.relu()


def _most_similar(units: Tensor, hidden: Tensor) -> Tensor:
    """Index of each cell's most similar known cell: (B, N, C), (B, N, 1) -> (B, N, 1)."""
    with torch.autocast(units.device.type, enabled=False):
        cosines = units.detach() @ units.detach().transpose(1, 2)
    return cosines.masked_fill(hidden.transpose(1, 2), -2).argmax(2, keepdim=True)


def _norm(p: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(p, dim=-1, keepdim=True)
    return length


def _as_cells(features: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H * W, C), row by row."""
    return features.flatten(2).transpose(1, 2)
