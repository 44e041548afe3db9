"""The default engine: the exported graphs, run by onnxruntime on the processor."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.backends.protocol import Floats, Mask, no_types
from latent_ofer.errors import WeightsError
from latent_ofer.telemetry import quiet_onnxruntime
from latent_ofer.weights_folder import WeightsFolder

ort: Final = quiet_onnxruntime()
_FATAL_ONLY = 4
AT_ONCE: Final = 4
"""Faces that a thread takes through a network together: what they need stays in its cache."""


class OnnxBackend:
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
        self._threads = threads or processors()
        self._encoder = _session(folder, "encoder.onnx")
        self._detector = _session(folder, f"detector_{detector}.onnx")
        self._reconstructor = _session(folder, "reconstructor.onnx")
        self._recogniser = _session(folder, f"recogniser_{recogniser}.onnx")

    @property
    def detects_on_latents(self) -> bool:
        """Whether the chosen detector's graph declares latents as an input."""
        return _reads_latents(self._detector)

    @property
    def recognises_on_latents(self) -> bool:
        """Whether the chosen recogniser's graph declares latents as an input."""
        return _reads_latents(self._recogniser)

    def encode(self, faces: Floats) -> Floats:
        """Latents (B, 196, D) of faces (B, 3, S, S) in [0, 1]."""
        return self._run(self._encoder, ["latents"], faces=faces)[0]

    def detect(self, faces: Floats, latents: Floats) -> tuple[Floats, Floats]:
        """Scores (B, 196), higher for patches more likely hidden, and types (B, T, 196)."""
        outputs = [node.name for node in self._detector.get_outputs()]
        scores, *types = self._run(self._detector, outputs, faces=faces, latents=latents)
        return scores, types[0] if types else no_types(scores)

    def reconstruct(self, faces: Floats, mask: Mask) -> Floats:
        """Repaired faces (B, 3, S, S) in [0, 1]; mask (B, 14, 14), visible pixels untouched."""
        return self._run(self._reconstructor, ["repaired"], faces=faces, mask=mask)[0]

    def recognise(self, faces: Floats, latents: Floats, mask: Mask) -> tuple[Floats, Floats]:
        """Logits (B, 8) and attention (B, 14, 14)."""
        outputs = ["logits", "attention"]
        arrays = {"faces": faces, "latents": latents, "mask": mask}
        logits, attention = self._run(self._recogniser, outputs, **arrays)
        return logits, attention

    def _run(self, session: Any, outputs: list[str], **arrays: NDArray[np.generic]) -> list[Floats]:
        # A graph declares only what its network reads: a detector may need one of the two inputs.
        wanted = {node.name for node in session.get_inputs()}
        feed = {name: np.ascontiguousarray(a) for name, a in arrays.items() if name in wanted}
        faces = len(next(iter(feed.values())))
        size = min(AT_ONCE, max(2, -(-faces // self._threads)))
        parts = [
            {name: array[start : start + size] for name, array in feed.items()}
            for start in range(0, faces, size)
        ]
        if min(self._threads, len(parts)) == 1:
            return _joined([_answer(session, outputs, part) for part in parts])
        # Made anew each time, for a process that forks takes no threads along.
        with ThreadPoolExecutor(min(self._threads, len(parts))) as pool:
            return _joined(list(pool.map(lambda part: _answer(session, outputs, part), parts)))


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _reads_latents(session: Any) -> bool:
    return any(node.name == "latents" for node in session.get_inputs())


def _session(folder: WeightsFolder, name: str) -> Any:
    path = folder.file(name)
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    options.intra_op_num_threads = 1
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # onnxruntime's errors share no public base class below Exception.
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{path}: onnxruntime cannot load it ({reason})") from error


def _answer(session: Any, outputs: list[str], feed: dict[str, NDArray[np.generic]]) -> list[Floats]:
    if any(len(array) == 1 for array in feed.values()):
        # Of one face alone its kernels round otherwise, in the seventh digit: where a run was
        # cut short, and so how its faces fall into batches, must not be seen in its rows.
        feed = {name: np.repeat(array, 2, axis=0) for name, array in feed.items()}
        return [both[:1] for both in session.run(outputs, feed)]
    results: list[Floats] = session.run(outputs, feed)
    return results


def _joined(parts: list[list[Floats]]) -> list[Floats]:
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]
