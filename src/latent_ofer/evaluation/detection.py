"""The detection test: which patches of a face an unseen object hides; and real masks."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.arrays import is_grey
from latent_ofer.datasets.archives import archive
from latent_ofer.datasets.faces import read_faces
from latent_ofer.datasets.ferplus import read_ferplus
from latent_ofer.datasets.pool import (
    FacePool,
    Native,
    Pixels,
    protocol_copy,
    resized,
)
from latent_ofer.detector.scores import auroc, average_precision, threshold_at
from latent_ofer.evaluation.bootstrap import (
    measured,
    resample_counts,
    resampled_auroc,
    resampled_curves,
    resampled_ratio,
)
from latent_ofer.evaluation.grouping import Members, groups, occluder_groups, size_of
from latent_ofer.occlusion.objects import Cutout, load_cutouts
from latent_ofer.occlusion.patches import GRID, border_patches, occluded_patches
from latent_ofer.progress import track
from latent_ofer.weights_folder import Thresholds

SEED = 7
AT_ONCE = 256
REAL_FALSE_POSITIVES = 0.02
REAL_PATCHES = {
    "mask": [(row, column) for row in range(9, 13) for column in range(4, 10)],
    "sunglasses": [(4, column) for column in (3, 4, 5, 8, 9, 10)],
}
"""Patches that lie under nearly every real one: (row, column) from the top left."""

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Counts = NDArray[np.float32]
"""(R, n): how often each face is drawn in each resample."""
Scores = Callable[[Pixels], NDArray[Any]]
"""Faces (n, 112, 112, 3) uint8 RGB to scores (n, 14, 14), higher for more likely hidden."""


@dataclass(frozen=True)
class Scored:
    """Faces of one kind twice, clean and with an object; N = 196 patches.

    Attributes
    ----------
    clean, occluded : (n, N) float
        Scores of the two copies.
    clean_above, occluded_above : (n, N) bool
        Over the shipped threshold.
    hidden, used : (n, N) bool
        Of the occluded copies: at least a quarter covered; no border patch.
    category : (n,) str
        Of the object.
    coverage : (n,) float
        Share of pixels that it covers.
    """

    clean: Floats
    occluded: Floats
    clean_above: Mask
    occluded_above: Mask
    hidden: Mask
    used: Mask
    category: NDArray[np.str_]
    coverage: NDArray[np.float64]

    def take(self, members: Mask) -> "Scored":
        """Some of the faces."""
        fields = self.__dataclass_fields__
        return Scored(**{name: getattr(self, name)[members] for name in fields})


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
        "sunglasses": {...}}``; colour and grey hold `figures` and, as ``"by_group"``, those of
        `by_group`. Each measured value is
        ``{"value", "low", "high"}`` with its 95 % interval over images.
    """
    rng = np.random.default_rng(seed)
    photos, ferplus = read_faces(data, "val", cache), read_ferplus(data, "val", cache)
    pool = FacePool([photos.as_face_set(), ferplus.as_face_set()])
    cutouts = load_cutouts(archive(data, "occluders.zip"), "val")
    colour = np.flatnonzero(pool.colour)[:limit]
    grey = np.arange(len(photos), len(pool))[:limit]
    report: dict[str, Any] = {"seed": seed, "split": "val"}
    for kind, rows in (("colour", colour), ("grey", grey)):
        faces = scored(pool, rows, cutouts, scores, thresholds, seed)
        of_kind = pool.take(rows)
        counts = resample_counts(len(rows), rng, people=of_kind.people)
        members = groups(of_kind.tags) | occluder_groups(faces.category.tolist(), faces.coverage)
        report[kind] = figures(faces, counts) | {"by_group": by_group(faces, members, counts)}
    dev = read_faces(data, "dev", cache)
    clean = scores(dev.take(dev.colour).images[:limit])
    threshold = threshold_at(clean, REAL_FALSE_POSITIVES)
    masked = read_faces(data, "val", cache, file="masked_faces.zip")
    for kind, places in REAL_PATCHES.items():
        worn = masked.take(masked.column("kind") == kind).images[:limit]
        found = real_found(scores(worn), threshold, places)
        report[kind] = {
            "n": len(worn),
            "threshold": threshold,
            "clean_faces": len(clean),
            "found": _ratio(found, np.ones_like(found), resample_counts(len(found), rng)),
        }
    return report


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
    copies = [protocol_copy(face, cutouts, seed) for face in faces]
    covered = np.stack([pixels for _, pixels, _ in copies])
    clean, clean_above = _scores(
        np.stack([resized(face.image) for face in faces]), scores, thresholds
    )
    occluded, occluded_above = _scores(
        np.stack([face for face, _, _ in copies]), scores, thresholds
    )
    return Scored(
        clean,
        occluded,
        clean_above,
        occluded_above,
        occluded_patches(covered).reshape(len(faces), -1),
        ~border_patches(covered).reshape(len(faces), -1),
        np.array([category for _, _, category in copies]),
        covered.mean(axis=(1, 2)),
    )


def _scores(faces: Pixels, scores: Scores, thresholds: Thresholds) -> tuple[Floats, Mask]:
    values = np.asarray(scores(faces), dtype=np.float32).reshape(len(faces), -1)
    limits = np.where(is_grey(faces), np.float32(thresholds.grey), np.float32(thresholds.colour))
    return values, values > limits[:, None]


def figures(s: Scored, counts: Counts) -> dict[str, Any]:
    """All figures of one kind of faces, n of them; `counts` (R, n) are resamples of these."""
    used, hidden = s.used, s.used & s.hidden
    area, precision = resampled_curves(counts, s.occluded, s.hidden, used)
    hits = (s.occluded_above & hidden).sum(axis=1)
    raised = (s.occluded_above & used).sum(axis=1)
    false_clean = s.clean_above.sum(axis=1)
    patches = s.clean.shape[1]
    right = ((s.occluded_above == s.hidden) & used).sum(axis=1) + patches - false_clean
    return {
        "n": len(s.clean),
        "auroc": measured(auroc(s.occluded[used], s.hidden[used]), area),
        "average_precision": measured(
            average_precision(s.occluded[used], s.hidden[used]), precision
        ),
        "accuracy": _ratio(right, used.sum(axis=1) + patches, counts),
        "precision": _ratio(hits, raised + false_clean, counts),
        "recall": _ratio(hits, hidden.sum(axis=1), counts),
        "false_positive_share_clean": _clean_share(s, counts),
        "hidden_share": float(hidden.sum() / used.sum()),
    }


def by_group(s: Scored, members: Members, counts: Counts) -> dict[str, dict[str, Any]]:
    """The main figures of each group.

    Parameters
    ----------
    s : Scored
        n faces.
    members : dict of str to (n,) bool
    counts : (R, n)
        Resamples of all n faces: a group is resampled as a part of them.

    Returns
    -------
    dict
        By name of the group: ``"n"``, ``"small"`` where it is, ``"auroc"`` and ``"recall"`` (not
        where the objects hide no patch), ``"false_positive_share_clean"``.
    """
    return {name: _group(s.take(some), some, counts[:, some]) for name, some in members.items()}


def _group(s: Scored, members: Mask, counts: Counts) -> dict[str, Any]:
    hidden = s.used & s.hidden
    report = size_of(members)
    if hidden.any():
        value = auroc(s.occluded[s.used], s.hidden[s.used])
        area = resampled_auroc(counts, s.occluded, s.hidden, s.used)
        report["auroc"] = measured(value, area)
        report["recall"] = _ratio(
            (s.occluded_above & hidden).sum(axis=1), hidden.sum(axis=1), counts
        )
    report["false_positive_share_clean"] = _clean_share(s, counts)
    return report


def _clean_share(s: Scored, counts: Counts) -> dict[str, float]:
    """Share of the clean copies' patches above the threshold."""
    faces, patches = s.clean.shape
    return _ratio(s.clean_above.sum(axis=1), np.full(faces, patches), counts)


def real_found(scores: NDArray[Any], threshold: float, places: list[tuple[int, int]]) -> Floats:
    """Share (n,) of the patches in `places` whose score (n, 14, 14) is above the threshold."""
    grids = np.asarray(scores).reshape(-1, GRID, GRID)
    rows, columns = zip(*places, strict=True)
    found: Floats = (grids[:, rows, columns] > threshold).mean(axis=1, dtype=np.float32)
    return found


def _ratio(part: NDArray[Any], whole: NDArray[Any], counts: Counts) -> dict[str, float]:
    total = float(whole.sum())
    value = float(part.sum()) / total if total else float("nan")
    return measured(value, resampled_ratio(counts, part, whole))
