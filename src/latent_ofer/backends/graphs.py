"""The four calls on exported graphs, whatever runs them."""

import os
from collections.abc import Callable, Collection
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from latent_ofer.backends.protocol import Floats, Mask, no_types


class Graph(Protocol):
    """One network, ready to run."""

    @property
    def inputs(self) -> Collection[str]:
        """Names of the arrays that it reads."""
        ...

    def run(self, feed: dict[str, NDArray[np.generic]]) -> dict[str, Floats]:
        """All outputs by name, for arrays by name, batch first."""
        ...


class GraphBackend:
    """The four calls of `backends.protocol`.

    Parameters
    ----------
    open_graph : callable
        Makes a `Graph` of a file's name.
    detector, recogniser : str
        Of those that the weights have.
    """

    def __init__(self, open_graph: Callable[[str], Graph], detector: str, recogniser: str) -> None:
        self._encoder = open_graph("encoder.onnx")
        self._detector = open_graph(f"detector_{detector}.onnx")
        self._reconstructor = open_graph("reconstructor.onnx")
        self._recogniser = open_graph(f"recogniser_{recogniser}.onnx")

    @property
    def detects_on_latents(self) -> bool:
        """Whether the chosen detector's graph declares latents as an input."""
        return "latents" in self._detector.inputs

    @property
    def recognises_on_latents(self) -> bool:
        """Whether the chosen recogniser's graph declares latents as an input."""
        return "latents" in self._recogniser.inputs

    def encode(self, faces: Floats) -> Floats:
        """Latents (B, 196, D) of faces (B, 3, S, S) in [0, 1]."""
        return _run(self._encoder, faces=faces)["latents"]

    def detect(self, faces: Floats, latents: Floats) -> tuple[Floats, Floats]:
        """Scores (B, 196), higher for patches more likely hidden, and types (B, T, 196)."""
        found = _run(self._detector, faces=faces, latents=latents)
        return found["scores"], found.get("types", no_types(found["scores"]))

    def reconstruct(self, faces: Floats, mask: Mask) -> Floats:
        """Repaired faces (B, 3, S, S) in [0, 1]; mask (B, 14, 14), visible pixels untouched."""
        return _run(self._reconstructor, faces=faces, mask=mask)["repaired"]

    def recognise(self, faces: Floats, latents: Floats, mask: Mask) -> tuple[Floats, Floats]:
        """Logits (B, 8) and attention (B, 14, 14)."""
        read = _run(self._recogniser, faces=faces, latents=latents, mask=mask)
        return read["logits"], read["attention"]


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run(graph: Graph, **arrays: NDArray[np.generic]) -> dict[str, Floats]:
    # A graph declares only what its network reads: a detector may need one of the two inputs.
    return graph.run({name: np.ascontiguousarray(arrays[name]) for name in graph.inputs})
