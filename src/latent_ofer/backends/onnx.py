"""The default engine: the exported graphs, run by onnxruntime on the processor."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.backends.protocol import Floats, Mask, no_types
from latent_ofer.errors import WeightsError
from latent_ofer.telemetry import quiet_onnxruntime
from latent_ofer.weights_folder import WeightsFolder

ort: Final = quiet_onnxruntime()
_FATAL_ONLY = 4


class OnnxBackend:
    """The four calls of `backends.protocol`, by onnxruntime.

    Parameters
    ----------
    folder : WeightsFolder
        Checked weights with the exported graphs.
    detector, recogniser : str
        Of those that the weights have.
    threads : int or None
        Threads within one call; None leaves the choice to onnxruntime.

    Raises
    ------
    WeightsError
        Naming a graph that is absent or that onnxruntime cannot load.
    """

    def __init__(
        self, folder: WeightsFolder, detector: str, recogniser: str, threads: int | None
    ) -> None:
        self._encoder = _session(folder, "encoder.onnx", threads)
        self._detector = _session(folder, f"detector_{detector}.onnx", threads)
        self._reconstructor = _session(folder, "reconstructor.onnx", threads)
        self._recogniser = _session(folder, f"recogniser_{recogniser}.onnx", threads)

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
        return _run(self._encoder, ["latents"], faces=faces)[0]

    def detect(self, faces: Floats, latents: Floats) -> tuple[Floats, Floats]:
        """Scores (B, 196), higher for patches more likely hidden, and types (B, T, 196)."""
        outputs = [node.name for node in self._detector.get_outputs()]
        scores, *types = _run(self._detector, outputs, faces=faces, latents=latents)
        return scores, types[0] if types else no_types(scores)

    def reconstruct(self, faces: Floats, mask: Mask) -> Floats:
        """Repaired faces (B, 3, S, S) in [0, 1]; mask (B, 14, 14), visible pixels untouched."""
        return _run(self._reconstructor, ["repaired"], faces=faces, mask=mask)[0]

    def recognise(self, faces: Floats, latents: Floats, mask: Mask) -> tuple[Floats, Floats]:
        """Logits (B, 8) and attention (B, 14, 14)."""
        outputs = ["logits", "attention"]
        logits, attention = _run(self._recogniser, outputs, faces=faces, latents=latents, mask=mask)
        return logits, attention


def _reads_latents(session: Any) -> bool:
    return any(node.name == "latents" for node in session.get_inputs())


def _session(folder: WeightsFolder, name: str, threads: int | None) -> Any:
    path = folder.file(name)
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # onnxruntime's errors share no public base class below Exception.
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{path}: onnxruntime cannot load it ({reason})") from error


def _run(session: Any, outputs: list[str], **arrays: NDArray[np.generic]) -> list[Floats]:
    # A graph declares only what its network reads: a detector may need one of the two inputs.
    wanted = {node.name for node in session.get_inputs()}
    feed = {name: np.ascontiguousarray(a) for name, a in arrays.items() if name in wanted}
    results: list[Floats] = session.run(outputs, feed)
    return results
