"""Ways to repair a hidden face, measured against each other (paper, Tables 2, 8 and 9)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from quality import mean_fill, quality

from latent_ofer.arrays import Pixels, to_pixels, to_planes
from latent_ofer.evaluation.answers import Arrays, Method, digest_of, opened
from latent_ofer.evaluation.conditions import Batch, Mask
from latent_ofer.evaluation.recognisers import baseline
from latent_ofer.files import file_sha256
from latent_ofer.occlusion.exact import luma
from latent_ofer.pipeline import LatentOFER
from latent_ofer.weights_folder import WEIGHTS, WeightsFolder

Repair = Callable[[Pixels, Mask], Pixels]
"""(B, 112, 112, 3) uint8 RGB and (B, 14, 14) bool, True = hidden -> repaired faces."""
Read = Callable[[Pixels, Mask], NDArray[Any]]
"""Faces (B, 112, 112, 3) and repaired patches (B, 14, 14) -> probabilities (B, ..., 8)."""

CLEAN = "clean face"
"""What stands beside the repairers: the faces with nothing hidden."""
NONE = "none"
MEAN_FILL = "mean fill"
MAE = "MAE only"
CONVOLUTION = "3x3 convolution"
CSA = "CSA"
SHIPPED = "self-assembly (shipped)"
REPAIRERS = (NONE, MEAN_FILL, MAE, CONVOLUTION, CSA, SHIPPED)
"""In the order of the tables."""
VARIANTS = {CONVOLUTION: "reconstructor_conv", CSA: "reconstructor_csa"}
RECOGNISER = "recogniser"
JUDGE = "judge"


@dataclass(frozen=True)
class Way:
    """A way to repair, or to read repaired faces.

    Attributes
    ----------
    name, digest : str
    call : callable or None
        `Repair` or `Read`. A repair that is None leaves faces as they came, and whoever reads
        them takes no patch for a repaired one.
    note : str
        Why it cannot take part, and the command that mends it; empty where it can.
    """

    name: str
    digest: str = ""
    call: Callable[[Pixels, Mask], NDArray[Any]] | None = None
    note: str = ""


@dataclass(frozen=True)
class Repairs:
    """All that the tables of repairs measure with.

    Attributes
    ----------
    repairers : sequence of Way
        In the order of the tables; some may not be trained.
    readers : mapping of str to Way
        `RECOGNISER`, the shipped one; `JUDGE`; some may not be trained.
    detector : str
        Of the family that finds objects.
    finder : Method
        Answers with ``mask`` (n, 14, 14).
    """

    repairers: Sequence[Way]
    readers: Mapping[str, Way]
    detector: str
    finder: Method

    @property
    def trained(self) -> list[Way]:
        """The repairers that can be measured."""
        return [one for one in self.repairers if not one.note]

    def reading(self, names: Sequence[str]) -> list[Way]:
        """Those of some readers that can be asked."""
        return [self.readers[name] for name in names if not self.readers[name].note]


def repair_method(way: Way, readers: Sequence[Way], found: Mapping[str, Mask] | None) -> Method:
    """How near a repair comes to the truth, and what readers see in it.

    Answers with ``psnr``, ``psnr_hole``, ``ssim``, ``ssim_hole`` (n,), and ``read <reader>``
    (n, ..., 8).

    Parameters
    ----------
    way : Way
    readers : sequence of Way
    found : mapping of str to (14, 14) bool, optional
        What the detector found on each face, by its id; the true mask is given where it is None.
    """

    def answer(batch: Batch) -> Arrays:
        mask = batch.hole if found is None else np.stack([found[face] for face in batch.ids])
        repaired, patches = repaired_by(way, batch.shown, mask)
        return {
            **vars(quality(repaired, batch.clean, batch.hole)),
            **_read(readers, repaired, patches),
        }

    return Method(way.name, _digests(way, *readers), answer)


def clean_method(readers: Sequence[Way]) -> Method:
    """What readers see in the clean faces: ``read <reader>`` (n, ..., 8)."""

    def answer(batch: Batch) -> Arrays:
        return _read(readers, batch.clean, np.zeros_like(batch.hole))

    return Method(CLEAN, _digests(*readers), answer)


def repaired_by(way: Way, faces: Pixels, mask: Mask) -> tuple[Pixels, Mask]:
    """The repaired faces, and the patches (B, 14, 14) that are; visible ones stay."""
    if way.call is None:
        return faces, np.zeros_like(mask)
    repaired, hidden = faces.copy(), mask.any(axis=(1, 2))
    if hidden.any():
        repaired[hidden] = way.call(faces[hidden], mask[hidden])
    return repaired, mask


def _read(readers: Sequence[Way], faces: Pixels, patches: Mask) -> Arrays:
    calls = {f"read {one.name}": one.call for one in readers}
    return {name: np.asarray(call(faces, patches)) for name, call in calls.items() if call}


def _digests(*ways: Way) -> str:
    return digest_of(*(f"{one.name} {one.digest}" for one in ways))


def trained(
    name: str,
    stage: str,
    load: Callable[[], tuple[str, Repair | Read]],
    train: str = "latent-ofer train",
) -> Way:
    """What `load` gives, digest and call; or why it cannot, and the command that mends it."""
    ways: list[Way] = []

    def loaded() -> Method:
        ways.append(Way(name, *load()))
        return Method(name)

    note = opened(name, stage, loaded, train).note
    return ways[0] if ways else Way(name, note=note)


def open_repairs(
    model: LatentOFER,
    weights: WeightsFolder,
    detector: str,
    recogniser: str,
    runs: Path,
    config: str,
    repairers: Sequence[str] = REPAIRERS,
    readers: Sequence[str] = (RECOGNISER, JUDGE),
) -> Repairs:
    """Load the shipped networks, and of the others those that are trained.

    Parameters
    ----------
    model : LatentOFER
    weights : WeightsFolder
        The folder that the model was loaded from.
    detector, recogniser : str
        Those of the model, as the folder names them.
    runs, config
        Where the other repair networks and the judge were trained, and with which recipes.
    repairers, readers : sequence of str
        Which of them.
    """
    networks = str(weights.manifest["files"][WEIGHTS]["sha256"])
    manifest = file_sha256(weights.path / "manifest.json")

    def masks(batch: Batch) -> Arrays:
        return {"mask": np.stack([one.mask for one in model.detect(batch.shown)])}

    # One of several views would not look at the repaired patches: it gets the face without a
    # mask, as its view "repaired" does; one that reads the repaired face alone is told.
    told = weights.recognisers[recogniser] is None

    def read(faces: Pixels, repaired: Mask) -> NDArray[np.float64]:
        found = model.recognise(faces, repaired if told else None)
        return np.array([list(expression.probabilities.values()) for expression in found])

    ways: dict[str, Callable[[], Way]] = {
        NONE: lambda: Way(NONE, NONE),
        MEAN_FILL: lambda: Way(MEAN_FILL, MEAN_FILL, mean_fill),
        MAE: lambda: trained(MAE, "mae", lambda: (networks, coarse_fill(weights))),
        SHIPPED: lambda: Way(SHIPPED, networks, model.reconstruct),
        RECOGNISER: lambda: Way(RECOGNISER, f"{recogniser} {manifest}", read),
        JUDGE: lambda: trained(JUDGE, JUDGE, lambda: judge(runs, config)),
    }
    for name, stage in VARIANTS.items():
        load = partial(variant, stage, runs, config)
        ways[name] = partial(trained, name, stage, load)
    return Repairs(
        [ways[name]() for name in repairers],
        {name: ways[name]() for name in readers},
        detector,
        Method(f"found by {detector}", manifest, masks),
    )


def coarse_fill(weights: WeightsFolder) -> Repair:
    """What the shipped autoencoder gives to the repair network; needs torch."""
    import torch

    from latent_ofer.backends.torch import load_networks

    mae = load_networks(weights).mae.eval()

    def repair(faces: Pixels, mask: Mask) -> Pixels:
        with torch.inference_mode():
            planes = torch.from_numpy(to_planes(faces))
            return to_pixels(mae.fill(planes, torch.from_numpy(mask).flatten(1)).numpy())

    return repair


def variant(stage: Any, runs: Path, config: str) -> tuple[str, Repair]:
    """A repair network with another layer in place of self-assembly (paper, Table 8).

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

    from latent_ofer.reconstructor.train import load_reconstructor
    from latent_ofer.training.checkpoint import WEIGHTS as TRAINED

    network = load_reconstructor(runs, config, stage)

    def repair(faces: Pixels, mask: Mask) -> Pixels:
        with torch.inference_mode():
            planes = network(torch.from_numpy(to_planes(faces)), torch.from_numpy(mask))
        return to_pixels(planes.numpy())

    return digest_of(*(file_sha256(runs / part / TRAINED) for part in (stage, "mae"))), repair


def judge(runs: Path, config: str) -> tuple[str, Read]:
    """The recogniser that only measures (protocols, *Repair test*).

    It was trained on grey faces: it sees the luma of those in colour, and no mask.

    Raises
    ------
    WeightsError, StaleError
        If it is not trained, or on other networks.
    ImportError
        Without torch.
    """
    digest, function = baseline("judge", runs, config)

    def read(faces: Pixels, repaired: Mask) -> NDArray[np.float64]:
        del repaired
        return function(np.rint(luma(faces.astype(np.float32))).astype(np.uint8))

    return digest, read
