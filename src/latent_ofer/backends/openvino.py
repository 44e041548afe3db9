"""A faster engine for processors that compute in bfloat16: the exported graphs, by OpenVINO."""

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from latent_ofer.backends.graphs import GraphBackend, processors
from latent_ofer.backends.protocol import Floats
from latent_ofer.errors import WeightsError
from latent_ofer.telemetry import quiet_openvino
from latent_ofer.weights_folder import WeightsFolder

Precision = Literal["bf16", "f32"]
AT_ONCE: Final = 8
"""Faces that a thread takes through a network together; fewer take as long."""


class OpenVinoBackend(GraphBackend):
    """The four calls of `backends.protocol`, by OpenVINO.

    Parameters
    ----------
    folder : WeightsFolder
        Checked weights with the exported graphs.
    detector, recogniser : str
        Of those that the weights have.
    threads : int or None
        That share the faces of a call; by default, as many as there are processors for this
        process.
    precision : {"bf16", "f32"}
        Of all but the detector, which computes in 32 bits. In bfloat16 it is about one and a half
        times as fast as onnxruntime, and probabilities are other ones from the third digit on; in
        32 bits it is no faster.

    Raises
    ------
    WeightsError
        Naming a graph that is absent or that OpenVINO cannot load.
    ImportError
        If bfloat16 is wanted of a processor that does not compute in it.
    RuntimeError
        In the fork of a process that has used OpenVINO, as soon as it is used.
    """

    def __init__(
        self,
        folder: WeightsFolder,
        detector: str,
        recogniser: str,
        threads: int | None,
        precision: Precision = "bf16",
    ) -> None:
        if precision == "bf16" and not computes_in_bfloat16():
            raise ImportError(
                "this processor does not compute in bfloat16: take another backend, onnxruntime"
            )
        shared = threads or processors()

        def opened(name: str) -> OpenVinoGraph:
            # A threshold decides what is hidden, and rounding would put patches on its other side.
            decides = name.startswith("detector")
            return OpenVinoGraph(folder.file(name), shared, "f32" if decides else precision)

        super().__init__(opened, detector, recogniser)


class OpenVinoGraph:
    """A graph in OpenVINO.

    It always takes `AT_ONCE` faces, some of them perhaps repeated: so a face's answer is computed
    alike in any batch.
    """

    def __init__(self, path: Path, threads: int, precision: Precision) -> None:
        how = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
        }
        core = _core()
        try:
            model = core.read_model(str(path))
            model.reshape({port: [AT_ONCE, *port.partial_shape[1:]] for port in model.inputs})
            self._network = core.compile_model(model, "CPU", how)
        # OpenVINO's errors share no public base class below Exception.
        except Exception as error:
            reason = str(error).strip().partition("\n")[0]
            raise WeightsError(f"{path}: OpenVINO cannot load it ({reason})") from error
        self._threads = threads
        self.inputs = [port.any_name for port in self._network.inputs]
        self._outputs = [port.any_name for port in self._network.outputs]

    def run(self, feed: dict[str, NDArray[np.generic]]) -> dict[str, Floats]:
        """All outputs by name, for arrays by name, batch first; RuntimeError in a fork."""
        _core()
        faces = len(next(iter(feed.values())))
        parts = [
            {name: _filled(array[start : start + AT_ONCE]) for name, array in feed.items()}
            for start in range(0, faces, AT_ONCE)
        ]
        # No queue of OpenVINO's own: its callbacks and Python's lock can wait for each other.
        with ThreadPoolExecutor(min(self._threads, len(parts))) as pool:
            answers = list(pool.map(self._answer, parts))
        whole = [np.concatenate(outputs)[:faces] for outputs in zip(*answers, strict=True)]
        return dict(zip(self._outputs, whole, strict=True))

    def _answer(self, part: dict[str, NDArray[np.generic]]) -> list[Floats]:
        found = self._network.create_infer_request().infer(part)
        return [found[name] for name in self._outputs]


def computes_in_bfloat16() -> bool:
    """Whether this processor does."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _core() -> Any:
    """OpenVINO's core, where it is the one of this process: a fork would wait for its threads."""
    maker, core = _made_once()
    if maker != os.getpid():
        raise RuntimeError(
            "OpenVINO does not work in the fork of a process that has used it: start processes "
            "with 'spawn', or take another backend"
        )
    return core


@functools.cache
def _made_once() -> tuple[int, Any]:
    """The process, and its core for as long as it lives.

    A core gives the thread that makes it a stack for signals, and takes it back when it goes. Of
    several, a thread may be left with the stack of one that is gone: the next Ctrl-C would crash.
    """
    return os.getpid(), quiet_openvino().Core()


def _filled(part: NDArray[np.generic]) -> NDArray[np.generic]:
    """The last faces of a call, the first of them repeated to `AT_ONCE`."""
    return np.concatenate((part, np.repeat(part[:1], AT_ONCE - len(part), axis=0)))
