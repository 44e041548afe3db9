"""Whether both engines answer alike, and how fast the pipeline and its detector are."""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from latent_ofer.arrays import to_planes
from latent_ofer.backends.protocol import Backend
from latent_ofer.datasets.archives import archive, read_pool
from latent_ofer.datasets.pool import protocol_copy
from latent_ofer.evaluation.recognition import Pixels, read
from latent_ofer.evaluation.report import library_versions
from latent_ofer.occlusion.objects import load_cutouts
from latent_ofer.pipeline import LatentOFER

SEED = 7
FACES = 200
BATCH = 32
ROUNDS = 3
WARM_UP = 3
REPEATS = 20


def crops_with_objects(data: Path, cache: Path, count: int, seed: int = SEED) -> list[Pixels]:
    """Validation faces with one `val` object each, half in colour: (112, 112, 3) uint8."""
    pool = read_pool(data, "val", cache)
    cutouts = load_cutouts(archive(data, "occluders.zip"), "val")
    photos = np.flatnonzero(pool.colour)[: count // 2]
    labelled = np.flatnonzero(pool.labels >= 0)
    rows = [*photos, *labelled[: count - len(photos)]]
    return [protocol_copy(pool.native(int(row)), cutouts, seed)[0] for row in rows]


def evaluate_parity(
    one: LatentOFER, other: LatentOFER, faces: list[Pixels], seed: int = SEED
) -> dict[str, Any]:
    """Compare the answers of two engines with the same weights on the same crops."""
    first, second = read(one, faces)[1], read(other, faces)[1]
    return {
        "n": len(faces),
        "seed": seed,
        "same_expression": int((first.argmax(1) == second.argmax(1)).sum()),
        "largest_probability_difference": float(np.abs(first - second).max()),
    }


def evaluate_speed(model: LatentOFER, faces: list[Pixels], seed: int = SEED) -> dict[str, Any]:
    """Time the whole pipeline on crops; the middle one of three rounds after a warm-up."""
    machine = _machine()
    read(model, faces[:BATCH])
    rates = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        _, _, hidden = read(model, faces)
        rates.append(len(faces) / (time.perf_counter() - started))
    return {
        "n": len(faces),
        "seed": seed,
        "batch_size": BATCH,
        "faces_per_second": sorted(rates)[ROUNDS // 2],
        "rounds": rates,
        "share_of_faces_repaired": float((hidden > 0).mean()),
        **machine,
    }


def evaluate_detection_speed(
    backend: Backend, image_size: int, seed: int = SEED, repeats: int = REPEATS
) -> dict[str, Any]:
    """Time encoder and detector on one batch of 32 faces.

    The faces are noise: what the networks do, and how long it takes, does not depend on what
    they look at.

    Parameters
    ----------
    backend : Backend
    image_size : int
        Side of an aligned face in pixels.
    seed : int
        Of the noise.
    repeats : int
        Timed ones, after three that are not.

    Returns
    -------
    dict
        Plain values. ``"encoder_and_detector_ms_per_face"``: from aligned uint8 faces to
        scores; ``"detector_ms_per_face"``: the part of it that comes after the encoder. Each is
        ``{"median", "fastest", "slowest"}`` of the repeats.
    """
    machine = _machine()
    shape = (BATCH, image_size, image_size, 3)
    faces = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    planes = to_planes(faces)
    latents = backend.encode(planes)

    def both() -> None:
        planes = to_planes(faces)
        backend.detect(planes, backend.encode(planes))

    return {
        "batch_size": BATCH,
        "seed": seed,
        "repeats": repeats,
        "encoder_and_detector_ms_per_face": _per_face(both, repeats),
        "detector_ms_per_face": _per_face(lambda: backend.detect(planes, latents), repeats),
        "engine": type(backend).__name__,
        **machine,
        "versions": library_versions(),
    }


def _per_face(work: Callable[[], object], repeats: int) -> dict[str, float]:
    """Milliseconds per face of a batch, of all repeats after the warm-up."""
    taken = []
    for _ in range(WARM_UP + repeats):
        started = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - started) / BATCH)
    timed = taken[WARM_UP:]
    return {"median": median(timed), "fastest": min(timed), "slowest": max(timed)}


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "load_before": os.getloadavg()[0],
    }
