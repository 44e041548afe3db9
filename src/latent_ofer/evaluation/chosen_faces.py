"""The labelled faces that a recogniser is measured on, and what a report says of them."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from latent_ofer.evaluation.subsets import chosen

SPLITS: Mapping[Split, str] = {"val": "validation"}
"""How a report names a split where the word itself is not clear."""


@dataclass(frozen=True)
class ChosenFaces:
    """Faces to measure on, in the order of their ids' rows in the data.

    Attributes
    ----------
    pool : FacePool
        n faces, each with a label.
    ids : list of n str
        ``source/name``, no two alike.
    people : list of n str or None
        Who each is, empty where unknown; None where nobody is named.
    tags : list of n mappings
        What else is known of each.
    digests : mapping of str to str
        SHA-256 of the data, by name.
    about : mapping
        For the report: data, split, how many of how many faces, seed, and how many pictures of
        a set were left out because no face was found.
    """

    pool: FacePool
    ids: list[str]
    people: list[str] | None
    tags: list[Mapping[str, str]]
    digests: Mapping[str, str]
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) indices into `EXPRESSIONS`."""
        return self.pool.labels

    @property
    def digest(self) -> str:
        """One hash of all the data."""
        text = json.dumps(dict(self.digests), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


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
    ids = [face for faces in sets for face in _ids(faces)]
    labelled = np.flatnonzero(everything.labels >= 0)
    if not len(labelled):
        raise DataError(f"{about['data']}: no face of split {about['split']} has a label.")
    rows = labelled[chosen([ids[row] for row in labelled], limit, seed)]
    subjects = [name for faces in sets for name in faces.subjects]
    tags = [tag for faces in sets for tag in faces.tags]
    people = [subjects[row] for row in rows]
    return ChosenFaces(
        everything.take(rows),
        [ids[row] for row in rows],
        people if any(people) else None,
        [tags[row] for row in rows],
        digests,
        {**about, "n": len(rows), "of": len(labelled), "seed": seed},
    )


def _ids(faces: FaceSet) -> list[str]:
    """FERPlus' image name where a set tells it: the same in every form that the set comes in."""
    return [
        f"{source}/{tags.get('name', name)}"
        for source, name, tags in zip(faces.sources, faces.names, faces.tags, strict=True)
    ]
