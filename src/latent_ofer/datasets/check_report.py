"""What the check of a data set found, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from latent_ofer.datasets.listing import Problem, Split


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
class CopyCounts:
    """Copies among the pictures: those of `exact` and `near` are problems too.

    Attributes
    ----------
    exact : int
        Pictures with the very same pixels as another that stays.
    exact_across : int
        Those of `exact` whose other is in another split.
    near : int
        Pictures that look nearly like one in a split further held out.
    near_within : int
        Pictures that look nearly like another in their own split: no problem.
    """

    exact: int
    exact_across: int
    near: int
    near_within: int


@dataclass(frozen=True)
class DevCounts:
    """Whether the faces kept for dev are strangers to the others of the training split.

    Attributes
    ----------
    faces, training : int
        Those kept for dev, and the others.
    of_people_in_training : int
        Dev faces of somebody who is among the others too.
    copies_of_training : int
        Dev faces with the very same pixels as one of the others.
    """

    faces: int
    training: int
    of_people_in_training: int
    copies_of_training: int


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
        return {
            "name": self.name,
            "root": self.root,
            "ok": self.ok,
            "splits": {split: vars(counts) for split, counts in self.splits.items()},
            "codes": [vars(code) for code in self.codes],
            "published": self.published,
            "copies": vars(self.copies) if self.copies else None,
            "dev": vars(self.dev) if self.dev else None,
            "problems": [vars(problem) for problem in self.problems],
            "notes": self.notes,
        }
