"""Drawn photos, green things over them, and detectors whose answers are known beforehand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from helpers import drawn_face
from latent_ofer.datasets.pool import FacePool, FaceSet, Pixels
from latent_ofer.evaluation.answers import Method
from latent_ofer.evaluation.bench import Bench
from latent_ofer.evaluation.bootstrap import Intervals
from latent_ofer.evaluation.detection_figures import Areas, Scored, figures
from latent_ofer.evaluation.detectors import Detector
from latent_ofer.evaluation.faces import ChosenFaces
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.occlusion.patches import patch_share
from latent_ofer.weights_folder import Thresholds

GREEN = np.zeros((40, 40, 4), dtype=np.uint8)
GREEN[..., 1] = 255
GREEN[..., 3] = 255
CUTOUTS = [Cutout(GREEN, "card", "any", "card/1"), Cutout(GREEN, "sheet", "nose", "sheet/1")]
LIMITS = Thresholds(0.3, 0.3)
Look = Callable[[Pixels], np.ndarray]


def photos(count: int, subjects: list[str] | None = None) -> FacePool:
    """In colour; every other one of sex 0, all of age 40."""
    drawn = [drawn_face(seed=seed) for seed in range(count)]
    faces = FaceSet(
        images=np.stack([face for face, _ in drawn]),
        landmarks=np.stack([points for _, points in drawn]),
        sources=["utkface"] * count,
        names=[f"{i}.webp" for i in range(count)],
        colour=np.full(count, True),
        labels=np.full(count, -1),
        targets=np.zeros((count, 8), dtype=np.float32),
        subjects=subjects or [""] * count,
        tags=[{"sex": str(i % 2), "age": "40"} for i in range(count)],
    )
    return FacePool([faces])


def greenness(faces: Pixels) -> np.ndarray:
    levels = faces.astype(float)
    green = levels[..., 1] - np.maximum(levels[..., 0], levels[..., 2]) > 60
    return patch_share(green)


def blind(faces: Pixels) -> np.ndarray:
    """Says the same of every picture, whatever is on it."""
    return np.tile(np.random.default_rng(0).random((14, 14)), (len(faces), 1, 1))


def looking(
    look: Look, limits: Thresholds = LIMITS, name: str = "default", digest: str = "0"
) -> Detector:
    """A detector that is a function of pictures."""

    def answer(batch: object) -> dict[str, np.ndarray]:
        shown = batch.shown  # type: ignore[attr-defined]
        return {name: look(shown).astype(np.float32).reshape(len(shown), -1)}

    return Detector(name, Method(name, digest, answer), limits)


def bench_for(pool: FacePool, folder: Path, seed: int = 7) -> Bench:
    about = {"split": "validation", "n": len(pool)}
    return Bench(ChosenFaces(pool, {"set": "0"}, about), [], folder, seed, cutouts=CUTOUTS)


def scored(pool: FacePool, look: Look, folder: Path, limits: Thresholds = LIMITS) -> Scored:
    return looking(look, limits).scored(bench_for(pool, folder))


def resamples(faces: int, people: list[str] | None = None) -> Intervals:
    return Intervals.of(people or [""] * faces, 0)


def figures_of(s: Scored, among: Intervals | None = None) -> dict[str, object]:
    among = among or resamples(len(s.clean))
    return figures(s, Areas.of(s, among), among)
