"""Linear probe: how much of a face's expression can be read from features that stay as they are."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from latent_ofer.datasets.pool import FacePool, Pixels
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import to_tensor
from latent_ofer.errors import DataError
from latent_ofer.evaluation.bootstrap import measured, resample_counts
from latent_ofer.evaluation.metrics import Answered, accuracy, macro_recall
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.occlusion.patches import GRID
from latent_ofer.progress import track

STRENGTHS = (0.0003, 0.003, 0.03, 0.3)
"""Of the logistic regression (scikit-learn's C); the best on dev is taken."""
ITERATIONS = 2000
BATCH = 64
FIRST = "trained"
"""The features that the others are compared with."""
METRICS = {"accuracy": accuracy, "macro_recall": macro_recall}

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
Features = Callable[[Pixels], Floats]
"""Faces (B, 112, 112, 3) uint8 to features (B, F)."""


def latents_of(model: MaskedAutoencoder, bf16: bool) -> Features:
    """The class token beside the mean of the patches' latents: (B, 2 D)."""

    @torch.inference_mode()
    def features(faces: Pixels) -> Floats:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            latents = model.encode(to_tensor(faces)).float()
        return torch.cat([latents[:, 0], latents[:, 1:].mean(dim=1)], dim=1).numpy()

    return features


def mean_levels(faces: Pixels) -> Floats:
    """Each patch's mean grey level, 14 x 14: (B, 196)."""
    side = faces.shape[1] // GRID
    blocks = faces.reshape(len(faces), GRID, side, GRID, side, 3)
    levels: Floats = blocks.mean(axis=(2, 4, 5), dtype=np.float32)
    return levels.reshape(len(faces), -1)


def probe_figures(
    features: Mapping[str, Features],
    *,
    train: FacePool,
    dev: FacePool,
    val: FacePool,
    rng: Generator,
) -> dict[str, Any]:
    """Fit a linear classifier to each kind of features, and score it.

    Parameters
    ----------
    features : mapping of str to callable
        By name, `FIRST` among them.
    train, dev, val : FacePool
        Faces with a label each: the classifier is fitted to the first, its strength chosen by
        accuracy on the second, the figures are of the third.
    rng : Generator
        Of the resamples; all features meet the same.

    Returns
    -------
    dict
        ``"n_train"``, ``"n_dev"``, ``"n"``, ``"largest_label_share"`` (the accuracy of always
        giving the most frequent label), ``"features"`` and ``"trained_minus"``. The former
        holds by name ``"size"``, ``"strength"``, ``"dev_accuracy"``, ``"accuracy"`` and
        ``"macro_recall"``; the latter, by the name of the other features, the paired
        differences of both. Each measured value is ``{"value", "low", "high"}`` with its 95 %
        interval over faces.

    Raises
    ------
    DataError
        When all training faces have one label.
    """
    if len(np.unique(train.labels)) < 2:
        raise DataError(
            f"all {len(train)} training faces of the linear probe have the same label. "
            "Give it more faces."
        )
    counts = resample_counts(len(val), rng, people=val.people)
    report, answers = {}, {}
    for name, extract in features.items():
        inputs = [_extracted(extract, pool, name) for pool in (train, dev, val)]
        strength, found, given = fitted(inputs[0], train.labels, inputs[1], dev.labels, inputs[2])
        answers[name] = Answered(len(EXPRESSIONS), val.labels, given, None, np.arange(len(val)))
        report[name] = {
            "size": inputs[0].shape[1],
            "strength": strength,
            "dev_accuracy": found,
            **_figures(answers[name], None, counts),
        }
    return {
        "n_train": len(train),
        "n_dev": len(dev),
        "n": len(val),
        "largest_label_share": float(np.bincount(val.labels).max() / len(val)),
        "features": report,
        f"{FIRST}_minus": {
            name: _figures(answers[FIRST], other, counts)
            for name, other in answers.items()
            if name != FIRST
        },
    }


def fitted(
    train: Floats, train_labels: Labels, dev: Floats, dev_labels: Labels, val: Floats
) -> tuple[float, float, Labels]:
    """Multinomial logistic regression on standardised features, its strength chosen on dev.

    Parameters
    ----------
    train, dev, val : (n, F), (m, F), (k, F) float
    train_labels, dev_labels : (n,), (m,) int

    Returns
    -------
    strength : float
        Of `STRENGTHS`; of equally good ones the smallest.
    accuracy : float
        On dev.
    answers : (k,) int
        For the faces of `val`.
    """
    probes = {
        strength: make_pipeline(
            StandardScaler(), LogisticRegression(C=strength, max_iter=ITERATIONS)
        ).fit(train, train_labels)
        for strength in STRENGTHS
    }
    on_dev = {strength: float(probe.score(dev, dev_labels)) for strength, probe in probes.items()}
    best = max(on_dev, key=lambda strength: on_dev[strength])
    return best, on_dev[best], probes[best].predict(val)


def _extracted(extract: Features, pool: FacePool, name: str) -> Floats:
    starts = range(0, len(pool), BATCH)
    rows = np.arange(len(pool))
    batches = track(starts, len(starts), f"{name} features")
    return np.concatenate([extract(pool.batch(rows[start : start + BATCH])) for start in batches])


def _figures(faces: Answered, less: Answered | None, counts: Floats) -> dict[str, Any]:
    """Both metrics, or by how much they are above those of other answers to the same faces."""
    once = np.ones((1, len(faces.truth)), dtype=np.float32)
    figures = {}
    for name, metric in METRICS.items():
        value, resampled = metric(faces, once)[0], metric(faces, counts)
        if less is not None:
            value, resampled = value - metric(less, once)[0], resampled - metric(less, counts)
        figures[name] = measured(value, resampled)
    return figures
