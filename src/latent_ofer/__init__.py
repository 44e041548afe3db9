"""latent-ofer: read an apparent facial expression when part of the face is hidden.

The names below load on first use, so that importing the package is quick and brings in
neither onnxruntime nor torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

import latent_ofer.telemetry  # noqa: F401  # first of all: it switches off onnxruntime's

if TYPE_CHECKING:
    from latent_ofer.dataframe import to_dataframe
    from latent_ofer.errors import ImageError, LatentOFERError, WeightsError
    from latent_ofer.labels import EXPRESSIONS
    from latent_ofer.overlay import annotate
    from latent_ofer.pipeline import LatentOFER
    from latent_ofer.results import Cover, Expression, FaceResult, Occlusion

    __version__: str

_HOMES = {
    "Cover": "latent_ofer.results",
    "EXPRESSIONS": "latent_ofer.labels",
    "Expression": "latent_ofer.results",
    "FaceResult": "latent_ofer.results",
    "ImageError": "latent_ofer.errors",
    "LatentOFER": "latent_ofer.pipeline",
    "LatentOFERError": "latent_ofer.errors",
    "Occlusion": "latent_ofer.results",
    "WeightsError": "latent_ofer.errors",
    "annotate": "latent_ofer.overlay",
    "to_dataframe": "latent_ofer.dataframe",
}

__all__ = [
    "EXPRESSIONS",
    "Cover",
    "Expression",
    "FaceResult",
    "ImageError",
    "LatentOFER",
    "LatentOFERError",
    "Occlusion",
    "WeightsError",
    "__version__",
    "annotate",
    "to_dataframe",
]


def __getattr__(name: str) -> object:
    """Load a public name on its first use (PEP 562)."""
    value: object
    if name == "__version__":
        value = import_module("importlib.metadata").version("latent-ofer")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
