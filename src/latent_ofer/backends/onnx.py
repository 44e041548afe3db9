"""The default engine: the exported graphs, run by onnxruntime on the processor."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.backends.graphs import GraphBackend, processors
from latent_ofer.backends.protocol import Floats
from latent_ofer.errors import WeightsError
from latent_ofer.telemetry import quiet_onnxruntime
from latent_ofer.weights_folder import WeightsFolder

ort: Final = quiet_onnxruntime()
_FATAL_ONLY = 4
AT_ONCE: Final = 4
"""Faces that a thread takes through a network together: what they need stays in its cache."""


class OnnxBackend(GraphBackend):
    """The four calls of `backends.protocol`, by onnxruntime.

    Parameters
    ----------
    folder : WeightsFolder
        Checked weights with the exported graphs.
    detector, recogniser : str
        Of those that the weights have.
    threads : int or None
        That share the faces of a call, each with some of its own; by default, as many as there
        are processors for this process.

    Raises
    ------
    WeightsError
        Naming a graph that is absent or that onnxruntime cannot load.
    """

    def __init__(
        self, folder: WeightsFolder, detector: str, recogniser: str, threads: int | None
    ) -> None:
        self.threads = threads or processors()
        super().__init__(
            lambda name: OnnxGraph(folder.file(name), self.threads), detector, recogniser
        )


class OnnxGraph:
    """A graph in onnxruntime; each thread takes some faces of its own."""

    def __init__(self, path: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.log_severity_level = _FATAL_ONLY
        options.intra_op_num_threads = 1
        try:
            self._session = ort.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        # onnxruntime's errors share no public base class below Exception.
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise WeightsError(f"{path}: onnxruntime cannot load it ({reason})") from error
        self._threads = threads
        self.inputs = [node.name for node in self._session.get_inputs()]
        self._outputs = [node.name for node in self._session.get_outputs()]

    def run(self, feed: dict[str, NDArray[np.generic]]) -> dict[str, Floats]:
        """All outputs by name, for arrays by name, batch first."""
        faces = len(next(iter(feed.values())))
        size = min(AT_ONCE, max(2, -(-faces // self._threads)))
        parts = [
            {name: array[start : start + size] for name, array in feed.items()}
            for start in range(0, faces, size)
        ]
        if min(self._threads, len(parts)) == 1:
            answers = [self._answer(part) for part in parts]
        else:
            # Made anew each time, for a process that forks takes no threads along.
            with ThreadPoolExecutor(min(self._threads, len(parts))) as pool:
                answers = list(pool.map(self._answer, parts))
        whole = [np.concatenate(outputs) for outputs in zip(*answers, strict=True)]
        return dict(zip(self._outputs, whole, strict=True))

    def _answer(self, feed: dict[str, Any]) -> list[Floats]:
        if any(len(array) == 1 for array in feed.values()):
            # Of one face alone its kernels round otherwise, in the seventh digit: where a run was
            # cut short, and so how its faces fall into batches, must not be seen in its rows.
            feed = {name: np.repeat(array, 2, axis=0) for name, array in feed.items()}
            return [both[:1] for both in self._session.run(self._outputs, feed)]
        results: list[Floats] = self._session.run(self._outputs, feed)
        return results
