"""The faces that are measured, the same ones on any machine, and what a report says of them."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.challenge_lists import read_list, restrict
from latent_ofer.datasets.listing import Listing
from latent_ofer.datasets.pool import FacePool, FaceSet
from latent_ofer.datasets.prepare import Split, content_key, prepare, summary
from latent_ofer.datasets.registry import data_set
from latent_ofer.datasets.sources import Sources
from latent_ofer.errors import DataError

SPLITS: Mapping[Split, str] = {"val": "validation"}
"""How a report names a split where the word itself is not clear."""


@dataclass(frozen=True)
class ChosenFaces:
    """Faces to measure on, in the order of their rows in the data.

    Attributes
    ----------
    pool : FacePool
        n faces.
    digests : mapping of str to str
        SHA-256 of the data, by name.
    about : mapping
        For the report: data, split, how many of how many faces, seed, and how many pictures of
        a set were left out because no face was found.
    """

    pool: FacePool
    digests: Mapping[str, str]
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.pool)

    @cached_property
    def ids(self) -> list[str]:
        """``source/name`` of each, no two alike; FERPlus' own name where a set tells it."""
        return ids_of(self.pool)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) indices into `EXPRESSIONS`, -1 where a face has none."""
        return self.pool.labels

    @cached_property
    def people(self) -> list[str]:
        """Who each is, empty where unknown."""
        return self.pool.people

    @cached_property
    def tags(self) -> list[Mapping[str, str]]:
        """What else is known of each."""
        return self.pool.tags

    @property
    def digest(self) -> str:
        """One hash of all the data."""
        text = json.dumps(dict(self.digests), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def take(self, rows: NDArray[np.int64]) -> "ChosenFaces":
        """Some of them."""
        return replace(self, pool=self.pool.take(rows))


def ids_of(pool: FacePool) -> list[str]:
    """``source/name`` of each face of a pool."""
    known = zip(pool.keys, pool.tags, strict=True)
    return [f"{source}/{tags.get('name', name)}" for (source, name), tags in known]


def chosen(ids: Sequence[str], limit: int | None, seed: int) -> NDArray[np.int64]:
    """Rows of a subset drawn by name: no generator, order of files or library version matters.

    The ids are ordered by ``sha256(f"{seed}:{id}")`` (UTF-8) and the first `limit` taken, so a
    larger limit keeps the faces of a smaller one.

    Parameters
    ----------
    ids : sequence of n str
    limit : int or None
        How many; None, or more than there are, takes all.
    seed : int

    Returns
    -------
    (m,) int
        Rows of `ids`, ascending.

    Raises
    ------
    ValueError
        If `limit` is below 1.
    """
    if limit is None:
        return np.arange(len(ids))
    if limit < 1:
        raise ValueError(f"limit must be a whole number from 1 up; got {limit}")
    drawn = [hashlib.sha256(f"{seed}:{name}".encode()).digest() for name in ids]
    order = sorted(range(len(ids)), key=drawn.__getitem__)
    return np.sort(np.array(order[:limit], dtype=np.int64))


def subset(pool: FacePool, limit: int | None, seed: int) -> FacePool:
    """So many of the faces, the same on any machine; all without a limit."""
    return pool.take(chosen(ids_of(pool), limit, seed))


def kinds_of(pool: FacePool) -> dict[str, FacePool]:
    """Faces in colour, and those of FERPlus; grey photos of the archives belong to neither.

    Where no face is FERPlus', every grey one belongs to the second kind. A kind without faces is
    left out.
    """
    ferplus = np.array([source == "ferplus" for source, _ in pool.keys], dtype=np.bool_)
    rows = {"colour": pool.colour, "grey": ferplus if ferplus.any() else ~pool.colour}
    return {name: pool.take(np.flatnonzero(some)) for name, some in rows.items() if some.any()}


def choose_kinds(
    sources: Sources, split: Split, limit: int | None, seed: int
) -> dict[str, ChosenFaces]:
    """Faces of one split, with a label or without, in colour and grey apart.

    Parameters
    ----------
    sources, split, seed
        As for `choose_faces`.
    limit : int or None
        How many of each kind.
    """
    digests = sources.digests("faces")
    return {
        kind: ChosenFaces(
            subset(pool, limit, seed),
            digests,
            {"split": SPLITS.get(split, split), "of": len(pool), "seed": seed},
        )
        for kind, pool in kinds_of(sources.pool(split)).items()
    }


def choose_faces(sources: Sources, split: Split, limit: int | None, seed: int) -> ChosenFaces:
    """Labelled faces of one split.

    Parameters
    ----------
    sources : Sources
        FERPlus of its archives under the *Majority* rule, or its sets.
    split : {"train", "dev", "val", "test"}
    limit : int or None
        How many; `seed` draws which, by their ids. None takes all.
    seed : int

    Raises
    ------
    DataError
        When data are missing or broken, or no face of the split has a label.
    """
    about = {"data": str(sources) if sources.sets else "FERPlus, majority labels"}
    sets = sources.labelled(split).sets
    about["split"] = SPLITS.get(split, split)
    if sources.sets:
        about["prepared"] = " ".join(sources.summaries())
    return _chosen(sets, sources.digests("labels"), about, limit, seed)


def choose_listed(
    listing: Listing, list_file: Path | None, cache: Path, limit: int | None, seed: int
) -> ChosenFaces:
    """Labelled faces of a data set that a list names, or all of its faces, whatever their split.

    Parameters
    ----------
    listing : Listing
    list_file : Path or None
        One of the lists that `challenge_lists` reads.
    cache : Path
        Folder of prepared faces.
    limit, seed
        As for `choose_faces`.

    Raises
    ------
    DataError
        When the list is of another data set or none of its faces is there.
    """
    about: dict[str, Any] = {"data": f"{listing.name}={listing.root}"}
    if list_file is not None:
        named = read_list(list_file)
        listing = restrict(listing, named)
        about["list"] = (
            f"{list_file.name}, {len(listing.samples)} of its {len(named.entries)} faces here"
        )
    splits = Counter(sample.split for sample in listing.samples)
    about["split"] = " + ".join(f"{SPLITS.get(split, split)}" for split in sorted(splits))
    crops = data_set(listing.name).crops
    parts: list[Split] = ["dev"] if "train" in splits else []
    parts += sorted(splits)
    sets = [prepare(listing, part, cache, crops=crops) for part in parts]
    about["prepared"] = str(summary(listing, cache, crops=crops))
    digests = {listing.name: content_key(listing, crops=crops, cache_dir=cache)}
    return _chosen(sets, digests, about, limit, seed)


def _chosen(
    sets: Sequence[FaceSet],
    digests: Mapping[str, str],
    about: Mapping[str, Any],
    limit: int | None,
    seed: int,
) -> ChosenFaces:
    everything = FacePool(sets)
    labelled = everything.take(np.flatnonzero(everything.labels >= 0))
    if not len(labelled):
        raise DataError(f"{about['data']}: no face of split {about['split']} has a label.")
    pool = subset(labelled, limit, seed)
    told = {**about, "n": len(pool), "of": len(labelled), "seed": seed}
    return ChosenFaces(pool, digests, told)
