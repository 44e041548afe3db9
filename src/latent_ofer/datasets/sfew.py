"""SFEW 2.0: film stills in ``Train`` and ``Val`` class folders; the test labels are withheld."""

from pathlib import Path

from latent_ofer.datasets.class_folders import known_folders, outside
from latent_ofer.datasets.findings import capped
from latent_ofer.datasets.folder_names import samples_of, split_in_path
from latent_ofer.datasets.listing import Listing, Sample
from latent_ofer.datasets.tree import Tree

SEVEN_CLASSES = "fer2013"
"""A map of the seven classes; SFEW itself names its folders by word."""


def read(root: Path, codes: str | None) -> Listing:
    """Read SFEW 2.0 from its folder, the one above it, or a zip archive of either.

    Parameters
    ----------
    root : Path
        Holds ``Train`` and ``Val`` with class folders, and perhaps ``Test`` with pictures.
    codes : str or None
        Map in `labels.CODES` for copies whose class folders are bare numbers.

    Raises
    ------
    DataError
        Where there is no class folder, or bare numbers come without `codes`.
    """
    tree = Tree(root)
    folders = known_folders(tree, "SFEW 2.0", codes)
    samples, problems, notes = samples_of(folders, codes or SEVEN_CLASSES, lambda path: "test")
    in_classes = {path for folder in folders for path in folder.pictures}
    withheld = [
        Sample(path, "test", None)
        for path in tree.pictures()
        if path not in in_classes and split_in_path(path) == "test"
    ]
    samples += withheld
    problems += outside(tree, samples, folders)
    if withheld:
        notes.append(f"The labels of {len(withheld):,} test pictures are withheld.")
    return Listing("sfew", root, tree, samples, capped(problems), notes)
