"""The second engine: the same networks in torch, with the same answers."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from latent_ofer.backends.networks import (
    Detect,
    DetectLabelled,
    DetectOneClass,
    DetectPaper,
    DetectSynthetic,
    Networks,
    Recognise,
    RecognisePaper,
    RecogniseViews,
)
from latent_ofer.backends.protocol import Floats, Mask, no_types
from latent_ofer.detector.place import PlaceNetwork
from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.svdd import LatentSVDD
from latent_ofer.detector.train_labelled import LabelledRecipe
from latent_ofer.detector.train_svdd import PaperRecipe
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import MaeRecipe
from latent_ofer.errors import WeightsError
from latent_ofer.recogniser.train import RecogniserRecipe
from latent_ofer.recogniser.train_cnn import CnnRecipe
from latent_ofer.reconstructor.train import ReconstructorRecipe
from latent_ofer.reconstructor.unet import Reconstructor
from latent_ofer.weights_folder import COVERS, WEIGHTS, WeightsFolder


class TorchBackend:
    """The four calls of `backends.protocol`, by torch.

    Parameters
    ----------
    graphs : mapping of str to Module
        As `Networks.graphs` names them; a call needs its own alone. Put in evaluation mode.
    detector, recogniser : str
        Those that `detect` and `recognise` ask.
    threads : int or None
        Threads of torch during a call; None leaves them as they are.
    """

    def __init__(
        self,
        graphs: Mapping[str, nn.Module],
        detector: str,
        recogniser: str = "views",
        threads: int | None = None,
    ) -> None:
        self._graphs = {name: graph.eval().requires_grad_(False) for name, graph in graphs.items()}
        self._detector = f"detector_{detector}"
        self._recogniser = f"recogniser_{recogniser}"
        self._threads = threads
        self._process = os.getpid()

    @classmethod
    def open(
        cls, folder: WeightsFolder, detector: str, recogniser: str, threads: int | None
    ) -> "TorchBackend":
        """Start on checked weights; the manifest's recipes say how the networks are built.

        Parameters
        ----------
        folder : WeightsFolder
        detector, recogniser : str
            Of those that the weights have.
        threads : int or None
            Threads of torch during a call; None leaves them as they are.

        Raises
        ------
        WeightsError
            When a tensor is missing or does not fit.
        """
        # The first values, which the weights replace, are not taken from the user's random numbers.
        with torch.random.fork_rng(devices=[]), _fresh_switches(threads):
            networks = load_networks(folder)
        return cls(networks.graphs(), detector, recogniser, threads)

    @property
    def detects_on_latents(self) -> bool:
        """Whether the chosen detector's network does."""
        return self._graphs[self._detector].reads == "latents"

    @property
    def recognises_on_latents(self) -> bool:
        """Whether the chosen recogniser's network does."""
        return "latents" in self._recogniser_reads

    @property
    def _recogniser_reads(self) -> tuple[str, ...]:
        network = self._graphs[self._recogniser]
        assert isinstance(network, Recognise)
        return network.reads

    def encode(self, faces: Floats) -> Floats:
        """Latents (B, 196, D) of faces (B, 3, S, S) in [0, 1]."""
        return self._run("encoder", faces)[0]

    def detect(self, faces: Floats, latents: Floats) -> tuple[Floats, Floats]:
        """Scores (B, 196), higher for patches more likely hidden, and types (B, T, 196)."""
        read = latents if self.detects_on_latents else faces
        scores, *types = self._run(self._detector, read)
        return scores, types[0] if types else no_types(scores)

    def reconstruct(self, faces: Floats, mask: Mask) -> Floats:
        """Repaired faces (B, 3, S, S) in [0, 1]; mask (B, 14, 14), visible pixels untouched."""
        return self._run("reconstructor", faces, mask)[0]

    def recognise(self, faces: Floats, latents: Floats, mask: Mask) -> tuple[Floats, Floats]:
        """Logits (B, 8) and attention (B, 14, 14)."""
        given = {"faces": faces, "latents": latents, "mask": mask}
        read = (given[name] for name in self._recogniser_reads)
        logits, attention = self._run(self._recogniser, *read)
        return logits, attention

    def _run(self, name: str, *arrays: NDArray[np.generic]) -> list[Floats]:
        inputs = [torch.from_numpy(np.ascontiguousarray(a)) for a in arrays]
        # After a fork, a team of threads that the parent had started would be waited for in vain.
        threads = self._threads if os.getpid() == self._process else 1
        with torch.inference_mode(), _fresh_switches(threads):
            outputs = self._graphs[name](*inputs)
        several = (outputs,) if isinstance(outputs, Tensor) else outputs
        return [tensor.numpy() for tensor in several]


@contextmanager
def _fresh_switches(threads: int | None) -> Iterator[None]:
    """Run as torch does in a fresh process, and leave the user's switches as they were."""
    found = torch.get_default_dtype(), torch.get_float32_matmul_precision()
    found_threads = torch.get_num_threads()
    try:
        torch.set_default_dtype(torch.float32)
        torch.set_float32_matmul_precision("highest")
        if threads is not None:
            torch.set_num_threads(threads)
        with torch.device("cpu"), torch.autocast("cpu", enabled=False):
            yield
    finally:
        torch.set_default_dtype(found[0])
        torch.set_float32_matmul_precision(found[1])
        if threads is not None:
            torch.set_num_threads(found_threads)


def load_networks(folder: WeightsFolder) -> Networks:
    """Build the networks that a weights folder describes and fill them.

    Raises
    ------
    WeightsError
        When a tensor is missing, of another shape, or not a number, or a detector is unknown.
    """
    return built_networks(folder.file(WEIGHTS), folder.manifest)


def built_networks(path: Path, manifest: dict[str, Any]) -> Networks:
    """`load_networks` from a file of weights and what its manifest says."""
    try:
        networks = _built(path, manifest)
        tensors = load_file(path)
        networks.load(tensors)
    except WeightsError:
        raise
    except Exception as error:
        raise WeightsError(f"{path}: does not fit this version's networks ({error}).") from error
    broken = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if broken:
        raise WeightsError(f"{path}: '{broken[0]}' holds values that are not numbers.")
    return networks


def _built(path: Path, manifest: dict[str, Any]) -> Networks:
    recipes = manifest["recipes"]
    mae = MaeRecipe(**recipes["mae"]).build()
    return Networks(
        mae=mae,
        detectors={
            name: _detector(name, mae, recipes, path, COVERS in manifest)
            for name in manifest["thresholds"]
        },
        reconstructor=Reconstructor(mae, ReconstructorRecipe(**recipes["reconstructor"]).build()),
        recognisers={
            name: _recogniser(name, mae, recipes, path) for name in manifest["recognisers"]
        },
    )


def _detector(
    name: str, mae: MaskedAutoencoder, recipes: dict[str, Any], path: Path, types: bool
) -> Detect:
    if name == "labelled":
        return DetectLabelled(LabelledRecipe(**recipes["detector_labelled"]).build(), types)
    if name == "paper":
        paper = PaperRecipe(**recipes["detector_paper"])
        return DetectPaper(LatentSVDD(mae.dim, paper.kept, mae.grid))
    # Of recipes before the paper's detector had one of its own, when its keys stood among these.
    others = {k: v for k, v in recipes["detector"].items() if not k.startswith("svdd_")}
    recipe = DetectorRecipe(**others)
    if name == "synthetic":
        return DetectSynthetic(RegionDetector(recipe.width))
    if name == "one-class":
        place = PlaceNetwork(recipe.place_width, mae.grid)
        return DetectOneClass(mae, recipe.one_class(place, mae.dim, mae.grid))
    raise WeightsError(f"{path}: this version knows no detector {name!r}")


def _recogniser(
    name: str, mae: MaskedAutoencoder, recipes: dict[str, Any], path: Path
) -> Recognise:
    if name == "views":
        return RecogniseViews(CnnRecipe(**recipes["recogniser"]).build())
    if name == "paper":
        return RecognisePaper(RecogniserRecipe(**recipes["recogniser_paper"]).build(mae.dim))
    raise WeightsError(f"{path}: this version knows no recogniser {name!r}")
