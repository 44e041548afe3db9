"""Where the plain CNN looks on clean faces, for the *Grad-CAM* protocol.

The maps are those that `latent-ofer synthesize --protocol grad-cam` hides patches by.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from latent_ofer.errors import WeightsError
from latent_ofer.evaluation.answers import Method
from latent_ofer.evaluation.conditions import Batch
from latent_ofer.synthesis.jobs import HeatMaps

NETWORK: Final = "plain"
HEAT: Final = "grad-cam"


def plain_heat_maps(runs: Path, config: str) -> HeatMaps:
    """Grad-CAM of the plain CNN for its own prediction.

    Raises
    ------
    WeightsError, StaleError
        When the plain CNN is not trained; says how to.
    ImportError
        Without torch.
    """
    import torch

    from latent_ofer.datasets.archives import file_sha256
    from latent_ofer.recogniser.attention_cnn import PlainCNN
    from latent_ofer.recogniser.baselines import load_baseline
    from latent_ofer.recogniser.grad_cam import grad_cam
    from latent_ofer.training.checkpoint import WEIGHTS

    model = load_baseline(NETWORK, runs, config)
    if not isinstance(model, PlainCNN):
        raise WeightsError(f"{runs / NETWORK}: not the plain CNN; its recipe names another network")

    def heat(faces: Any) -> Any:
        with _one_thread():
            shares = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
            return grad_cam(model, shares).numpy()

    return HeatMaps(heat, file_sha256(runs / NETWORK / WEIGHTS))


def heat_method(maps: HeatMaps) -> Method:
    """Answers with ``heat`` (n, 14, 14) float32 of clean faces."""

    def answer(batch: Batch) -> dict[str, Any]:
        # One face at a time: the last bits depend on the size of the batch.
        values = [maps.of(face[None])[0] for face in batch.clean]
        return {"heat": np.array(values, dtype=np.float32)}

    return Method(HEAT, maps.network, answer)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Several threads of torch add up in another order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
