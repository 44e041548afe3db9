"""The recognition test: faces clean and behind objects, repaired or not; another source."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.pool import FacePool, FaceSet, protocol_copy, resized
from latent_ofer.errors import ImageError
from latent_ofer.evaluation.bootstrap import measured, resample_counts, resampled_ratio
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.pipeline import LatentOFER
from latent_ofer.progress import track

SEED = 7
ECE_BINS = 15
OTHER_SOURCE = "lfw"
OTHER_LABELS = ("neutral", "happiness", "surprise")

Pixels = NDArray[np.uint8]
Probabilities = NDArray[np.float64]
Labels = NDArray[np.int64]


def evaluate_recognition(
    pool: FacePool,
    cutouts: list[Cutout],
    model: LatentOFER,
    rng: np.random.Generator,
    *,
    seed: int = SEED,
    limit: int | None = None,
) -> dict[str, Any]:
    """Measure the whole pipeline on the faces of a pool that have a label.

    Parameters
    ----------
    pool : FacePool
    cutouts : list of Cutout
        Objects that the networks have never seen.
    model : LatentOFER
    rng : Generator
        Of the resamples.
    seed : int
        Of the objects.
    limit : int, optional
        Use only so many faces.

    Returns
    -------
    dict
        Plain values; each measured one is ``{"value", "low", "high"}``, with its 95 % interval
        over images. "repaired" is what the pipeline answers, "as_it_came" the same recogniser
        without the repair.
    """
    labels = pool.labels
    rows = np.flatnonzero(labels >= 0)[:limit]
    natives = [pool.native(int(row)) for row in rows]
    report: dict[str, Any] = {
        "seed": seed,
        "n": len(rows),
        "count_by_label": dict(
            zip(EXPRESSIONS, np.bincount(labels[rows], minlength=8).tolist(), strict=True)
        ),
    }
    for kind, faces in (
        ("clean", [resized(face.image) for face in natives]),
        ("objects", [protocol_copy(face, cutouts, seed)[0] for face in natives]),
    ):
        before, after, hidden = read(model, faces)
        counts = resample_counts(len(rows), rng)
        report[kind] = {
            "repaired": figures(after, labels[rows], counts),
            "as_it_came": figures(before, labels[rows], counts),
            "repaired_minus_as_it_came": difference(after, before, labels[rows], counts),
            "share_of_patches_flagged": float(hidden.mean()),
            "share_of_faces_repaired": float((hidden > 0).mean()),
        }
    return report


def read(
    model: LatentOFER, faces: list[Pixels]
) -> tuple[Probabilities, Probabilities, NDArray[np.float64]]:
    """Probabilities (n, 8) before and after repair, and the share of hidden patches (n,)."""
    before, after, hidden = [], [], []
    outcomes = model.predict_each(faces, crops=True)
    for outcome in track(outcomes, len(faces), "reading faces"):
        if isinstance(outcome, ImageError):
            raise outcome
        (face,) = outcome
        before.append(list(face.before.probabilities.values()))
        after.append(list(face.probabilities.values()))
        hidden.append(face.occlusion.ratio)
    return np.array(before), np.array(after), np.array(hidden)


def figures(
    probabilities: Probabilities, labels: Labels, counts: NDArray[np.float32]
) -> dict[str, Any]:
    """Accuracy, macro recall, ECE and Brier score of one condition.

    Parameters
    ----------
    probabilities : (n, K)
    labels : (n,) int, 0 to K - 1
    counts : (R, n)
        Resamples.
    """
    right = probabilities.argmax(1) == labels
    recalls = [resampled_ratio(counts, right & (labels == c), labels == c) for c in set(labels)]
    brier = ((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2).sum(1)
    ones = np.ones(len(labels))
    return {
        "accuracy": measured(right.mean(), resampled_ratio(counts, right, ones)),
        "macro_recall": measured(
            np.mean([right[labels == c].mean() for c in set(labels)]), np.mean(recalls, axis=0)
        ),
        "recall": {
            EXPRESSIONS[c]: float(right[labels == c].mean()) for c in sorted(set(labels.tolist()))
        },
        "ece": expected_calibration_error(probabilities, labels),
        "brier": measured(brier.mean(), resampled_ratio(counts, brier, ones)),
    }


def expected_calibration_error(probabilities: Probabilities, labels: Labels) -> float:
    """Mean gap between confidence and accuracy over 15 bins of equal width."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = [
        abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean()
        for b in set(bins.tolist())
    ]
    return float(sum(gaps))


def difference(
    one: Probabilities, other: Probabilities, labels: Labels, counts: NDArray[np.float32]
) -> dict[str, float]:
    """Accuracy of `one` less that of `other` on the same images, paired interval."""
    gain = (one.argmax(1) == labels).astype(float) - (other.argmax(1) == labels)
    return measured(gain.mean(), resampled_ratio(counts, gain, np.ones(len(labels))))


def other_source(
    faces: FaceSet, model: LatentOFER, rng: np.random.Generator, limit: int | None
) -> dict[str, Any]:
    """Aligned grey photos of another collection, three labels, outputs restricted to them."""
    columns = [EXPRESSIONS.index(label) for label in OTHER_LABELS]
    chosen = (np.array(faces.sources) == OTHER_SOURCE) & np.isin(faces.labels, columns)
    rows = np.flatnonzero(chosen)[:limit]
    labels = faces.labels[rows]
    _, after, _ = read(model, [np.array(faces.images[row]) for row in rows])
    restricted = np.zeros_like(after)
    restricted[:, columns] = after[:, columns] / after[:, columns].sum(1, keepdims=True)
    return {
        "n": len(rows),
        "source": OTHER_SOURCE,
        "count_by_label": {
            label: int((labels == column).sum())
            for label, column in zip(OTHER_LABELS, columns, strict=True)
        },
        **figures(restricted, labels, resample_counts(len(rows), rng)),
    }
