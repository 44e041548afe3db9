"""Copies of a data set with a folder for each class, and what people call the folders."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from latent_ofer.datasets.findings import read_code
from latent_ofer.datasets.listing import Problem, Sample, Split
from latent_ofer.datasets.tree import Tree
from latent_ofer.labels import CODES, EXPRESSIONS, WORDS, index_of_word

SPLITS: Final[Mapping[str, Split]] = {
    "train": "train",
    "training": "train",
    "train_set": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "val_set": "val",
    "valid_set": "val",
    "validation_set": "val",
    "test": "test",
    "testing": "test",
    "test_set": "test",
}
"""What people call the folder of a split, in lower case."""

DIGITS = re.compile(r"\d{1,2}")


@dataclass(frozen=True)
class ClassFolder:
    """A folder that holds the pictures of one class.

    Attributes
    ----------
    path : str
        Inside the tree.
    name : str
        The class as the copy writes it.
    split : {"train", "val", "test"} or None
        From a folder above; None where none tells.
    pictures : list of str
    """

    path: str
    name: str
    split: Split | None
    pictures: list[str]

    @property
    def is_digits(self) -> bool:
        """Whether the class is a bare number."""
        return DIGITS.fullmatch(self.name) is not None


def split_in_path(path: str) -> Split | None:
    """Split that a folder of a path names, the innermost one first; None where none does."""
    folders = path.lower().split("/")[:-1]
    return next((SPLITS[folder] for folder in reversed(folders) if folder in SPLITS), None)


def class_folders(tree: Tree) -> list[ClassFolder]:
    """Folders named with a bare number or an expression, and the picture folders beside them."""
    pictures: defaultdict[str, list[str]] = defaultdict(list)
    for path in tree.pictures():
        pictures[path.rpartition("/")[0]].append(path)
    found = [
        ClassFolder(folder, folder.rpartition("/")[2], split_in_path(paths[0]), paths)
        for folder, paths in sorted(pictures.items())
        if folder
    ]
    homes = {_home(folder) for folder in found if folder.is_digits or _is_word(folder.name)}
    return [folder for folder in found if _home(folder) in homes]


def _home(folder: ClassFolder) -> str:
    return folder.path.rpartition("/")[0]


def _is_word(name: str) -> bool:
    return name.strip().lower() in WORDS


def samples_of(
    folders: Sequence[ClassFolder],
    codes: str,
    other_split: Callable[[str], Split],
    optional: AbstractSet[str] = frozenset(),
) -> tuple[list[Sample], list[Problem], list[str]]:
    """Samples of class folders, by the word or the code that names each folder.

    Parameters
    ----------
    codes : str
        Name of the set's map in `labels.CODES`: the classes it has, and what bare numbers mean.
    other_split : callable
        Split of a picture that no folder tells it of.
    optional : set of str
        Expressions that a copy may lack altogether.

    Returns
    -------
    samples : list of Sample
    problems : list of Problem
        Unknown codes and classes without a picture.
    notes : list of str
        Classes that the whole copy lacks.
    """
    samples: list[Sample] = []
    problems: list[Problem] = []
    for folder in folders:
        label = _label(folder, codes)
        if isinstance(label, Problem):
            problems.append(label)
            continue
        samples += [
            Sample(path, folder.split or other_split(path), label, folder.name)
            for path in folder.pictures
        ]
    empty, notes = _empty_classes(folders, samples, codes, optional)
    return samples, problems + empty, notes


def _label(folder: ClassFolder, codes: str) -> int | None | Problem:
    if not _is_word(folder.name):
        return read_code(folder.name, codes, folder.path)
    label = index_of_word(folder.name)
    if EXPRESSIONS[label] in CODES[codes].values():
        return label
    message = (
        f"{folder.path}: {folder.name} is no class of this set, expected "
        f"{', '.join(CODES[codes].values())}."
    )
    return Problem("unknown_code", folder.path, message)


def _empty_classes(
    folders: Sequence[ClassFolder],
    samples: Sequence[Sample],
    codes: str,
    optional: AbstractSet[str],
) -> tuple[list[Problem], list[str]]:
    filled = {(sample.split, sample.label) for sample in samples}
    anywhere = {label for _, label in filled}
    homes = {(_home(folder), folder.split): folder.is_digits for folder in folders}
    problems: list[Problem] = []
    notes: list[str] = []
    for code, expression in CODES[codes].items():
        label = EXPRESSIONS.index(expression)
        if label not in anywhere and expression in optional:
            notes.append(f"This copy has no {expression}.")
            continue
        for (home, split), digits in sorted(homes.items(), key=str):
            lacks = label not in anywhere if split is None else (split, label) not in filled
            if lacks:
                place = f"{home}/{code if digits else expression}".lstrip("/")
                message = f"{place}: no pictures of {expression}, expected at least one."
                problems.append(Problem("empty_class", place, message))
    return problems, notes
