"""Hide, repair, compare and read faces once; what was measured on each is kept.

Every part of 32 faces under every repairer is a file of its own: a run that is killed goes on
where it was, and another repairer costs only what is new.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.pool import FacePool, resized
from latent_ofer.evaluation.pools import ids_of
from latent_ofer.evaluation.repair import quality
from latent_ofer.evaluation.repairers import Mask, Pixels, Repairer
from latent_ofer.files import whole_file
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.occlusion.patches import touched_patches
from latent_ofer.progress import track
from latent_ofer.synthesis.protocols import Settings, occlude

AT_ONCE = 32
CLEAN = "clean face"
"""What stands beside the repairers: the faces with nothing hidden."""

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Reader:
    """A recogniser that knows which patches were repaired.

    Attributes
    ----------
    name : str
    digest : str
    read : callable
        (B, 112, 112, 3) uint8 RGB and repaired patches (B, 14, 14) bool to probabilities (B, 8).
    """

    name: str
    digest: str
    read: Callable[[Pixels, Mask], NDArray[Any]]


@dataclass(frozen=True)
class Detector:
    """What finds the hidden patches.

    Attributes
    ----------
    name : str
        Of its family.
    digest : str
    masks : callable
        (B, 112, 112, 3) uint8 RGB to (B, 14, 14) bool.
    """

    name: str
    digest: str
    masks: Callable[[Pixels], Mask]


@dataclass(frozen=True)
class HiddenFaces:
    """Some faces, hidden, n of them.

    Attributes
    ----------
    clean, shown : (n, 112, 112, 3) uint8 RGB
    hole : (n, 14, 14) bool
        Patches that are hidden in part at least.
    mask : (n, 14, 14) bool
        Patches that are handed to repair: the hole, or what the detector found.
    category : list of n str
        What hides each; empty for a free-form hole.
    coverage : (n,) float
        Hidden share of the pixels.
    """

    clean: Pixels
    shown: Pixels
    hole: Mask
    mask: Mask
    category: list[str]
    coverage: NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """Faces and the way in which they are hidden.

    Attributes
    ----------
    title : str
        Beside the progress bar.
    pool : FacePool
    settings : Settings
        Of the synthetic occlusion.
    cutouts : list of Cutout
        For the *Objects* protocol.
    detector : Detector or None
        None: the true mask is handed to repair.
    data : mapping
        Digests of what the faces and cut-outs come from.
    """

    title: str
    pool: FacePool
    settings: Settings
    cutouts: list[Cutout]
    detector: Detector | None
    data: Mapping[str, str]

    @property
    def ids(self) -> list[str]:
        """One a face, ``source/name``."""
        return ids_of(self.pool)

    def hide(self, rows: Sequence[int]) -> HiddenFaces:
        """Some of the faces, hidden: each is the same in whichever company."""
        natives = [self.pool.native(row) for row in rows]
        hidden = [occlude(face, self.settings, self.cutouts) for face in natives]
        shown = np.stack([one.image for one in hidden])
        covered = np.stack([one.covered for one in hidden])
        hole = touched_patches(covered)
        return HiddenFaces(
            np.stack([resized(face.image) for face in natives]),
            shown,
            hole,
            hole if self.detector is None else self.detector.masks(shown),
            [one.category for one in hidden],
            covered.mean(axis=(1, 2)),
        )


@dataclass(frozen=True)
class Measured:
    """What was measured on n faces.

    Attributes
    ----------
    category : (n,) str
    coverage, flagged : (n,) float
        Hidden share of the pixels; share of the patches that were handed to repair.
    figures : dict of str to dict of str to array
        By repairer, `CLEAN` too: ``psnr``, ``psnr_hole``, ``ssim``, ``ssim_hole`` (n,) - not for
        `CLEAN` - and ``read <reader>`` (n, 8) probabilities.
    """

    category: NDArray[np.str_]
    coverage: NDArray[np.float64]
    flagged: NDArray[np.float64]
    figures: dict[str, Arrays]

    def take(self, rows: NDArray[Any]) -> "Measured":
        """Some of the faces."""
        figures = {
            name: {key: values[rows] for key, values in arrays.items()}
            for name, arrays in self.figures.items()
        }
        return Measured(self.category[rows], self.coverage[rows], self.flagged[rows], figures)


def measure(
    task: Task, repairers: Sequence[Repairer], readers: Sequence[Reader], cache: Path
) -> Measured:
    """Measure every repairer on every face, except what lies in the cache already.

    Parameters
    ----------
    task : Task
    repairers : sequence of Repairer
    readers : sequence of Reader
        What reads the repaired faces.
    cache : Path
        Folder of what was measured before.
    """
    ids = task.ids
    parts = []
    starts = range(0, len(ids), AT_ONCE)
    for start in track(starts, len(starts), task.title):
        rows = range(start, min(start + AT_ONCE, len(ids)))
        folder = cache / _key(task, readers, [ids[row] for row in rows])
        parts.append(_part(task, rows, repairers, readers, folder))
    names = [CLEAN, *(one.name for one in repairers)]
    figures = {
        name: {key: np.concatenate([p[name][key] for p in parts]) for key in parts[0][name]}
        for name in names
    }
    about = figures[CLEAN]
    return Measured(about.pop("category"), about.pop("coverage"), about.pop("flagged"), figures)


def _part(
    task: Task,
    rows: Sequence[int],
    repairers: Sequence[Repairer],
    readers: Sequence[Reader],
    folder: Path,
) -> dict[str, Arrays]:
    paths = {CLEAN: folder / "clean.npz"}
    paths |= {one.name: folder / f"{one.digest[:16]}.npz" for one in repairers}
    lacking = {name for name, path in paths.items() if not path.exists()}
    faces = task.hide(rows) if lacking else None
    if faces is not None and CLEAN in lacking:
        _save(paths[CLEAN], _clean(faces, readers))
    for one in repairers:
        if faces is not None and one.name in lacking:
            _save(paths[one.name], _repaired(faces, one, readers))
    return {name: _load(path) for name, path in paths.items()}


def _clean(faces: HiddenFaces, readers: Sequence[Reader]) -> Arrays:
    return {
        "category": np.array(faces.category, dtype=str),
        "coverage": faces.coverage,
        "flagged": faces.mask.mean(axis=(1, 2)),
        **_read(readers, faces.clean, np.zeros_like(faces.mask)),
    }


def _repaired(faces: HiddenFaces, repairer: Repairer, readers: Sequence[Reader]) -> Arrays:
    repaired, patches = repairer(faces.shown, faces.mask)
    near = quality(repaired, faces.clean, faces.hole)
    return {**vars(near), **_read(readers, repaired, patches)}


def _read(readers: Sequence[Reader], faces: Pixels, patches: Mask) -> Arrays:
    return {f"read {one.name}": np.asarray(one.read(faces, patches)) for one in readers}


def _key(task: Task, readers: Sequence[Reader], ids: Sequence[str]) -> str:
    parts = {
        "version": version("latent-ofer"),
        "settings": asdict(task.settings),
        "detector": task.detector.digest if task.detector else None,
        "readers": {one.name: one.digest for one in readers},
        "data": dict(task.data),
        "ids": list(ids),
    }
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _save(path: Path, arrays: Arrays) -> None:
    with whole_file(path) as partial:
        np.savez(partial, allow_pickle=False, **arrays)


def _load(path: Path) -> Arrays:
    with np.load(path) as kept:
        return dict(kept)
