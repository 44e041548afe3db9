"""The detection test: which patches of a face an unseen object hides; and real masks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.arrays import is_grey
from latent_ofer.datasets.archives import archive, read_faces, read_ferplus
from latent_ofer.datasets.covers import read_covers
from latent_ofer.datasets.pool import FacePool, Native, Pixels
from latent_ofer.evaluation.bootstrap import resample_counts
from latent_ofer.evaluation.detection_figures import (
    Floats,
    Mask,
    Scored,
    by_group,
    face_groups,
    figures,
    worst_group,
)
from latent_ofer.evaluation.grouping import Members, occluder_groups
from latent_ofer.evaluation.masked_faces import evaluate_masked_faces
from latent_ofer.evaluation.patch_scores import AT_ONCE, compose
from latent_ofer.occlusion.objects import Cutout, load_cutouts
from latent_ofer.progress import track
from latent_ofer.weights_folder import Thresholds

SEED = 7
COVERS = "ferplus_occlusions.csv"

Scores = Callable[[Pixels], NDArray[Any]]
"""Faces (n, 112, 112, 3) uint8 RGB to scores (n, 14, 14), higher for more likely hidden."""


def evaluate_detection(
    data: Path,
    cache: Path,
    scores: Scores,
    thresholds: Thresholds,
    *,
    seed: int = SEED,
    limit: int | None = None,
) -> dict[str, Any]:
    """Measure a detector on validation faces and objects, and on really hidden faces.

    Parameters
    ----------
    data, cache : Path
        Folder of the archives, and of their decoded copies.
    scores : callable
        Any engine's detector.
    thresholds : Thresholds
        Scores above which it calls a patch hidden.
    seed : int
        Of the objects and of the resamples.
    limit : int, optional
        Use only so many faces of each kind.

    Returns
    -------
    dict
        Plain values: ``{"seed", "split", "colour": {...}, "grey": {...}, "mask": {...},
        "sunglasses": {...}}``; colour and grey hold `figures`, as ``"by_group"`` those of
        `by_group` (people, objects, coverage, what really covers the faces where a table
        beside the archives says so), as ``"worst_group"`` that of `worst_group` among people and
        sources, and, where there are such, as ``"without_streaks"`` the `figures` without the
        patches of replicated border; the other two are those of `evaluate_masked_faces`. Each
        measured value is ``{"value", "low", "high"}`` with its 95 % interval over images.
    """
    rng = np.random.default_rng(seed)
    photos, ferplus = read_faces(data, "val", cache), read_ferplus(data, "val", cache)
    pool = FacePool([photos, ferplus])
    cutouts = load_cutouts(archive(data, "occluders.zip"), "val")
    colour = np.flatnonzero(pool.colour)[:limit]
    grey = np.arange(len(photos), len(pool))[:limit]
    report: dict[str, Any] = {"seed": seed, "split": "val"}
    for kind, rows in (("colour", colour), ("grey", grey)):
        faces = scored(pool, rows, cutouts, scores, thresholds, seed)
        of_kind = pool.take(rows)
        counts = resample_counts(len(rows), rng, people=of_kind.people)
        people = face_groups(of_kind)
        things = occluder_groups(faces.category.tolist(), faces.coverage)
        things |= cover_groups(of_kind, data / COVERS)
        of_groups = by_group(faces, people | things, counts)
        report[kind] = figures(faces, counts)
        report[kind]["worst_group"] = worst_group({name: of_groups[name] for name in people})
        left_out = of_kind.borders
        if left_out.any():
            report[kind]["without_streaks"] = figures(faces.without(left_out), counts)
        report[kind]["by_group"] = of_groups
    return report | evaluate_masked_faces(data, cache, scores, thresholds, rng, limit)


def cover_groups(pool: FacePool, path: Path) -> Members:
    """Faces over which nothing lies before anything is pasted, and really covered ones.

    None where there is no table of covers, or it names none of the faces: what counts as visible
    on a face may be hidden all the same.
    """
    if not path.exists():
        return {}
    covers = read_covers(path)
    known = [covers.get(face) for face in pool.keys]
    members = {
        "cover: nothing": np.array([cover is not None and not cover.named for cover in known]),
        "cover: really covered": np.array([cover is not None and cover.hides for cover in known]),
    }
    return {name: here for name, here in members.items() if here.any()}


def scored(
    pool: FacePool,
    rows: NDArray[np.int64],
    cutouts: list[Cutout],
    scores: Scores,
    thresholds: Thresholds,
    seed: int,
) -> Scored:
    """Run a detector over both copies of the faces in `rows` of the pool."""
    parts = []
    starts = range(0, len(rows), AT_ONCE)
    for start in track(starts, len(starts), "faces with objects"):
        faces = [pool.native(int(row)) for row in rows[start : start + AT_ONCE]]
        parts.append(_scored(faces, cutouts, scores, thresholds, seed))
    fields = Scored.__dataclass_fields__
    return Scored(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in fields})


def _scored(
    faces: list[Native],
    cutouts: list[Cutout],
    scores: Scores,
    thresholds: Thresholds,
    seed: int,
) -> Scored:
    truth, clean, occluded = compose(faces, cutouts, seed)
    clean_scores, clean_above = _scores(clean, scores, thresholds)
    occluded_scores, occluded_above = _scores(occluded, scores, thresholds)
    return Scored(
        clean_scores,
        occluded_scores,
        clean_above,
        occluded_above,
        truth.hidden,
        truth.used,
        np.ones_like(clean_above),
        truth.category,
        truth.coverage,
    )


def _scores(faces: Pixels, scores: Scores, thresholds: Thresholds) -> tuple[Floats, Mask]:
    values = np.asarray(scores(faces), dtype=np.float32).reshape(len(faces), -1)
    limits = thresholds.of(is_grey(faces)).astype(np.float32)
    return values, values > limits[:, None]
