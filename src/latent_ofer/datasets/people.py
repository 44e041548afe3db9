"""Splits that no person is on both sides of."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from latent_ofer.datasets.listing import SPLITS, Problem, Sample, Split
from latent_ofer.datasets.readers.findings import Findings, capped
from latent_ofer.datasets.readers.folders import split_in_path
from latent_ofer.names import name_bytes

TEST_SHARE = 0.2


def split_by_people(
    name: str, subjects: Iterable[str], stratum: Callable[[str], str] = lambda subject: ""
) -> dict[str, Split]:
    """Give each person a split: a fifth of each stratum is test, the others are train.

    The people of a stratum are ordered by the SHA-256 of ``latent-ofer:{name}:{subject}``; the
    first fifth, rounded, and at least one of two or more, is test.

    Parameters
    ----------
    name : str
        The set's name in the registry.
    subjects : iterable of str
        May repeat; their order does not matter.
    stratum : callable
        What to balance, such as the sex of a subject; all people alike by default.

    Returns
    -------
    dict of str to {"train", "test"}
    """
    strata: defaultdict[str, list[str]] = defaultdict(list)
    for subject in sorted(set(subjects)):
        strata[stratum(subject)].append(subject)
    splits: dict[str, Split] = {}
    for people in strata.values():
        people.sort(key=lambda subject: _rank(name, subject))
        tested = max(round(TEST_SHARE * len(people)), int(len(people) > 1))
        splits |= {who: "test" if rank < tested else "train" for rank, who in enumerate(people)}
    return splits


def _rank(name: str, subject: str) -> str:
    return hashlib.sha256(name_bytes(f"latent-ofer:{name}:{subject}")).hexdigest()


def subjects_in_two_splits(samples: Sequence[Sample]) -> list[Problem]:
    """A problem for each person who has pictures in more than one split."""
    first: defaultdict[str, dict[Split, str]] = defaultdict(dict)
    for sample in samples:
        first[sample.subject].setdefault(sample.split, sample.path)
    problems = []
    for subject, paths in sorted(first.items()):
        if subject and len(paths) > 1:
            where = " and ".join(f"{split} ({path})" for split, path in sorted(paths.items()))
            message = f"{subject}: this person is in {where}, expected in one split only."
            problems.append(Problem("subject_in_two_splits", subject, message))
    return capped(problems)


def give_splits(found: Findings, name: str) -> None:
    """Give samples the splits of the copy's own folders, or else splits by people.

    The latter are balanced by the tag ``sex`` where samples have it. Samples outside the folders
    of a copy that has such folders are left out; a note says who made the splits, and the number
    of people and pictures in each.
    """
    of_folder = [(sample, split_in_path(sample.path)) for sample in found.samples]
    if any(split for _, split in of_folder):
        made_by = "the folders of this copy"
        outside = [sample.path for sample, split in of_folder if split is None]
        found.samples = [replace(sample, split=split) for sample, split in of_folder if split]
        found.unlisted(outside, "inside this copy's folders of a split")
        found.of_set += subjects_in_two_splits(found.samples)
    else:
        made_by = "a hash of the person, a fifth of the people to test"
        sex = {sample.subject: sample.tags.get("sex", "") for sample in found.samples}
        splits = split_by_people(name, sex, lambda who: sex[who])
        found.samples = [replace(sample, split=splits[sample.subject]) for sample in found.samples]
    found.notes.append(f"Splits by {made_by}: {_counts(found.samples)}.")


def _counts(samples: Sequence[Sample]) -> str:
    subjects = {split: [s.subject for s in samples if s.split == split] for split in SPLITS}
    return ", ".join(
        f"{split} {len(set(people)):,} people with {len(people):,} pictures"
        for split, people in subjects.items()
        if people
    )
