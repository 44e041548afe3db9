"""Really hidden faces: are masks and sunglasses found, and nothing else marked? JSON.

Validation faces of `masked_faces.zip`, in colour; 95 % intervals by person.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.arrays import is_grey
from latent_ofer.cli.output import print_report
from latent_ofer.datasets.archives import archive, read_faces
from latent_ofer.datasets.pool import FacePool
from latent_ofer.detector.scores import threshold_at
from latent_ofer.evaluation.bench import Bench
from latent_ofer.evaluation.conditions import condition
from latent_ofer.evaluation.detectors import Detector, shipped_detector
from latent_ofer.evaluation.faces import ChosenFaces, subset
from latent_ofer.evaluation.measurements import Asked
from latent_ofer.files import file_sha256
from latent_ofer.occlusion.patches import GRID
from latent_ofer.weights_folder import SHIPPED

SEED = 7
FALSE_POSITIVES = 0.02
"""Share of the patches of clean faces that the threshold lets through."""

Places = tuple[tuple[int, int], ...]
"""Patches as (row, column) from the top left, from 0."""


@dataclass(frozen=True)
class Worn:
    """One thing that people wear.

    Attributes
    ----------
    hidden : Places
        Lie under nearly every real one.
    visible : Places
        Lie under none.
    """

    hidden: Places
    visible: Places


def _block(rows: range, columns: range) -> Places:
    return tuple((row, column) for row in rows for column in columns)


LOWER_FACE = _block(range(9, 13), range(4, 10))
BROW_AND_EYES = _block(range(2, 5), range(3, 11))
BOTH_EYES = tuple((4, column) for column in (3, 4, 5, 8, 9, 10))
WORN = {"mask": Worn(LOWER_FACE, BROW_AND_EYES), "sunglasses": Worn(BOTH_EYES, LOWER_FACE)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="with decoded data")
    parser.add_argument("--weights", type=Path, default=SHIPPED, help="folder of weights")
    parser.add_argument("--detector", default="default", help="by the weights' name for it")
    parser.add_argument("--limit", type=int, help="faces of each kind; all by default")
    parser.add_argument("--threads", type=int, help="of the engine")
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = vars(parser.parse_args())
    limit, output = options.pop("limit"), options.pop("output")
    asked = Asked(**options, seed=SEED)
    name, bench = asked.named[0], partial(asked.bench, methods=[], conditions=("clean",))
    detector = shipped_detector(name, asked.folder, asked.backend, asked.threads)
    found = evaluate_masked_faces(asked.data, asked.sources.cache, detector, bench, SEED, limit)
    about = {"figure": "masked-faces", "detector": name, "seed": SEED, "split": "val"}
    print_report({**about, **found}, output)


def evaluate_masked_faces(
    data: Path,
    cache: Path,
    detector: Detector,
    bench: Callable[[ChosenFaces], Bench],
    seed: int,
    limit: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Measure a detector on the faces of `masked_faces.zip`.

    Parameters
    ----------
    data, cache : Path
        Folder of the archives, and of their decoded copies.
    detector : Detector
    bench : callable
        A bench of some faces.
    seed : int
        Of the faces that `limit` picks.
    limit : int, optional
        Use only so many faces of each kind, and so many clean ones for the threshold.

    Returns
    -------
    dict
        For ``"mask"`` and ``"sunglasses"``: ``"n"``; ``"threshold"``, above which 2 % of the
        patches of clean dev faces in colour lie (without replicated border), ``"clean_faces"``
        of them; and the shares of the patches above it, ``"found"`` among those that are hidden
        and ``"marked_elsewhere"`` among those that cannot be, each ``{"value", "low", "high"}``
        with its 95 % interval, faces of one person drawn together; ``"at_thresholds"``: both
        shares at the detector's own thresholds.
    """
    assert detector.thresholds is not None

    def chosen(faces: FacePool, file: str) -> ChosenFaces:
        pool = subset(faces, limit, seed)
        return ChosenFaces(pool, {file: file_sha256(archive(data, file))}, {"split": file})

    def scores(faces: ChosenFaces) -> NDArray[Any]:
        return bench(faces).read(detector.method, condition("clean", seed))[detector.name]

    dev = FacePool([read_faces(data, "dev", cache)])
    clean = chosen(dev.take(np.flatnonzero(dev.colour)), "faces.zip")
    visible = ~clean.pool.borders
    threshold = threshold_at(scores(clean)[visible], FALSE_POSITIVES)
    worn_by = FacePool([read_faces(data, "val", cache, file="masked_faces.zip")])
    report = {}
    for kind, worn in WORN.items():
        here = [row for row, tags in enumerate(worn_by.tags) if tags.get("kind") == kind]
        faces = chosen(worn_by.take(np.array(here, dtype=np.int64)), "masked_faces.zip")
        seen, among = scores(faces), bench(faces).intervals()
        images = faces.pool.batch(np.arange(len(faces)))
        own = detector.thresholds.of(is_grey(images)).astype(np.float32)
        shares = [
            {
                "found": among.mean(marked_share(seen, limits, worn.hidden)),
                "marked_elsewhere": among.mean(marked_share(seen, limits, worn.visible)),
            }
            for limits in (threshold, own)
        ]
        about = {"n": len(faces), "threshold": threshold, "clean_faces": len(clean)}
        report[kind] = {**about, **shares[0], "at_thresholds": shares[1]}
    return report


def marked_share(
    scores: NDArray[Any], threshold: float | NDArray[Any], places: Places
) -> NDArray[np.float64]:
    """Share (n,) of the patches in `places` whose score (n, 14, 14) is above the threshold.

    One threshold for all faces, or one for each (n,).
    """
    grids = np.asarray(scores).reshape(-1, GRID, GRID)
    rows, columns = zip(*places, strict=True)
    limits = np.asarray(threshold).reshape(-1, 1)
    share: NDArray[np.float64] = (grids[:, rows, columns] > limits).mean(axis=1)
    return share


if __name__ == "__main__":
    main()
