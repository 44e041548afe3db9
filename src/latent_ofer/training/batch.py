"""Batches that can be cut: into slices one after the other, into parts of several processes.

A loss is a mean over the faces of what it is given, of something that concerns each face alone.
Then the gradient of a batch is the mean of those of its parts, each counted by its faces.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Drawn(NamedTuple):
    """A batch.

    Attributes
    ----------
    rows : (B,) int
        Of the faces among those trained on.
    inputs : tuple or NamedTuple of Tensor
        What the loss takes; the first axis of each is that of the faces.
    """

    rows: NDArray[np.int64]
    inputs: Sequence[Tensor]

    def part(self, place: int, count: int, device: torch.device) -> Any:
        """One of `count` parts of the inputs, as like each other as it goes: every so manieth face.

        Batches may be sorted by kinds of faces.
        """
        parts = (tensor[place::count].to(device) for tensor in self.inputs)
        make = getattr(self.inputs, "_make", tuple)
        return make(parts)


def shared_out(counts: Tensor) -> Tensor:
    """What a batch holds of something, shared out evenly over its faces: (B, ...) to (B,) float.

    A loss that divides by the sum over a part of the batch divides all parts alike, however much
    of it each of them holds. A batch that holds nothing counts as holding one.
    """
    each = counts.float().sum().clamp(min=1) / len(counts)
    return each.expand(len(counts)).clone()
