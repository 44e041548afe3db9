"""Which engine runs the networks; each is imported only when it is chosen."""

from importlib.util import find_spec
from typing import Final, Literal

from latent_ofer.backends.protocol import Backend
from latent_ofer.weights_folder import WeightsFolder

BackendName = Literal["auto", "onnxruntime", "openvino-bf16", "torch"]

COARSE: Final = frozenset({"openvino-bf16"})
"""Engines that round to so few digits that what was answered by another is none of theirs."""


def open_backend(
    name: BackendName, weights: WeightsFolder, detector: str, recogniser: str, threads: int | None
) -> Backend:
    """Start an engine on checked weights.

    Parameters
    ----------
    name : {"auto", "onnxruntime", "openvino-bf16", "torch"}
        "auto" takes onnxruntime where it is installed, else torch.
    weights : WeightsFolder
    detector, recogniser : str
        Of those that the weights have, see `WeightsFolder.detector` and `WeightsFolder.recogniser`.
    threads : int or None
        None leaves the choice to the engine.

    Raises
    ------
    ImportError
        If the engine is not installed, the message says what to install; or if it cannot compute
        in bfloat16 here.
    WeightsError
        If the engine cannot load the weights.
    """
    if name == "onnxruntime" or (name == "auto" and find_spec("onnxruntime")):
        from latent_ofer.backends.onnx import OnnxBackend

        return OnnxBackend(weights, detector, recogniser, threads)
    if name == "openvino-bf16":
        if not find_spec("openvino"):
            raise ImportError("OpenVINO is not installed: pip install 'latent-ofer[openvino]'")
        from latent_ofer.backends.openvino import OpenVinoBackend

        return OpenVinoBackend(weights, detector, recogniser, threads)
    if not find_spec("torch"):
        raise ImportError("torch is not installed: pip install 'latent-ofer[train]'")
    from latent_ofer.backends.torch import TorchBackend

    return TorchBackend.open(weights, detector, recogniser, threads)
