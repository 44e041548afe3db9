"""What a data set on disk holds and what is wrong with it, before anything is trained on it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.dev_split import DevCheck, DevCounts
from latent_ofer.datasets.duplicates import CopyCounts, Duplicates, Fingerprints, told_copies
from latent_ofer.datasets.listing import SPLITS, Listing, Problem, Sample, Split
from latent_ofer.datasets.main_face import cropped
from latent_ofer.datasets.people import subjects_in_two_splits
from latent_ofer.datasets.registry import SETS
from latent_ofer.errors import ImageError
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.progress import track
from latent_ofer.workers import mapped


@dataclass(frozen=True)
class SplitCounts:
    """Samples of one split.

    Attributes
    ----------
    images : int
    by_expression : mapping of str to int
        All expressions that the set has anywhere, in the order of `labels.EXPRESSIONS`.
    without_label : int
    people : int
        0 where the set does not say who is who.
    published : int or None
        How many labelled pictures (where all labels are withheld: pictures) are published.
    """

    images: int
    by_expression: Mapping[str, int]
    without_label: int
    people: int
    published: int | None


@dataclass(frozen=True)
class CodeCount:
    """How often a set writes a label in one way, and what it was read as (None: no label)."""

    code: str
    expression: str | None
    images: int


@dataclass(frozen=True)
class CheckReport:
    """What `check` found.

    Attributes
    ----------
    name, root : str
        The set's name in the registry, and where it lies.
    splits : mapping of split to SplitCounts
    codes : list of CodeCount
        The most frequent first.
    published : int or None
        Pictures of all splits together, where only that is published.
    copies : CopyCounts or None
        None where the pictures were not opened.
    dev : DevCounts or None
        None where the pictures were not opened, where there is no training face, or where only
        the prepared faces would tell which are dev: photos of unnamed people.
    problems : list of Problem
    notes : list of str
    """

    name: str
    root: str
    splits: Mapping[Split, SplitCounts]
    codes: list[CodeCount]
    published: int | None
    copies: CopyCounts | None
    dev: DevCounts | None
    problems: list[Problem]
    notes: list[str]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """The same as plain Python, safe for JSON."""
        return {"ok": self.ok, **asdict(self)}


def check(
    listing: Listing, *, decode: bool = True, whole: bool = True, workers: int = 1
) -> CheckReport:
    """Count what a set holds and look for what is wrong with it.

    Parameters
    ----------
    listing : Listing
    decode : bool
        Open every picture, once: finds unreadable ones and copies. A bar shows how far it is.
    whole : bool
        False for a part of a set, which may lack classes and has not the published counts.
    workers : int
        Processes that open pictures.

    Returns
    -------
    CheckReport
    """
    problems, notes = list(listing.problems), list(listing.notes)
    if not any(problem.kind == "subject_in_two_splits" for problem in problems):
        problems += subjects_in_two_splits(listing.samples)
    if whole and not any(problem.kind == "empty_class" for problem in problems):
        problems += _empty_classes(listing)
    copies = dev = None
    if decode:
        duplicates, dev, unreadable = _open_all(listing, workers)
        copies, alike = told_copies(listing.samples, duplicates)
        problems += unreadable + alike
    else:
        notes.append("Pictures were not opened: unreadable ones and copies were not looked for.")
    published = SETS[listing.name].counts if whole and listing.name in SETS else {}
    return CheckReport(
        listing.name,
        str(listing.root),
        _split_counts(listing, published),
        _code_counts(listing.samples),
        published.get("all"),
        copies,
        dev,
        problems,
        notes,
    )


def _empty_classes(listing: Listing) -> list[Problem]:
    """Classes that the set is known to have and that are in no split, or lack in one of them.

    Splits by people are not held to it: a rare class may fall on one side.
    """
    known = SETS.get(listing.name)
    labels = {split: {sample.label for sample in listing.of(split)} - {None} for split in SPLITS}
    anywhere = set[int | None]().union(*labels.values())
    if known is None or not anywhere:
        return []
    by_people = any(sample.subject for sample in listing.samples)
    lacking: list[str] = []
    for expression in known.classes:
        label = EXPRESSIONS.index(expression)
        if label not in anywhere and expression not in known.optional:
            lacking.append(expression)
        elif label in anywhere and not by_people:
            empty = [split for split, some in labels.items() if some and label not in some]
            lacking += [f"{expression} in the split {split}" for split in empty]
    root = str(listing.root)
    messages = (f"{root}: no picture of {what}, expected at least one." for what in lacking)
    return [Problem("empty_class", root, message) for message in messages]


def _split_counts(listing: Listing, published: Mapping[str, int]) -> dict[Split, SplitCounts]:
    known = {sample.label for sample in listing.samples} - {None}
    counts: dict[Split, SplitCounts] = {}
    for split in SPLITS:
        labels = Counter(sample.label for sample in listing.of(split))
        if labels:
            counts[split] = SplitCounts(
                labels.total(),
                {name: labels[index] for index, name in enumerate(EXPRESSIONS) if index in known},
                labels[None],
                len({sample.subject for sample in listing.of(split)} - {""}),
                published.get(split),
            )
    return counts


def _code_counts(samples: list[Sample]) -> list[CodeCount]:
    met = Counter((sample.code, sample.label) for sample in samples)
    return [
        CodeCount(code, None if label is None else EXPRESSIONS[label], count)
        for (code, label), count in met.most_common()
    ]


def _open_all(listing: Listing, workers: int) -> tuple[Duplicates, DevCounts | None, list[Problem]]:
    """Decode every picture once; a picture listed several times counts by its first sample."""
    samples = listing.samples
    told_missing = any(problem.kind == "missing_image" for problem in listing.problems)
    prints, dev = Fingerprints(len(samples)), DevCheck(listing)
    problems = []
    for row, picture in _pictures(listing, workers):
        if not isinstance(picture, ImageError):
            prints.add(row, picture)
            dev.add(row, picture)
            continue
        path = samples[row].path
        if listing.pictures.exists(path):
            problems.append(_unreadable(path, picture))
        elif not told_missing:
            message = f"{path}: listed but not there; expected at {listing.root / path}."
            problems.append(Problem("missing_image", path, message))
    duplicates = prints.duplicates([sample.split for sample in samples])
    return duplicates, dev.counts(prints.digests), problems


def _pictures(
    listing: Listing, workers: int
) -> Iterator[tuple[int, NDArray[np.uint8] | ImageError]]:
    """First row and pixels of every face; the file of several faces is decoded once."""
    rows: dict[str, dict[Any, int]] = {}
    for row, sample in enumerate(listing.samples):
        rows.setdefault(sample.path, {}).setdefault(sample.box, row)
    wholes = mapped(listing.pictures.read, list(rows), workers)
    for path, whole in track(
        zip(rows, wholes, strict=True), len(rows), f"Opening the pictures of {listing.name}"
    ):
        if isinstance(whole, ImageError):
            yield next(iter(rows[path].values())), whole
            continue
        for box, row in rows[path].items():
            yield row, cropped(whole, box)


def _unreadable(path: str, error: ImageError) -> Problem:
    reason = error.message.rpartition(f"{path}: ")[2].removeprefix("image: ")
    return Problem("unreadable_image", path, f"{path}: unreadable ({error.code}): {reason}")
