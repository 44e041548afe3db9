"""What a stage is trained or measured on: the archives, or data sets by name and path."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import numpy as np

from latent_ofer.datasets.archives import archive, read_ferplus, read_pool
from latent_ofer.datasets.cache import sha256_of
from latent_ofer.datasets.covers import SHIPPED_COVERS
from latent_ofer.datasets.listing import Listing
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.prepare import Split, content_key, prepare, summary
from latent_ofer.datasets.registry import data_set, open_set
from latent_ofer.errors import DataError
from latent_ofer.files import file_sha256
from latent_ofer.occlusion.cutouts import DEV_CATEGORIES, Cutout, load_cutouts

Need = Literal["faces", "labels", "objects", "covers"]
"""What a stage may be trained on: all faces, those with a label, cut-outs, named covers."""

ARCHIVES: Final = {"faces": ("faces.zip", "ferplus.zip"), "labels": ("ferplus.zip",)}
OBJECTS = "occluders.zip"
ORDER_SEED = 0
DEV_STEP = 8
"""Every eighth cut-out is kept for dev where none has a category that is."""


@dataclass(frozen=True)
class NamedSet:
    """A data set on disk.

    Attributes
    ----------
    name : str
        In the registry.
    path : Path
        Folder, archive or table that holds it.
    codes : str or None
        Name of the map of its label codes; None for the set's own.
    """

    name: str
    path: Path
    codes: str | None = None


@dataclass(frozen=True)
class Sources:
    """Faces, labels and cut-outs of a training or a measurement.

    Attributes
    ----------
    data : Path
        Folder of the archives.
    cache : Path
        Folder of decoded pictures.
    sets : tuple of NamedSet
        In place of `faces.zip` and FERPlus, where there are any.
    occluders : Path or None
        Archive or folder of cut-outs in place of `occluders.zip`.
    workers : int
        Processes that prepare the faces of the sets.
    """

    data: Path
    cache: Path
    sets: tuple[NamedSet, ...] = ()
    occluders: Path | None = None
    workers: int = 1

    def pool(self, split: Split) -> FacePool:
        """All faces of a split.

        Raises
        ------
        DataError
            When there is none, or data are missing or broken.
        """
        faces = [
            prepare(listing, split, self.cache, crops=crops, workers=self.workers)
            for listing, crops in self._opened
        ]
        pool = FacePool(faces) if faces else read_pool(self.data, split, self.cache)
        if not len(pool):
            raise DataError(f"{self}: holds no face of split {split}. Give a set that does.")
        if not faces:
            return pool
        # Class folders come label by label; the first faces of a pool must be a fair sample.
        return pool.take(np.random.default_rng(ORDER_SEED).permutation(len(pool)))

    def labelled(self, split: Split) -> FacePool:
        """Faces of a split that have a soft label.

        Raises
        ------
        DataError
            When there is none, or data are missing or broken.
        """
        if self.sets:
            everything = self.pool(split)
        else:
            everything = FacePool([read_ferplus(self.data, split, self.cache)])
        rows = np.flatnonzero(everything.targets.sum(1) > 0)
        if not len(rows):
            raise DataError(f"{self}: no {split} face has a label. Give a set that has with --set.")
        return everything.take(rows)

    def summaries(self) -> list[str]:
        """A line a set: how many faces are ready, how many were left out and why."""
        return [
            str(summary(listing, self.cache, crops=crops, workers=self.workers))
            for listing, crops in self._opened
        ]

    def cutouts(self, split: Literal["train", "dev", "val"]) -> list[Cutout]:
        """Cut-outs for training, for dev (kept from training), or of split `val`.

        Raises
        ------
        DataError
            When there is none, or they are missing or broken.
        """
        if split == "val":
            return load_cutouts(self._objects, "val")
        everything = load_cutouts(self._objects, "train")
        places = range(len(everything))
        for_dev = {place for place in places if everything[place].category in DEV_CATEGORIES}
        for_dev = for_dev or set(places[::DEV_STEP])
        chosen = [everything[place] for place in places if (place in for_dev) == (split == "dev")]
        if not chosen:
            raise DataError(f"{self._objects}: needs cut-outs for training besides those for dev.")
        return chosen

    def digests(self, *needs: Need) -> dict[str, str]:
        """SHA-256 of the content of each archive or set behind some needs, by its name.

        Raises
        ------
        DataError
            When data are missing.
        """
        found: dict[str, str] = {}
        for need in needs:
            if need == "objects":
                found[self._objects.name] = _content_sha256(self._objects)
            elif need == "covers":
                found |= {path.name: file_sha256(path) for path in SHIPPED_COVERS}
            elif self.sets:
                found |= self._set_digests
            else:
                paths = [archive(self.data, name) for name in ARCHIVES[need]]
                found |= {path.name: file_sha256(path) for path in paths}
        return found

    def __str__(self) -> str:
        return ", ".join(f"{one.name}={one.path}" for one in self.sets) or str(self.data)

    @cached_property
    def _opened(self) -> list[tuple[Listing, bool]]:
        """Each set's listing, and whether its pictures are crops."""
        return [
            (open_set(one.name, one.path, one.codes), data_set(one.name).crops) for one in self.sets
        ]

    @cached_property
    def _set_digests(self) -> dict[str, str]:
        return {
            f"{listing.name} #{number}": content_key(listing, crops=crops, cache_dir=self.cache)
            for number, (listing, crops) in enumerate(self._opened, start=1)
        }

    @cached_property
    def _objects(self) -> Path:
        return self.occluders or archive(self.data, OBJECTS)


def _content_sha256(path: Path) -> str:
    """Of an archive, or of the names and contents of all files in a folder."""
    if not path.is_dir():
        return file_sha256(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{file.relative_to(path).as_posix()} {file_sha256(file)}" for file in files]
    return sha256_of(lines)
