"""What a stage hands to the training loop."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from latent_ofer.training.batch import Drawn

Figures = Mapping[str, float]


@dataclass
class Job:
    """A network, what it learns from, and how.

    Attributes
    ----------
    run : Path
        Folder of checkpoints and log.
    model : nn.Module
        All that is trained, and nothing else.
    batches : callable
        ``batches(epoch, rng)`` yields the batches of an epoch. A second thread runs it: it draws
        from `rng` and generators of its own alone.
    steps_per_epoch : int
        How many of them.
    loss : callable
        ``loss(model, inputs)`` gives the loss and figures to log, of a batch or a part of it:
        means over its faces (see `training.batch`). Only here may torch's own generator be drawn
        from, as dropout does.
    dev : callable
        ``dev(model)`` gives figures on dev faces, of the averaged weights.
    identity : str
        Changes when data, recipe or parents do; a resumed run must have the same.
    key_of : callable
        Source and name of the face in a row.
    """

    run: Path
    model: nn.Module
    batches: Callable[[int, np.random.Generator], Iterable[Drawn]]
    steps_per_epoch: int
    loss: Callable[[nn.Module, Any], tuple[Tensor, Figures]]
    dev: Callable[[nn.Module], Figures]
    identity: str
    key_of: Callable[[int], tuple[str, str]]
