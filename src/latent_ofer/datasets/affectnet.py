"""AffectNet: the old release's CSV files, the new one's numpy files, or a copy in class folders."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from latent_ofer.datasets.affectnet_csv import CSV_SPLITS, read_tables
from latent_ofer.datasets.affectnet_npy import new_pictures, read_annotations
from latent_ofer.datasets.findings import capped, checked_codes, not_the_set, unlisted_images
from latent_ofer.datasets.folder_names import ClassFolder, class_folders, samples_of
from latent_ofer.datasets.listing import Listing, Problem, Sample
from latent_ofer.datasets.tree import Tree

NAME: Final = "affectnet"
OLD_FOLDER: Final = "Manually_Annotated_Images"
OPTIONAL: Final = frozenset({"contempt"})
"""What copies of seven classes leave out."""


def read(root: Path, codes: str | None) -> Listing:
    """List AffectNet, from its own folder or one above it, or from a zip of it.

    The public validation part is the split "val"; there is no public test part. Faces that the
    set marks as none, uncertain or no face have the label None.

    Parameters
    ----------
    root : Path
    codes : str or None
        Name of a map in `labels.CODES`, for class folders in another order than AffectNet's own.

    Raises
    ------
    DataError
        When none of the three layouts is there.
    """
    tree = Tree(root)
    own = checked_codes(codes or "affectnet")
    tables = {name: found[0] for name in CSV_SPLITS if (found := tree.ending(name))}
    if tables:
        samples, problems, notes = read_tables(tree, tables, own)
    elif pictures := new_pictures(tree):
        samples, problems, notes = read_annotations(tree, pictures, own)
    elif any(f"/{OLD_FOLDER.lower()}/" in f"/{path.lower()}" for path in tree.pictures()):
        message = f"training.csv: no such file beside {OLD_FOLDER}; the labels are needed from it."
        samples, problems, notes = [], [Problem("missing_file", "training.csv", message)], []
    elif folders := class_folders(tree):
        samples, problems, notes = _copy(tree, folders, own)
    else:
        raise not_the_set(
            tree,
            "AffectNet",
            "training.csv and validation.csv, train_set/images with train_set/annotations, or "
            "class folders such as train/0",
        )
    unused = sum(sample.label is None for sample in samples)
    if unused:
        notes.append(f"{unused:,} faces are marked none, uncertain or no face: without label.")
    return Listing(NAME, root, tree, samples, problems, notes)


def _copy(
    tree: Tree, folders: Sequence[ClassFolder], codes: str
) -> tuple[list[Sample], list[Problem], list[str]]:
    samples, problems, notes = samples_of(folders, codes, lambda path: "test", OPTIONAL)
    taken = {path for folder in folders for path in folder.pictures}
    left = [path for path in tree.pictures() if path not in taken]
    problems = capped(problems) + unlisted_images(left, "in a class folder")
    notes.append(f"A copy in class folders, read with the codes {codes}.")
    untold = sum(len(folder.pictures) for folder in folders if folder.split is None)
    if untold:
        notes.append(f"{untold:,} pictures of no known split are taken for test.")
    return samples, problems, notes
