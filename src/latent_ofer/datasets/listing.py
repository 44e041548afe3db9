"""What a reader finds in a data set on disk: its pictures with labels, and what is wrong."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "val", "test"]
"""A set without parts of its own gets them from its people, or is all `test`; its reader says so
in a note."""
SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")

ProblemKind = Literal[
    "missing_folder",
    "missing_file",
    "bad_file",
    "unknown_code",
    "label_out_of_range",
    "missing_image",
    "unreadable_image",
    "unlisted_image",
    "empty_class",
    "bad_name",
    "duplicate",
    "subject_in_two_splits",
]
"""Stable codes of what can be wrong with a data set."""

Box = tuple[float, float, float, float]

Landmarks = tuple[tuple[float, float], ...]
"""Five points, x and y in pixels."""


def read_landmarks(row: Mapping[str, str]) -> Landmarks | None:
    """Five points of the columns ``lm0x``, ``lm0y`` ... ``lm4y``; None where there are none."""
    try:
        return tuple((float(row[f"lm{i}x"]), float(row[f"lm{i}y"])) for i in range(5))
    except (KeyError, ValueError):
        return None


@dataclass(frozen=True)
class Sample:
    """One face that a data set lists.

    Attributes
    ----------
    path : str
        What `Pictures.read` takes: relative to the set's root with forward slashes, a member of
        its zip archive, or ``fer2013.csv#12`` for row 12 of a table of pixels.
    split : {"train", "val", "test"}
    label : int or None
        Index into `labels.EXPRESSIONS`; None where the set gives no usable label.
    code : str
        The label as the set writes it; empty where there is none.
    subject : str
        Who it is, where the set says so; else empty.
    votes : tuple of int or None
        Ten votes of FERPlus (neutral ... contempt, unknown, NF).
    box : (x, y, width, height) or None
        Pixels of the picture, where it may hold several faces.
    landmarks : five (x, y) or None
        Pixels of the picture, where the set brings them: the picture is an aligned face then, or
        a crop of FER2013.
    tags : mapping of str to str
        What else the set knows: angle, session, kind of occlusion, sex, age ...
    """

    path: str
    split: Split
    label: int | None
    code: str = ""
    subject: str = ""
    votes: tuple[int, ...] | None = None
    box: Box | None = None
    landmarks: Landmarks | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def trains(self) -> bool:
        """Whether it is a training face, and no copy of a held-out one (tag ``twin``)."""
        return self.split == "train" and self.tags.get("twin") != "yes"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a data set.

    Attributes
    ----------
    kind : str
        A stable code.
    place : str
        File (and line) that it is about.
    message : str
        One sentence: where, what, and what was expected or what to do.
    """

    kind: ProblemKind
    place: str
    message: str


class Pictures(Protocol):
    """Where a set's pictures are; can be pickled, for worker processes."""

    def read(self, path: str) -> NDArray[np.uint8]:
        """One picture, upright: (H, W, 3) or, where stored grey, (H, W) uint8.

        Raises
        ------
        ImageError
            When it cannot be read.
        """

    def exists(self, path: str) -> bool:
        """Whether there is such a picture."""

    def files(self, paths: Iterable[str]) -> tuple[Path, list[str]]:
        """Folder or archive, and the files in it that hold some pictures; each once, sorted."""


@dataclass(frozen=True)
class Listing:
    """A data set as its reader found it; no picture has been decoded yet.

    Attributes
    ----------
    name : str
        The set's name in the registry.
    root : Path
        What the user gave.
    pictures : Pictures
    samples : list of Sample
        In an order that depends on the set's content only.
    problems : list of Problem
        What is wrong, as far as the lists tell.
    notes : list of str
        What the reader decided and a user must know: which label table was used, who made the
        splits, what was skipped by rule.
    """

    name: str
    root: Path
    pictures: Pictures
    samples: list[Sample]
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def of(self, split: Split) -> list[Sample]:
        """Samples of one split."""
        return [sample for sample in self.samples if sample.split == split]


Reader = Callable[[Path, str | None], Listing]
"""``read(root, codes)``: `codes` names the map in `labels.CODES` for a copy whose class folders
are bare digits; None asks for the set's own. A path that cannot hold the set at all raises
DataError; whatever is wrong inside becomes a Problem."""
