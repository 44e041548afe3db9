"""Any folder of class folders: ``[train/]happy/picture.jpg``."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from latent_ofer.datasets.findings import capped, checked_codes, not_the_set, unlisted_images
from latent_ofer.datasets.folder_names import ClassFolder, class_folders, samples_of
from latent_ofer.datasets.listing import Listing, Problem, Sample
from latent_ofer.datasets.tree import Tree
from latent_ofer.datasets.words_or_codes import need_a_map
from latent_ofer.labels import EXPRESSIONS, WORDS

EIGHT = "ferplus"
"""A map of all eight expressions, for sets of which only the words are known."""


def read(root: Path, codes: str | None) -> Listing:
    """Read a folder, or a zip archive, of class folders.

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
    tree = Tree(root)
    folders = known_folders(tree, "class folders", codes)
    named = [folder for folder in folders if folder.is_digits or folder.name.lower() in WORDS]
    present = {WORDS.get(name.lower()) for name in _names_beside(tree, folders)}
    absent = frozenset(EXPRESSIONS) - present if codes is None else frozenset()
    samples, problems, notes = samples_of(named, codes or EIGHT, lambda path: "test", absent)
    problems += [_foreign(folder) for folder in folders if folder not in named]
    problems += outside(tree, samples, folders)
    if all(folder.split is None for folder in folders):
        notes.append("No train, val or test folder: every picture is in the split test.")
    return Listing("folder", root, tree, samples, capped(problems), notes)


def known_folders(tree: Tree, title: str, codes: str | None) -> list[ClassFolder]:
    """Class folders of a tree, whose classes are words unless a map of codes is given.

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
    if codes is not None:
        checked_codes(codes)
    folders = class_folders(tree)
    if not folders:
        raise not_the_set(tree, title, "folders such as happy, sad and angry, or train/happy")
    if codes is None and any(folder.is_digits for folder in folders):
        raise need_a_map(
            tree.root, (f.name for f in folders if f.is_digits for _ in range(len(f.pictures)))
        )
    return folders


def outside(tree: Tree, samples: Sequence[Sample], folders: Sequence[ClassFolder]) -> list[Problem]:
    """One problem for the pictures that are neither a sample nor in any class folder, or none."""
    held = {sample.path for sample in samples}
    held.update(path for folder in folders for path in folder.pictures)
    return unlisted_images(
        [path for path in tree.pictures() if path not in held], "inside a class folder"
    )


def _foreign(folder: ClassFolder) -> Problem:
    message = (
        f"{folder.path}: names no expression, expected a word such as "
        f"{', '.join(EXPRESSIONS)}; its {len(folder.pictures):,} pictures are left out."
    )
    return Problem("unknown_code", folder.path, message)


def _names_beside(tree: Tree, folders: Sequence[ClassFolder]) -> set[str]:
    """Names of class folders and of the folders beside them, those without any file too."""
    names = {folder.name for folder in folders}
    if tree.root.is_dir():
        homes = {(tree.root / folder.path).parent for folder in folders}
        return names | {path.name for home in homes for path in home.iterdir() if path.is_dir()}
    with zipfile.ZipFile(tree.root) as bundle:
        entries = [name.rstrip("/") for name in bundle.namelist() if name.endswith("/")]
    return names | {entry.rpartition("/")[2] for entry in entries}
