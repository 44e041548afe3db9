"""Which engine runs the networks; each is imported only when it is chosen."""

from importlib.util import find_spec
from typing import Literal

from latent_ofer.backends.protocol import Backend
from latent_ofer.weights_folder import WeightsFolder

BackendName = Literal["auto", "onnxruntime", "torch"]


def open_backend(
    name: BackendName, weights: WeightsFolder, detector: str, recogniser: str, threads: int | None
) -> Backend:
    """Start an engine on checked weights.

    Parameters
    ----------
    name : {"auto", "onnxruntime", "torch"}
        "auto" takes onnxruntime where it is installed, else torch.
    weights : WeightsFolder
    detector, recogniser : str
        Of those that the weights have, see `WeightsFolder.detector` and `WeightsFolder.recogniser`.
    threads : int or None
        None leaves the choice to the engine.

    Raises
    ------
    ImportError
        If the engine is not installed; the message says what to install.
    WeightsError
        If the engine cannot load the weights.
    """
    if name == "onnxruntime" or (name == "auto" and find_spec("onnxruntime")):
        from latent_ofer.backends.onnx import OnnxBackend

        return OnnxBackend(weights, detector, recogniser, threads)
    if not find_spec("torch"):
        raise ImportError("torch is not installed: pip install 'latent-ofer[train]'")
    from latent_ofer.backends.torch import TorchBackend

    return TorchBackend.open(weights, detector, recogniser, threads)
