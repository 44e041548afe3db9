"""The detectors of Table 1: those of the weights, and four fitted to clean faces alone."""

from collections.abc import Sequence
from pathlib import Path

from latent_ofer.backends.choose import BackendName
from latent_ofer.evaluation.answers import Arrays, Method, opened
from latent_ofer.evaluation.conditions import Batch
from latent_ofer.evaluation.detectors import AT_ONCE, Detector, shipped_detector
from latent_ofer.files import file_sha256
from latent_ofer.weights_folder import Thresholds, WeightsFolder

TRAIN = "python benchmarks/train_baselines.py"
"""The command that trains what only tables need."""
BASELINES = ("one_class_svm", "patch_svdd", "gaussian_pixels", "gaussian_latents")


def shipped_detectors(
    folder: WeightsFolder, backend: BackendName, threads: int | None
) -> list[Detector]:
    """All detectors of a folder of weights, the default one first."""
    names = dict.fromkeys([folder.default_detector, *folder.thresholds])
    return [shipped_detector(name, folder, backend, threads) for name in names]


def baseline_detectors(runs: Path, config: str) -> Sequence[Detector]:
    """The four to measure against, with a note where they are not trained."""
    found: list[Detector] = []

    def load() -> Method:
        # Here, not above: the shipped detectors are measured without torch.
        from detector_baselines import NAMES, STAGE, load_detector_baselines

        from latent_ofer.detector.one_class import KINDS
        from latent_ofer.training.checkpoint import WEIGHTS

        baselines = load_detector_baselines(runs, config)

        def answer(batch: Batch) -> Arrays:
            scores = baselines.score(batch.shown)
            return {name: one.reshape(len(one), -1) for name, one in scores.items()}

        digest = file_sha256(runs / STAGE / WEIGHTS)
        method = Method(STAGE, digest, answer, batch=AT_ONCE)
        for name, values in zip(NAMES, baselines.thresholds.tolist(), strict=True):
            limits = Thresholds(**dict(zip(KINDS, values, strict=True)))
            found.append(Detector(name, method, limits))
        return method

    method = opened("detector_baselines", "detector_baselines", load, TRAIN)
    return found or [Detector(name, method) for name in BASELINES]
