"""Whether both engines answer alike, and how fast the pipeline is."""

import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from latent_ofer.datasets.archives import archive
from latent_ofer.datasets.pool import protocol_copy, read_pool
from latent_ofer.evaluation.recognition import Pixels, read
from latent_ofer.occlusion.objects import load_cutouts
from latent_ofer.pipeline import LatentOFER

SEED = 7
FACES = 200
BATCH = 32
ROUNDS = 3


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
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "load_before": os.getloadavg()[0],
    }
