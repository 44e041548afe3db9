"""`latent-ofer predict --camera`: what cannot be read twice is never overwritten by the way."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latent_ofer.images.camera import Camera
    from latent_ofer.images.video import Choice
    from latent_ofer.predict.results_folder import ResultsFolder


def camera_for(
    device: str,
    choice: "Choice",
    seconds: float | None,
    results: "ResultsFolder",
    named: list[Path],
    restart: bool,
) -> "Camera":
    """The camera of a run. Raises ValueError where something stands in its way, or DataError."""
    from latent_ofer.images.camera import Camera

    if named:
        raise ValueError("--camera reads that camera alone: leave paths and lists out")
    if results.table.exists() and not results.journal.exists() and not restart:
        raise ValueError(
            f"{results.table}: exists, and what a camera saw cannot be read again; name another "
            "place, or give --restart to overwrite it"
        )
    return Camera(device, choice, seconds)
