"""Copies of a data set with a folder for each class; any folder of class folders, and SFEW."""

import zipfile
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from latent_ofer.datasets.listing import Listing, Sample, Split
from latent_ofer.datasets.readers.findings import Fault, Findings, read_code
from latent_ofer.datasets.tree import Tree
from latent_ofer.labels import CODES, EXPRESSIONS, WORDS, index_of_word

_NAMES: Final[Mapping[Split, Sequence[str]]] = {
    "train": ("train", "training", "train_set"),
    "val": ("val", "valid", "validation", "val_set", "valid_set", "validation_set"),
    "test": ("test", "testing", "test_set"),
}
SPLITS: Final = {name: split for split, names in _NAMES.items() for name in names}
"""What people call the folder of a split, in lower case -> split."""

SEVEN_CLASSES: Final = "fer2013"
EIGHT_CLASSES: Final = "ferplus"
"""Maps of all classes, for sets of which only the words are known."""


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
        return self.name.isdecimal() and len(self.name) <= 2

    @property
    def is_word(self) -> bool:
        """Whether the class is named by a known word."""
        return self.name.strip().lower() in WORDS

    @property
    def home(self) -> str:
        """The folder that it stands in."""
        return self.path.rpartition("/")[0]


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
    homes = {folder.home for folder in found if folder.is_digits or folder.is_word}
    return [folder for folder in found if folder.home in homes]


def known_folders(found: Findings, title: str, codes: str | None) -> list[ClassFolder]:
    """Class folders of a set, whose classes are words unless a map of codes is given.

    Parameters
    ----------
    title : str
        The set's name as people write it, for the message.
    codes : str or None
        Map in `labels.CODES` for class folders that are bare numbers.

    Raises
    ------
    DataError
        Where there is no class folder, or bare numbers come without `codes`.
    """
    folders = class_folders(found.tree)
    found.must_have_a_map((f.name for f in folders if f.is_digits for _ in f.pictures), codes)
    if not folders:
        raise found.not_the_set(title, "folders such as happy, sad and angry, or train/happy")
    return folders


def take_folders(
    found: Findings,
    folders: Sequence[ClassFolder],
    codes: str,
    optional: Collection[str] = frozenset(),
    split_of: Callable[[str], Split | None] = lambda path: None,
) -> None:
    """Take the pictures of class folders, by the word or the code that names each folder.

    Unknown codes and classes without a picture are problems; classes that the whole copy lacks
    are noted.

    Parameters
    ----------
    found : Findings
    codes : str
        Name of the set's map in `labels.CODES`: the classes it has, and what bare numbers mean.
    optional : set of str
        Expressions that a copy may lack altogether.
    split_of : callable
        Split that a picture's own path tells, where its folder tells none; test without either.
    """
    for folder in folders:
        with found.telling():
            label = _label(folder, codes)
            found.samples += [
                Sample(path, folder.split or split_of(path) or "test", label, folder.name)
                for path in folder.pictures
            ]
    _tell_empty_classes(found, folders, codes, optional)


def take_copy(
    found: Findings,
    folders: Sequence[ClassFolder],
    codes: str,
    optional: Collection[str] = frozenset(),
    split_of: Callable[[str], Split | None] = lambda path: None,
) -> None:
    """As `take_folders`, and tell of all pictures that no folder gives a class or a split."""
    take_folders(found, folders, codes, optional, split_of)
    outside(found, folders)
    found.notes.append(f"A copy in class folders, read with the codes {codes}.")
    unknown = sum(not split_of(p) for f in folders if f.split is None for p in f.pictures)
    if unknown:
        found.notes.append(f"{unknown:,} pictures of no known split are taken for test.")


def take_classes(found: Findings, title: str, codes: str | None) -> None:
    """Take the class folders of a set of seven classes, and tell what is not in any.

    Raises
    ------
    DataError
        As `known_folders`.
    """
    folders = known_folders(found, title, codes)
    take_folders(found, folders, codes or SEVEN_CLASSES)
    outside(found, folders)


def outside(found: Findings, folders: Sequence[ClassFolder]) -> None:
    """Tell of the pictures that are neither a sample nor in any class folder."""
    held = {sample.path for sample in found.samples}
    held.update(path for folder in folders for path in folder.pictures)
    left = (path for path in found.tree.pictures() if path not in held)
    found.unlisted(left, "in a class folder")


def _label(folder: ClassFolder, codes: str) -> int | None:
    if not folder.is_word:
        return read_code(folder.name, codes, folder.path)
    label = index_of_word(folder.name)
    classes = CODES[codes].values()
    if EXPRESSIONS[label] not in classes:
        why = f"{folder.name} is no class of this set, expected {', '.join(classes)}."
        raise Fault("unknown_code", folder.path, why)
    return label


def _tell_empty_classes(
    found: Findings, folders: Sequence[ClassFolder], codes: str, optional: Collection[str]
) -> None:
    filled = {(sample.split, sample.label) for sample in found.samples}
    anywhere = {label for _, label in filled}
    homes = {(folder.home, folder.split): folder.is_digits for folder in folders}
    for code, expression in CODES[codes].items():
        label = EXPRESSIONS.index(expression)
        if label not in anywhere and expression in optional:
            found.notes.append(f"This copy has no {expression}.")
            continue
        for (home, split), digits in sorted(homes.items(), key=str):
            if label not in anywhere if split is None else (split, label) not in filled:
                place = f"{home}/{code if digits else expression}".lstrip("/")
                why = f"no pictures of {expression}, expected at least one."
                found.wrong("empty_class", place, why)


def read_folder(root: Path, codes: str | None) -> Listing:
    """Read a folder, or a zip archive, of class folders: ``[train/]happy/picture.jpg``.

    Parameters
    ----------
    root : Path
        Holds class folders named by word, or train, val and test folders which hold them.
    codes : str or None
        Map in `labels.CODES` for class folders that are bare numbers.

    Raises
    ------
    DataError
        Where there is no class folder, or bare numbers come without `codes`.
    """
    found = Findings(root)
    folders = known_folders(found, "class folders", codes)
    named = [folder for folder in folders if folder.is_digits or folder.is_word]
    present = {WORDS.get(name.lower()) for name in _names_beside(found.tree, folders)}
    absent = frozenset(EXPRESSIONS) - present if codes is None else frozenset()
    take_folders(found, named, codes or EIGHT_CLASSES, optional=absent)
    for folder in folders:
        if folder not in named:
            why = (
                f"names no expression, expected a word such as {', '.join(EXPRESSIONS)}; "
                f"its {len(folder.pictures):,} pictures are left out."
            )
            found.wrong("unknown_code", folder.path, why)
    outside(found, folders)
    if all(folder.split is None for folder in folders):
        found.notes.append("No train, val or test folder: every picture is in the split test.")
    return found.listing("folder")


def _names_beside(tree: Tree, folders: Sequence[ClassFolder]) -> set[str]:
    """Names of class folders and of the folders beside them, those without any file too."""
    names = {folder.name for folder in folders}
    if tree.root.is_dir():
        homes = {(tree.root / folder.path).parent for folder in folders}
        return names | {path.name for home in homes for path in home.iterdir() if path.is_dir()}
    with zipfile.ZipFile(tree.root) as bundle:
        entries = [name.rstrip("/") for name in bundle.namelist() if name.endswith("/")]
    return names | {entry.rpartition("/")[2] for entry in entries}


def read_sfew(root: Path, codes: str | None) -> Listing:
    """Read SFEW 2.0 from its folder, the one above it, or a zip archive of either.

    Parameters
    ----------
    root : Path
        Holds ``Train`` and ``Val`` with class folders, and perhaps ``Test`` with pictures, whose
        labels are withheld.
    codes : str or None
        Map in `labels.CODES` for copies whose class folders are bare numbers.

    Raises
    ------
    DataError
        Where there is no class folder, or bare numbers come without `codes`.
    """
    found = Findings(root)
    folders = known_folders(found, "SFEW 2.0", codes)
    take_folders(found, folders, codes or SEVEN_CLASSES)
    in_classes = {path for folder in folders for path in folder.pictures}
    withheld = [
        Sample(path, "test", None)
        for path in found.tree.pictures()
        if path not in in_classes and split_in_path(path) == "test"
    ]
    found.samples += withheld
    outside(found, folders)
    if withheld:
        found.notes.append(f"The labels of {len(withheld):,} test pictures are withheld.")
    return found.listing("sfew")
