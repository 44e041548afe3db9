"""Where the plain CNN looks on clean faces: computed once for a set, for the *Grad-CAM* protocol.

The maps are those that `latent-ofer synthesize --protocol grad-cam` hides patches by.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.pool import resized
from latent_ofer.errors import WeightsError
from latent_ofer.evaluation.chosen_faces import ChosenFaces
from latent_ofer.files import whole_file
from latent_ofer.occlusion.patches import GRID
from latent_ofer.progress import track
from latent_ofer.synthesis.jobs import HeatMaps

NETWORK: Final = "plain"


@dataclass(frozen=True, eq=False)
class Heat:
    """Heat of each chosen face.

    Attributes
    ----------
    maps : HeatMaps
        What it was made by.
    values : (n, 14, 14) float32
    """

    maps: HeatMaps
    values: NDArray[np.float32]


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


def heat_of(faces: ChosenFaces, maps: HeatMaps, folder: Path) -> Heat:
    """Heat of each clean face, kept in a folder under what decides it.

    Parameters
    ----------
    faces : ChosenFaces
    maps : HeatMaps
    folder : Path
        Made where it is missing.

    Raises
    ------
    OSError
        If the maps cannot be kept.
    """
    parts = [maps.network, faces.digest, *faces.ids]
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    path = folder / f"heat-{name[:16]}.npy"
    if path.exists():
        return Heat(maps, np.load(path))
    values = np.empty((len(faces), GRID, GRID), dtype=np.float32)
    for row in track(range(len(faces)), len(faces), "where the plain CNN looks"):
        # One face at a time: the last bits depend on the size of the batch.
        values[row] = maps.of(resized(faces.pool.native(row).image)[None])[0]
    with whole_file(path) as partial:
        np.save(partial, values)
    return Heat(maps, values)
