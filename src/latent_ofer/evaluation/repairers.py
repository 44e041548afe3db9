"""Ways to repair a hidden face, measured against each other (paper, Tables 2, 8 and 9)."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from latent_ofer.arrays import to_pixels, to_planes
from latent_ofer.datasets.archives import file_sha256
from latent_ofer.errors import StaleError, WeightsError
from latent_ofer.evaluation.repair import mean_fill
from latent_ofer.pipeline import LatentOFER
from latent_ofer.weights_folder import WEIGHTS, WeightsFolder

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Repair = Callable[[Pixels, Mask], Pixels]
Loaded = TypeVar("Loaded")

NONE = "none"
MEAN_FILL = "mean fill"
MAE = "MAE only"
CONVOLUTION = "3x3 convolution"
CSA = "CSA"
SHIPPED = "self-assembly (shipped)"
REPAIRERS = (NONE, MEAN_FILL, MAE, CONVOLUTION, CSA, SHIPPED)
"""In the order of the tables."""
LOSES_LESS = "loses the hidden pixels only, a repair every patch that they touch"
"""What must be known of `NONE` beside free-form holes."""


@dataclass(frozen=True)
class Repairer:
    """One way to repair.

    Attributes
    ----------
    name : str
        One of `REPAIRERS`.
    digest : str
        Changes whenever it may repair otherwise.
    repair : callable or None
        (B, 112, 112, 3) uint8 RGB and (B, 14, 14) bool, True = hidden, to repaired faces; None
        leaves them as they came, and whoever reads them takes no patch for a repaired one.
    """

    name: str
    digest: str
    repair: Repair | None

    def __call__(self, faces: Pixels, mask: Mask) -> tuple[Pixels, Mask]:
        """The repaired faces, and the patches (B, 14, 14) that are; visible ones stay."""
        if self.repair is None:
            return faces, np.zeros_like(mask)
        repaired, hidden = faces.copy(), mask.any(axis=(1, 2))
        if hidden.any():
            repaired[hidden] = self.repair(faces[hidden], mask[hidden])
        return repaired, mask


@dataclass(frozen=True)
class NotTrained:
    """A way to repair that cannot be measured here.

    Attributes
    ----------
    name : str
        One of `REPAIRERS`.
    note : str
        Why, and the command that mends it.
    """

    name: str
    note: str


def open_repairers(
    model: LatentOFER, weights: WeightsFolder, runs: Path, config: str
) -> list[Repairer | NotTrained]:
    """All of `REPAIRERS`, in that order.

    Parameters
    ----------
    model : LatentOFER
    weights : WeightsFolder
        The folder that the model was loaded from.
    runs, config
        Where the other repair networks were trained, and with which recipes.
    """
    return [
        Repairer(NONE, _digest(NONE), None),
        Repairer(MEAN_FILL, _digest(MEAN_FILL), mean_fill),
        opened(MAE, "mae", lambda: mae_repairer(weights)),
        opened(
            CONVOLUTION,
            "reconstructor_conv",
            lambda: variant_repairer(CONVOLUTION, runs, config),
        ),
        opened(CSA, "reconstructor_csa", lambda: variant_repairer(CSA, runs, config)),
        Repairer(SHIPPED, _digest(SHIPPED, _networks(weights)), model.reconstruct),
    ]


def trained(repairers: Sequence[Repairer | NotTrained]) -> list[Repairer]:
    """Those that can be measured."""
    return [one for one in repairers if isinstance(one, Repairer)]


def mae_repairer(weights: WeightsFolder) -> Repairer:
    """The coarse fill alone: what the shipped autoencoder gives to the repair network.

    Raises
    ------
    ImportError
        Without torch.
    """
    import torch

    from latent_ofer.backends.torch import load_networks

    mae = load_networks(weights).mae.eval()

    def repair(faces: Pixels, mask: Mask) -> Pixels:
        with torch.inference_mode():
            planes = torch.from_numpy(to_planes(faces))
            return to_pixels(mae.fill(planes, torch.from_numpy(mask).flatten(1)).numpy())

    return Repairer(MAE, _digest(MAE, _networks(weights)), repair)


def variant_repairer(name: str, runs: Path, config: str) -> Repairer:
    """A repair network with another layer in place of self-assembly (paper, Table 8).

    Parameters
    ----------
    name : str
        `CONVOLUTION` or `CSA`.

    Raises
    ------
    WeightsError
        If it has not been trained.
    StaleError
        If it was trained on another autoencoder than the one in `runs`.
    ImportError
        Without torch.
    """
    import torch

    from latent_ofer.reconstructor.train import StageName, load_reconstructor
    from latent_ofer.training.checkpoint import WEIGHTS as TRAINED

    stage: StageName = "reconstructor_conv" if name == CONVOLUTION else "reconstructor_csa"
    network = load_reconstructor(runs, config, stage)

    def repair(faces: Pixels, mask: Mask) -> Pixels:
        with torch.inference_mode():
            planes = network(torch.from_numpy(to_planes(faces)), torch.from_numpy(mask))
        return to_pixels(planes.numpy())

    digests = [file_sha256(runs / part / TRAINED) for part in (stage, "mae")]
    return Repairer(name, _digest(name, *digests), repair)


def opened(name: str, stage: str, load: Callable[[], Loaded]) -> Loaded | NotTrained:
    """What `load` gives; or, where it is not trained, why, and the command that mends it."""
    try:
        return load()
    except ImportError as error:
        note = f'needs {error.name}: pip install "latent-ofer[train]"'
    except StaleError:
        note = f"trained on other networks than those at hand: latent-ofer train {stage}"
    except WeightsError:
        note = f"not trained: latent-ofer train {stage}"
    return NotTrained(name, note)


def _networks(weights: WeightsFolder) -> str:
    return str(weights.manifest["files"][WEIGHTS]["sha256"])


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
