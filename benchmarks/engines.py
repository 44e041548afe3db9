"""Whether the engines answer alike, and how fast the pipeline and its detector are: JSON.

While speed is measured, nothing else should run.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from latent_ofer.arrays import Pixels, to_planes
from latent_ofer.backends.choose import open_backend
from latent_ofer.backends.protocol import Backend
from latent_ofer.cli.output import print_report
from latent_ofer.datasets.archives import archive, read_pool
from latent_ofer.datasets.pool import protocol_copy
from latent_ofer.evaluation.report import library_versions
from latent_ofer.occlusion.objects import load_cutouts
from latent_ofer.pipeline import LatentOFER
from latent_ofer.results import FaceResult
from latent_ofer.weights_folder import SHIPPED, WeightsFolder

SEED = 7
FACES = 200
BATCH = 32
ROUNDS = 3
WARM_UP = 3
REPEATS = 20


def main() -> None:
    """Measure one figure and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", choices=("parity", "speed", "detection-speed"))
    parser.add_argument("--data", type=Path, help="folder of the archives; not for the last")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument(
        "--backend", default="auto", help="whose speed it is; whose answers onnxruntime's meet"
    )
    parser.add_argument("--detector", default="default")
    parser.add_argument("--weights", type=Path, help="in place of the shipped ones")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    if options.figure == "detection-speed":
        print_report(detection_speed(options), options.output)
        return
    if options.data is None:
        parser.error("--data is missing")
    names = [options.backend]
    if options.figure == "parity":
        names = ["onnxruntime", "torch" if options.backend == "auto" else options.backend]
    models = [
        LatentOFER.from_pretrained(
            options.weights, name, threads=options.threads, detector=options.detector
        )
        for name in names
    ]
    evaluate = evaluate_parity if options.figure == "parity" else evaluate_speed
    faces = crops_with_objects(options.data, options.cache, FACES)
    report = {"figure": options.figure, "engine": names[-1], **evaluate(*models, faces)}
    print_report(report, options.output)


def detection_speed(options: argparse.Namespace) -> dict[str, Any]:
    """Of the detector that was asked for, with two threads unless told otherwise."""
    folder = WeightsFolder.open(options.weights or SHIPPED)
    name, threads = folder.detector(options.detector), options.threads or 2
    engine = open_backend(options.backend, folder, name, folder.default_recogniser, threads)
    about = {"figure": "detection speed", "detector": name, "threads": threads}
    return {**about, **evaluate_detection_speed(engine, folder.image_size)}


def crops_with_objects(data: Path, cache: Path, count: int, seed: int = SEED) -> list[Pixels]:
    """Validation faces with one `val` object each, half in colour: (112, 112, 3) uint8."""
    pool = read_pool(data, "val", cache)
    cutouts = load_cutouts(archive(data, "occluders.zip"), "val")
    photos = np.flatnonzero(pool.colour)[: count // 2]
    labelled = np.flatnonzero(pool.labels >= 0)
    rows = [*photos, *labelled[: count - len(photos)]]
    return [protocol_copy(pool.native(int(row)), cutouts, seed)[0] for row in rows]


def read(model: LatentOFER, faces: list[Pixels]) -> list[list[FaceResult]]:
    """What the pipeline says of each crop."""
    return model.predict(faces, crops=True, batch_size=BATCH)


def evaluate_parity(
    one: LatentOFER, other: LatentOFER, faces: list[Pixels], seed: int = SEED
) -> dict[str, Any]:
    """Compare the answers of two engines with the same weights on the same crops."""
    first, second = (
        np.array([list(face.probabilities.values()) for (face,) in read(model, faces)])
        for model in (one, other)
    )
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
        results = read(model, faces)
        rates.append(len(faces) / (time.perf_counter() - started))
    return {
        "n": len(faces),
        "seed": seed,
        "batch_size": BATCH,
        "faces_per_second": sorted(rates)[ROUNDS // 2],
        "rounds": rates,
        "share_of_faces_repaired": float(
            np.mean([face.occlusion.ratio > 0 for (face,) in results])
        ),
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


if __name__ == "__main__":
    main()
