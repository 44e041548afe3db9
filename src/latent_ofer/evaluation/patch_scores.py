"""Scores of detectors on both copies of each face: made once, then kept on the disk."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.arrays import is_grey
from latent_ofer.datasets.pool import FacePool, Native, Pixels, protocol_copy, resized
from latent_ofer.evaluation.detection_figures import Floats, Mask
from latent_ofer.files import whole_file, write_text
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.occlusion.patches import border_patches, occluded_patches
from latent_ofer.progress import track
from latent_ofer.weights_folder import Thresholds

AT_ONCE = 256
Settings = dict[str, Any]


@dataclass(frozen=True)
class Detectors:
    """One detector, or several that share their work.

    Attributes
    ----------
    digest : str
        Changes with their weights.
    thresholds : dict of str to Thresholds
        By name.
    score : callable
        Faces (n, 112, 112, 3) uint8 RGB to scores (n, 14, 14) by name.
    radii : dict of str to float
        Score above which a patch is hidden by a detector's own rule, where it has one.
    """

    digest: str
    thresholds: dict[str, Thresholds]
    score: Callable[[Pixels], Mapping[str, NDArray[Any]]]
    radii: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Truth:
    """What hides the faces of one kind: n faces, N = 196 patches.

    Attributes
    ----------
    hidden, used : (n, N) bool
        Of the occluded copies: at least a quarter covered; no border patch.
    category : (n,) str
        Of the object.
    coverage : (n,) float
        Share of pixels that it covers.
    grey : (2, n) bool
        Whether the clean copy, and the occluded one, has no colour.
    """

    hidden: Mask
    used: Mask
    category: NDArray[np.str_]
    coverage: NDArray[np.float64]
    grey: Mask


def read_scores(
    pool: FacePool,
    cutouts: list[Cutout],
    detectors: Sequence[Detectors],
    cache: Path,
    settings: Settings,
) -> tuple[Truth, dict[str, Floats]]:
    """Scores of both copies of some faces; those in the cache are not made again.

    Each face is composed once for all detectors.

    Parameters
    ----------
    settings : dict
        All that the copies depend on: names the folder inside `cache`.

    Returns
    -------
    truth : Truth
    scores : dict of str to (2, n, 196) float
        Of the clean copies and the occluded ones, by the name of the detector.
    """
    text = json.dumps(settings, indent=2, sort_keys=True)
    folder = cache / hashlib.sha256(text.encode()).hexdigest()[:16]
    paths = {
        name: folder / f"{name}-{some.digest[:16]}.npy"
        for some in detectors
        for name in some.thresholds
    }
    lacking = [
        some for some in detectors if not all(paths[name].exists() for name in some.thresholds)
    ]
    if lacking or not (folder / "truth.npz").exists():
        truth, made = _make(pool, cutouts, lacking, settings)
        write_text(folder / "settings.json", text)
        with whole_file(folder / "truth.npz") as path:
            np.savez(path, allow_pickle=False, **asdict(truth))
        for name, values in made.items():
            with whole_file(paths[name]) as path:
                np.save(path, values)
    with np.load(folder / "truth.npz") as kept:
        truth = Truth(**kept)
    return truth, {name: np.load(path) for name, path in paths.items()}


def _make(
    pool: FacePool,
    cutouts: list[Cutout],
    detectors: Sequence[Detectors],
    settings: Settings,
) -> tuple[Truth, dict[str, Floats]]:
    truths: list[Truth] = []
    scores: dict[str, list[Floats]] = {}
    starts = range(0, len(pool), AT_ONCE)
    for start in track(starts, len(starts), f"{settings['kind']} faces with objects"):
        rows = range(start, min(start + AT_ONCE, len(pool)))
        faces = [pool.native(row) for row in rows]
        truth, clean, occluded = compose(faces, cutouts, settings["seed"])
        truths.append(truth)
        for some in detectors:
            both = some.score(clean), some.score(occluded)
            for name in some.thresholds:
                pair = np.stack([copy[name] for copy in both]).astype(np.float32)
                scores.setdefault(name, []).append(pair.reshape(2, len(faces), -1))
    joined = {
        name: np.concatenate([getattr(t, name) for t in truths], axis=-1 if name == "grey" else 0)
        for name in Truth.__dataclass_fields__
    }
    return Truth(**joined), {name: np.concatenate(parts, axis=1) for name, parts in scores.items()}


def compose(faces: list[Native], cutouts: list[Cutout], seed: int) -> tuple[Truth, Pixels, Pixels]:
    """Both copies (n, 112, 112, 3) of some faces, clean and with an object, and what hides."""
    copies = [protocol_copy(face, cutouts, seed) for face in faces]
    covered = np.stack([pixels for _, pixels, _ in copies])
    clean = np.stack([resized(face.image) for face in faces])
    occluded = np.stack([face for face, _, _ in copies])
    truth = Truth(
        occluded_patches(covered).reshape(len(faces), -1),
        ~border_patches(covered).reshape(len(faces), -1),
        np.array([category for _, _, category in copies]),
        covered.mean(axis=(1, 2)),
        np.stack([is_grey(clean), is_grey(occluded)]),
    )
    return truth, clean, occluded
