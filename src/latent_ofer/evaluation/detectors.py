"""The detectors that are measured: those of the weights, and any that a benchmark adds."""

from dataclasses import dataclass

import numpy as np

from latent_ofer.backends.choose import COARSE, BackendName, open_backend
from latent_ofer.evaluation.answers import Arrays, Method, digest_of
from latent_ofer.evaluation.bench import TRUTH, Bench
from latent_ofer.evaluation.conditions import Batch, condition
from latent_ofer.evaluation.detection_figures import Scored
from latent_ofer.files import file_sha256
from latent_ofer.pipeline import LatentOFER
from latent_ofer.weights_folder import Thresholds, WeightsFolder

AT_ONCE = 256


@dataclass(frozen=True)
class Detector:
    """One detector; several may share a method.

    Attributes
    ----------
    name : str
        Of its scores (n, 196) among the method's answers.
    method : Method
    thresholds : Thresholds or None
        None where it cannot take part.
    """

    name: str
    method: Method
    thresholds: Thresholds | None = None

    def scored(self, bench: Bench) -> Scored:
        """Both copies of the faces of a bench, clean and behind objects."""
        assert self.thresholds is not None
        clean, objects = (condition(name, bench.seed) for name in ("clean", "objects"))
        return Scored.against(
            bench.read(self.method, clean)[self.name],
            bench.read(self.method, objects)[self.name],
            bench.read(TRUTH, objects),
            self.thresholds,
        )


def shipped_detector(
    name: str, folder: WeightsFolder, backend: BackendName, threads: int | None
) -> Detector:
    """One of the detectors of a folder of weights."""
    engine = open_backend(backend, folder, name, folder.default_recogniser, threads)
    model = LatentOFER(engine, folder.thresholds[name], folder.image_size)

    def answer(batch: Batch) -> Arrays:
        return {name: np.stack([one.scores.ravel() for one in model.detect(batch.shown)])}

    # The manifest holds the hash of every file.
    digest = file_sha256(folder.path / "manifest.json")
    if backend in COARSE:
        digest = digest_of(digest, backend)
    method = Method(f"detector {name}", digest, answer, batch=AT_ONCE)
    return Detector(name, method, folder.thresholds[name])
