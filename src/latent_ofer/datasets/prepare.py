"""A data set's faces ready for training and evaluation: found, aligned, in the splits we use."""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.cache import fingerprint, sha256_of
from latent_ofer.datasets.face_cache import KEPT, FaceCache, Prepared
from latent_ofer.datasets.ferplus import NATIVE_SIZE, UNUSED_COLUMNS, VOTERS, soft_targets
from latent_ofer.datasets.listing import Listing, Sample
from latent_ofer.datasets.main_face import SMALL, MainFaces
from latent_ofer.datasets.pool import FaceSet
from latent_ofer.errors import DataError
from latent_ofer.images.align import TEMPLATE_SIZE
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.names import utf8_text

Split = Literal["train", "dev", "val", "test"]
Part = Literal["train", "twin", "val", "test"]

VERSION: Final = 2
"""Of how faces are found, aligned and kept for dev: another one makes every cache anew."""
PARTS: Final[tuple[Part, ...]] = ("train", "twin", "val", "test")
"""Order of the faces in the cache: with each in one piece, none is copied to memory."""


def prepare(
    listing: Listing,
    split: Split,
    cache_dir: Path,
    *,
    crops: bool,
    workers: int = 1,
    whole: bool = False,
) -> FaceSet:
    """The faces of one split of a data set.

    The first call prepares those of all splits, with a progress bar; later ones find them. A face
    whose picture cannot be read, and a whole photo without a face, is left out: `summary` counts
    them.

    Parameters
    ----------
    listing : Listing
    split : {"train", "dev", "val", "test"}
        dev is an eighth of the set's own training split, as `dev_split.in_dev` picks: by the
        person where samples name one, else by the pixels of the prepared face, so that nobody
        and no copy of a face is in both; train is the rest. Training faces with the tag ``twin``
        are in neither.
    cache_dir : Path
        Folder of prepared faces.
    crops : bool
        Whether the pictures are face crops already: one without a face found is squared and gets
        the template's landmarks. The 48 px crops of FER2013 and FERPlus, and aligned faces that
        bring landmarks, are taken as they are. In a whole photo the face that fits the sample's
        box is taken, or the main one.
    workers : int
        Processes.
    whole : bool
        Whether it is an error that a picture is missing or left out.

    Returns
    -------
    FaceSet
        Images memory-mapped, of 48 px (grey) or 112 px (aligned, RGB); the tag ``found`` says
        ``yes`` where a face was found and aligned and ``no`` where a crop was only squared.

    Raises
    ------
    DataError
        When there is no face at all, the cache cannot be written, or a worker dies; with `whole`
        when anything is missing.
    """
    lacking = [p for p in listing.problems if p.kind in ("missing_image", "missing_file")]
    if whole and lacking:
        raise DataError(f"{listing.root}: {lacking[0].message} Copy it anew.")
    cache = _cache(listing, cache_dir, crops)
    cache.ensure(workers)
    told = cache.summary()
    if whole and told.left_out:
        shutil.rmtree(cache.folder)  # a whole copy may have the same name
        code, path = next(iter(told.examples.items()))
        raise DataError(f"{listing.root}: cannot read {path} ({code}). Copy it anew.")
    return _face_set(cache, split)


def summary(listing: Listing, cache_dir: Path, *, crops: bool, workers: int = 1) -> Prepared:
    """What became of a set's samples; prepares them where `prepare` has not yet.

    Raises
    ------
    DataError
        As `prepare`.
    """
    cache = _cache(listing, cache_dir, crops)
    cache.ensure(workers)
    return cache.summary()


def content_key(listing: Listing, *, crops: bool, cache_dir: Path | None = None) -> str:
    """SHA-256 over the pictures of a set and all that is said of them.

    Parameters
    ----------
    listing : Listing
    crops : bool
        As for `prepare`.
    cache_dir : Path, optional
        Where the pictures' hashes are kept: without it each call reads every picture.

    Returns
    -------
    str
        Hex.
    """
    said = [
        f"{sample.path}\0{sample.split}\0{sample.label}\0{sample.subject}\0{sample.votes}\0"
        f"{sample.box}\0{sorted(sample.tags.items())}{_landmarks(sample)}"
        for sample in listing.samples
    ]
    pictures = fingerprint(listing.pictures, (s.path for s in listing.samples), cache_dir)
    return sha256_of([f"{VERSION} {crops} {listing.name}", pictures, *said])


def _landmarks(sample: Sample) -> str:
    return f"\0{sample.landmarks}" if sample.landmarks else ""


def _part_of(sample: Sample) -> Part:
    """Where a sample belongs, dev and training still together."""
    return "twin" if sample.split == "train" and not sample.trains else sample.split


def _cache(listing: Listing, cache_dir: Path, crops: bool) -> FaceCache:
    samples = sorted(listing.samples, key=lambda sample: PARTS.index(_part_of(sample)))
    small = crops and listing.name in SMALL
    pictures = fingerprint(listing.pictures, (sample.path for sample in samples), cache_dir)
    places = [f"{s.path}\0{s.box}\0{_part_of(s)}{_landmarks(s)}" for s in samples]
    key = sha256_of([f"{VERSION} {crops} {small}", pictures, *places])
    return FaceCache(
        listing.name,
        cache_dir / f"{listing.name}-{key[:16]}",
        samples,
        sum(sample.trains for sample in samples),
        (NATIVE_SIZE, NATIVE_SIZE) if small else (TEMPLATE_SIZE, TEMPLATE_SIZE, 3),
        MainFaces(listing.pictures, crops, small),
    )


def _names(samples: Sequence[Sample]) -> list[str]:
    """Base names where the set has such, else paths, with ``#2`` ... where one is there again."""
    seen: Counter[str] = Counter()
    names = []
    for sample in samples:
        name = utf8_text(sample.tags.get("name", sample.path))
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names


def _face_set(cache: FaceCache, split: Split) -> FaceSet:
    records = cache.records()
    kept = np.flatnonzero(np.isin(records["how"], KEPT))
    if not len(kept):
        raise DataError(f"No face to work with. {cache.summary()}")
    dev, part = split == "dev", "train" if split == "dev" else split
    parts = np.array([_part_of(sample) for sample in cache.samples])
    of_file = kept[records["dev"][kept] == dev]
    of_split = np.flatnonzero(parts[of_file] == part)
    here = slice(of_split[0], of_split[-1] + 1) if len(of_split) else slice(0, 0)
    rows = of_file[here]
    names = _names(cache.samples)
    samples = [cache.samples[row] for row in rows]
    chosen = records[rows]
    grey = np.array(["grey" in sample.tags for sample in samples], dtype=np.bool_)
    return FaceSet(
        cache.images(dev)[here],
        chosen["landmarks"],
        chosen["colour"] & ~grey,
        [sample.tags.get("source", cache.name) for sample in samples],
        [names[row] for row in rows],
        np.array([-1 if s.label is None else s.label for s in samples], dtype=np.int64),
        _targets(samples),
        [utf8_text(sample.subject) for sample in samples],
        [_tags(s, how) for s, how in zip(samples, chosen["how"], strict=True)],
    )


def _targets(samples: Sequence[Sample]) -> NDArray[np.float32]:
    """Shares of votes where there are any, else one for the label, else zeros."""
    votes = np.zeros((len(samples), len(EXPRESSIONS) + UNUSED_COLUMNS), dtype=np.int64)
    for row, sample in zip(votes, samples, strict=True):
        if sample.votes is not None:
            row[:] = sample.votes
        elif sample.label is not None:
            row[sample.label] = VOTERS
    return soft_targets(votes)


def _tags(sample: Sample, how: bytes) -> Mapping[str, str]:
    found = {b"aligned": {"found": "yes"}, b"squared": {"found": "no"}}
    return {**sample.tags, **found.get(how, {})}
