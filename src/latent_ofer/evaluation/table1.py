"""Table 1: every detector on the same patches (paper, Table 1; protocols, *Detection test*)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.arrays import Pixels
from latent_ofer.backends.choose import BackendName, open_backend
from latent_ofer.datasets.archives import file_sha256
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Sources
from latent_ofer.errors import LatentOFERError
from latent_ofer.evaluation.bootstrap import resample_counts
from latent_ofer.evaluation.detection import SEED
from latent_ofer.evaluation.detection_figures import (
    Counts,
    Floats,
    Mask,
    Scored,
    by_group,
    face_groups,
    figures,
)
from latent_ofer.evaluation.detector_differences import BASELINES, areas, differences
from latent_ofer.evaluation.grouping import Members, occluder_groups
from latent_ofer.evaluation.patch_scores import (
    Detectors,
    Settings,
    Truth,
    read_scores,
)
from latent_ofer.evaluation.pools import kinds_of, subset
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.occlusion.patches import GRID
from latent_ofer.pipeline import LatentOFER
from latent_ofer.weights_folder import SHIPPED, Thresholds, WeightsFolder

PAPER = {
    "one_class_svm": {"accuracy": 91.1, "precision": 90.2, "recall": 89.4},
    "patch_svdd": {"accuracy": 85.2, "precision": 80.1, "recall": 94.1},
    "paper": {"accuracy": 98.3, "precision": 94.1, "recall": 98.7},
}
"""In per cent, on its own faces with hands and cups (Syn-KDEF)."""
AT_THRESHOLD = ("accuracy", "precision", "recall", "false_positive_share_clean")
ROC_SHARES = np.concatenate([[0.0], np.geomspace(1e-4, 1, 81)])


@dataclass(frozen=True)
class Kind:
    """Faces of one kind, n of them, as every detector met them.

    Attributes
    ----------
    truth : Truth
    photo : (n, 196) bool
        Patches of both copies that count: not the replicated border of a photo.
    scores : dict of str to (2, n, 196) float
        Of the clean copies and the occluded ones, by the name of the detector.
    people : list of n str
        Who each is, empty where unknown.
    members : dict of str to (n,) bool
        Groups of people and sources, and of what hides the faces.
    """

    truth: Truth
    photo: Mask
    scores: dict[str, Floats]
    people: list[str]
    members: Members


def measured_kind(
    pool: FacePool,
    cutouts: list[Cutout],
    detectors: Sequence[Detectors],
    cache: Path,
    settings: Settings,
) -> Kind:
    """Score both copies of the faces of a pool, or read what is in the cache."""
    truth, scores = read_scores(pool, cutouts, detectors, cache / "patch_scores", settings)
    photo = ~pool.borders
    members = face_groups(pool) | occluder_groups(truth.category.tolist(), truth.coverage)
    return Kind(replace(truth, used=truth.used & photo), photo, scores, pool.people, members)


def shipped_names(folder: WeightsFolder) -> list[str]:
    """The detectors of a folder of weights, the default one first."""
    return list(dict.fromkeys([folder.default_detector, *folder.thresholds]))


def shipped_detector(
    name: str, folder: WeightsFolder, backend: BackendName, threads: int | None
) -> Detectors:
    """One of the detectors of a folder of weights."""
    engine = open_backend(backend, folder, name, folder.default_recogniser, threads)
    model = LatentOFER(engine, folder.thresholds[name], folder.image_size)

    def score(faces: Pixels) -> dict[str, NDArray[Any]]:
        return {name: np.stack([occlusion.scores for occlusion in model.detect(faces)])}

    # The manifest holds the hash of every file.
    digest = file_sha256(folder.path / "manifest.json")
    # Scores of the paper's detector are distances in units of its radius.
    radii = (
        {name: 1.0} if name == "paper" and "detector_paper" in folder.manifest["recipes"] else {}
    )
    return Detectors(digest, {name: folder.thresholds[name]}, score, radii)


def baseline_detectors(runs: Path, config: str) -> Detectors:
    """The four to measure against.

    Raises
    ------
    WeightsError, StaleError
        When they are not trained, or on another encoder; the message says what to do.
    ImportError
        Without torch.
    """
    # Here, not above: the shipped detectors are measured without torch.
    from latent_ofer.detector.baselines import NAMES, STAGE, load_detector_baselines
    from latent_ofer.detector.one_class import KINDS
    from latent_ofer.training.checkpoint import WEIGHTS

    baselines = load_detector_baselines(runs, config)
    thresholds = {
        name: Thresholds(**dict(zip(KINDS, values, strict=True)))
        for name, values in zip(NAMES, baselines.thresholds.tolist(), strict=True)
    }
    return Detectors(file_sha256(runs / STAGE / WEIGHTS), thresholds, baselines.score)


def evaluate_table1(
    sources: Sources,
    runs: Path,
    *,
    config: str = "small",
    weights: Path | None = None,
    backend: BackendName = "auto",
    threads: int | None = None,
    seed: int = SEED,
    limit: int | None = None,
) -> dict[str, Any]:
    """Measure the shipped detectors and the baselines on validation faces with objects.

    Parameters
    ----------
    sources : Sources
    runs : Path
        Folder of the trained baselines; the scores are kept beside its decoded faces.
    seed : int
        Of the objects, of the faces that `limit` picks and of the resamples.
    limit : int, optional
        Use only so many faces of each kind.

    Returns
    -------
    dict
        Plain values. ``"detectors"`` holds what `table` gives, that of the shipped default
        first; a baseline that is not trained has ``{"missing": what to do}`` there.
    """
    folder = WeightsFolder.open(weights or SHIPPED)
    shipped = shipped_names(folder)
    detectors = [shipped_detector(name, folder, backend, threads) for name in shipped]
    missing = {}
    try:
        detectors.append(baseline_detectors(runs, config))
    except (LatentOFERError, ImportError) as error:
        missing = {name: {"missing": str(error)} for name in BASELINES}
    settings: Settings = {
        "split": "val",
        "seed": seed,
        "limit": limit,
        "data": sources.digests("faces", "objects"),
        "version": version("latent-ofer"),
    }
    pool, cutouts = sources.pool("val"), sources.cutouts("val")
    kinds = {
        kind: measured_kind(
            subset(faces, limit, seed), cutouts, detectors, sources.cache, settings | {"kind": kind}
        )
        for kind, faces in kinds_of(pool).items()
    }
    return {"table": "table1", **settings, "detectors": table(kinds, detectors, seed) | missing}


def table(
    kinds: Mapping[str, Kind],
    detectors: Sequence[Detectors],
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Everything that is measured, by detector.

    Parameters
    ----------
    kinds : dict of str to Kind
    detectors : sequence of Detectors
        The shipped default first.
    seed : int
        Of the resamples.

    Returns
    -------
    dict
        By name: ``"digest"``, ``"thresholds"``, and for each kind the `figures` of the
        detection test with

        - ``"by_group"``: those of `by_group`,
        - ``"default_better_by"`` and so on: `differences`,
        - ``"by_radius"``: for those with a radius, the figures `AT_THRESHOLD` by it,
        - ``"roc"``: ``{"false_positive", "recall"}``, points of the curve,
        - ``"errors_by_place"``: ``{"false_positive", "miss"}``, 14 x 14 each.
    """
    # The same for all: every detector meets the same resamples.
    resamples = {
        kind: resample_counts(len(faces.people), np.random.default_rng(seed), people=faces.people)
        for kind, faces in kinds.items()
    }
    every = {
        kind: {
            name: areas(faces.truth, faces.scores[name][1], resamples[kind])
            for some in detectors
            for name in some.thresholds
        }
        for kind, faces in kinds.items()
    }
    report: dict[str, dict[str, Any]] = {}
    for some in detectors:
        for name, thresholds in some.thresholds.items():
            row: dict[str, Any] = {
                "digest": some.digest,
                "thresholds": asdict(thresholds),
            }
            for kind, of_kind in kinds.items():
                faces = against(of_kind.truth, of_kind.photo, of_kind.scores[name], thresholds)
                counts = resamples[kind]
                row[kind] = figures(faces, counts)
                row[kind]["by_group"] = by_group(faces, of_kind.members, counts)
                row[kind] |= differences(name, every[kind])
                if name in some.radii:
                    row[kind]["by_radius"] = by_radius(of_kind, name, some.radii[name], counts)
                row[kind]["roc"] = roc(faces)
                row[kind]["errors_by_place"] = errors_by_place(faces)
            report[name] = row
    return report


def by_radius(kind: Kind, name: str, radius: float, counts: Counts) -> dict[str, Any]:
    """The figures of a detector that need a threshold, by its own."""
    rule = Thresholds(radius, radius)
    found = figures(against(kind.truth, kind.photo, kind.scores[name], rule), counts)
    return {key: found[key] for key in AT_THRESHOLD}


def against(truth: Truth, photo: Mask, scores: Floats, thresholds: Thresholds) -> Scored:
    """Scores (2, n, N) of a detector held against its thresholds and the truth; see `Kind`."""
    limits = thresholds.of(truth.grey).astype(np.float32)
    above = scores > limits[..., None]
    return Scored(
        scores[0],
        scores[1],
        above[0],
        above[1],
        truth.hidden,
        truth.used,
        photo,
        truth.category,
        truth.coverage,
    )


def roc(s: Scored) -> dict[str, list[float]]:
    """Points of the ROC curve of the occluded copies, closer together at few false positives."""
    visible = np.sort(s.occluded[s.used & ~s.hidden])
    hidden = np.sort(s.occluded[s.used & s.hidden])
    limits = np.quantile(visible, 1 - ROC_SHARES, method="higher")
    limits = np.append(limits, -np.inf)
    return {
        "false_positive": _share_above(visible, limits),
        "recall": _share_above(hidden, limits),
    }


def _share_above(ordered: Floats, limits: NDArray[Any]) -> list[float]:
    shares = 1 - np.searchsorted(ordered, limits, side="right") / len(ordered)
    return [float(share) for share in shares]


def errors_by_place(s: Scored) -> dict[str, list[list[float | None]]]:
    """Where on the face a detector errs.

    Returns
    -------
    dict
        14 x 14 each: ``"false_positive"``, share of the clean copies' patches above the
        threshold; ``"miss"``, share of the hidden patches not above it, None where no object
        ever was.
    """
    hidden = (s.used & s.hidden).sum(axis=0)
    missed = (s.used & s.hidden & ~s.occluded_above).sum(axis=0)
    marked = (s.clean_used & s.clean_above).sum(axis=0)
    return {
        "false_positive": _shares(marked, s.clean_used.sum(axis=0)),
        "miss": _shares(missed, hidden),
    }


def _shares(some: NDArray[Any], of: NDArray[Any]) -> list[list[float | None]]:
    shares = [int(m) / int(h) if h else None for m, h in zip(some, of, strict=True)]
    return [shares[start : start + GRID] for start in range(0, GRID**2, GRID)]
