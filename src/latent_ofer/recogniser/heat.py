"""Where the plain CNN looks on clean faces, for the *Grad-CAM* protocol."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from latent_ofer.encoder.train import to_tensor
from latent_ofer.files import file_sha256
from latent_ofer.recogniser.baselines import load_baseline
from latent_ofer.recogniser.grad_cam import grad_cam
from latent_ofer.synthesis.jobs import HeatMaps
from latent_ofer.training.checkpoint import WEIGHTS

NETWORK: Final = "plain"


def plain_heat_maps(runs: Path, config: str) -> HeatMaps:
    """Grad-CAM of the plain CNN for its own prediction.

    Raises
    ------
    WeightsError, StaleError
        When the plain CNN is not trained; says how to.
    """
    model = load_baseline(NETWORK, runs, config).cnn

    def heat(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        with _one_thread():
            return grad_cam(model, to_tensor(faces)).numpy()

    return HeatMaps(heat, file_sha256(runs / NETWORK / WEIGHTS))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Several threads of torch add up in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
