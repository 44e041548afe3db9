"""A data set's faces ready for training and evaluation: found, aligned, in the splits we use."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.face_cache import KEPT, FaceCache, Prepared
from latent_ofer.datasets.face_set import FaceSet
from latent_ofer.datasets.ferplus import NATIVE_SIZE, soft_targets
from latent_ofer.datasets.fingerprint import fingerprint
from latent_ofer.datasets.listing import Listing, Sample
from latent_ofer.datasets.main_face import SMALL, MainFaces
from latent_ofer.errors import DataError
from latent_ofer.images.align import TEMPLATE_SIZE
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.names import name_bytes, utf8_text

Split = Literal["train", "dev", "val", "test"]
Part = Literal["train", "twin", "val", "test"]

VERSION: Final = 2
"""Of how faces are found, aligned and kept for dev: another one makes every cache anew."""
PARTS: Final[tuple[Part, ...]] = ("train", "twin", "val", "test")
"""Order of the faces in the cache: with each in one piece, none is copied to memory."""


@dataclass(frozen=True)
class _Plan:
    """Which samples are where in the cache."""

    cache: FaceCache
    parts: list[Part]
    names: list[str]


def prepare(
    listing: Listing, split: Split, cache_dir: Path, *, crops: bool, workers: int = 1
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
        the template's landmarks. The 48 px crops of FER2013 and FERPlus are taken as they are.
        In a whole photo the face that fits the sample's box is taken, or the main one.
    workers : int
        Processes.

    Returns
    -------
    FaceSet
        Images memory-mapped, of 48 px (grey) or 112 px (aligned, RGB); the tag ``found`` says
        ``yes`` where a face was found and aligned and ``no`` where a crop was only squared.

    Raises
    ------
    DataError
        When there is no face at all, the cache cannot be written, or a worker dies.
    """
    plan = _plan(listing, cache_dir, crops)
    plan.cache.ensure(workers)
    return _face_set(plan, split)


def summary(listing: Listing, cache_dir: Path, *, crops: bool, workers: int = 1) -> Prepared:
    """What became of a set's samples; prepares them where `prepare` has not yet.

    Raises
    ------
    DataError
        As `prepare`.
    """
    plan = _plan(listing, cache_dir, crops)
    plan.cache.ensure(workers)
    return plan.cache.summary()


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
        f"{sample.box}\0{sorted(sample.tags.items())}"
        for sample in listing.samples
    ]
    pictures = fingerprint(listing.pictures, (s.path for s in listing.samples), cache_dir)
    return _sha256([f"{VERSION} {crops} {listing.name}", pictures, *said])


def _part_of(sample: Sample) -> Part:
    """Where a sample belongs, dev and training still together."""
    return "twin" if sample.split == "train" and not sample.trains else sample.split


def _plan(listing: Listing, cache_dir: Path, crops: bool) -> _Plan:
    parts = [_part_of(sample) for sample in listing.samples]
    names = _unique([utf8_text(sample.path) for sample in listing.samples])
    order = sorted(range(len(parts)), key=lambda row: PARTS.index(parts[row]))
    samples = [listing.samples[row] for row in order]
    small = crops and listing.name in SMALL
    pictures = fingerprint(listing.pictures, (sample.path for sample in samples), cache_dir)
    places = [f"{s.path}\0{s.box}\0{parts[row]}" for s, row in zip(samples, order, strict=True)]
    key = _sha256([f"{VERSION} {crops} {small}", pictures, *places])
    cache = FaceCache(
        listing.name,
        cache_dir / f"{listing.name}-{key[:16]}",
        samples,
        parts.count("train"),
        (NATIVE_SIZE, NATIVE_SIZE) if small else (TEMPLATE_SIZE, TEMPLATE_SIZE, 3),
        MainFaces(listing.pictures, crops, small),
    )
    return _Plan(cache, [parts[row] for row in order], [names[row] for row in order])


def _sha256(lines: Sequence[str]) -> str:
    return hashlib.sha256(name_bytes("\n".join(lines))).hexdigest()


def _unique(paths: Sequence[str]) -> list[str]:
    """Paths, with ``#2``, ``#3`` ... where one holds several samples."""
    seen: Counter[str] = Counter()
    names = []
    for path in paths:
        seen[path] += 1
        names.append(path if seen[path] == 1 else f"{path}#{seen[path]}")
    return names


def _face_set(plan: _Plan, split: Split) -> FaceSet:
    records = plan.cache.records()
    kept = np.flatnonzero(np.isin(records["how"], KEPT))
    if not len(kept):
        raise DataError(f"No face to work with. {plan.cache.summary()}")
    dev, part = split == "dev", "train" if split == "dev" else split
    of_file = kept[records["dev"][kept] == dev]
    of_split = np.flatnonzero(np.array(plan.parts)[of_file] == part)
    here = slice(of_split[0], of_split[-1] + 1) if len(of_split) else slice(0, 0)
    rows = of_file[here]
    samples = [plan.cache.samples[row] for row in rows]
    chosen = records[rows]
    return FaceSet(
        plan.cache.images(dev)[here],
        chosen["landmarks"],
        chosen["colour"],
        [plan.cache.name] * len(rows),
        [plan.names[row] for row in rows],
        np.array([-1 if s.label is None else s.label for s in samples], dtype=np.int64),
        _targets(samples),
        [utf8_text(sample.subject) for sample in samples],
        [_tags(s, how) for s, how in zip(samples, chosen["how"], strict=True)],
    )


def _targets(samples: Sequence[Sample]) -> NDArray[np.float32]:
    """Shares of votes where there are any, else one for the label, else zeros."""
    targets = np.zeros((len(samples), len(EXPRESSIONS)), dtype=np.float32)
    for target, sample in zip(targets, samples, strict=True):
        if sample.votes is not None:
            target[:] = soft_targets(np.array([sample.votes]))[0]
        elif sample.label is not None:
            target[sample.label] = 1
    return targets


def _tags(sample: Sample, how: bytes) -> Mapping[str, str]:
    found = {b"aligned": {"found": "yes"}, b"squared": {"found": "no"}}
    return {**sample.tags, **found.get(how, {})}
