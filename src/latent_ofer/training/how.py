"""How a training is run: from where, on what, in how many pieces."""

from dataclasses import dataclass
from typing import Literal

import torch

from latent_ofer.errors import TrainingError

Resume = bool | Literal["if same"]
"""Go on from the last checkpoint: of another job it is an error, or with "if same" ignored."""


@dataclass(frozen=True)
class How:
    """What a recipe does not say, since the weights are to be the same.

    Attributes
    ----------
    resume : bool or "if same"
        Go on from the last checkpoint.
    device : torch.device
        Where networks are trained, and those that a loss asks run. What is fitted or measured
        when a training has ended is computed on the processor.
    slices : int
        Into which each process cuts its part of a batch, to need less memory: their gradients
        are added up.
    quiet : bool
        No bar on the terminal.
    """

    resume: Resume = False
    device: torch.device = torch.device("cpu")
    slices: int = 1
    quiet: bool = False


def device_named(name: str) -> torch.device:
    """What ``--device`` names: ``cpu``, ``cuda``, or ``cuda:N``.

    Raises
    ------
    TrainingError
        When it is none of them, or this torch sees no such GPU.
    """
    kind, _, number = name.partition(":")
    if name != "cpu" and (kind != "cuda" or not (number or "0").isdecimal() or name[-1] == ":"):
        raise TrainingError(f"--device {name}: give cpu, cuda, or cuda:N.")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise TrainingError(
            f"--device {name}: torch {torch.__version__} sees {torch.cuda.device_count()} CUDA "
            "GPUs. Check the driver (nvidia-smi) and that torch is a build with CUDA, or train "
            "with --device cpu."
        )
    return torch.device(name)
