"""FED-RO: 400 really occluded faces for testing; its layout is not published."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

from latent_ofer.datasets.class_folders import known_folders, outside
from latent_ofer.datasets.findings import (
    capped,
    checked_codes,
    missing_images,
    not_the_set,
    unlisted_images,
)
from latent_ofer.datasets.folder_names import class_folders, samples_of
from latent_ofer.datasets.listing import Listing, Problem, Sample
from latent_ofer.datasets.tree import PICTURES, Tree
from latent_ofer.datasets.words_or_codes import is_code, need_a_map, read_label

FACES = 400
LISTS = frozenset({".txt", ".lst", ".list", ".csv"})
SEVEN_CLASSES = "fer2013"
"""A map of the seven classes, which the set writes as words."""


def read(root: Path, codes: str | None) -> Listing:
    """Read FED-RO, all of it as the split test.

    Parameters
    ----------
    root : Path
        A folder or zip archive with class folders named by word, or with pictures and a list of
        lines ``path label``.
    codes : str or None
        Map in `labels.CODES` for labels that are bare numbers.

    Raises
    ------
    DataError
        Where there is neither, or bare numbers come without `codes`.
    """
    if codes is not None:
        checked_codes(codes)
    tree = Tree(root)
    if class_folders(tree):
        samples, problems = _from_folders(tree, codes)
    else:
        samples, problems = _from_list(tree, codes)
    notes = ["FED-RO is for testing: every picture is in the split test."]
    if len(samples) != FACES:
        notes.append(f"{len(samples):,} faces were found; the paper counts {FACES}.")
    return Listing("fed-ro", root, tree, samples, problems, notes)


def _from_folders(tree: Tree, codes: str | None) -> tuple[list[Sample], list[Problem]]:
    folders = known_folders(tree, "FED-RO", codes)
    samples, problems, _ = samples_of(folders, codes or SEVEN_CLASSES, lambda path: "test")
    problems = capped(problems) + outside(tree, samples, folders)
    return [replace(sample, split="test") for sample in samples], problems


def _from_list(tree: Tree, codes: str | None) -> tuple[list[Sample], list[Problem]]:
    found = next((path for path in tree.paths if _is_list(tree, path)), None)
    if found is None:
        expected = "class folders such as happy, or a list of lines 'path label'"
        raise not_the_set(tree, "FED-RO", expected)
    rows = [
        (f"{found}:{number}", *_split(line))
        for number, line in enumerate(tree.text(found).splitlines(), start=1)
        if line.strip()
    ]
    if codes is None and any(is_code(label) for _, _, label in rows):
        raise need_a_map(tree.root, (label for _, _, label in rows if is_code(label)))
    samples: list[Sample] = []
    problems: list[Problem] = []
    missing: list[tuple[str, str]] = []
    named: set[str] = set()
    by_name = {PurePosixPath(path).name.lower(): path for path in tree.pictures()}
    for place, name, code in rows:
        label = read_label(code, codes, place)
        path = tree.find(name) or by_name.get(PurePosixPath(name).name.lower())
        named.add(path or "")
        if isinstance(label, Problem):
            problems.append(label)
        elif path is None:
            missing.append((place, name))
        else:
            samples.append(Sample(path, "test", label, code))
    problems = capped(problems) + missing_images("test", missing, len(rows))
    unlisted = [path for path in tree.pictures() if path not in named]
    problems += unlisted_images(unlisted, f"named in {found}")
    return samples, problems


def _split(line: str) -> tuple[str, str]:
    """Path and label; a line without a label is all path."""
    fields = line.replace("\t", " ").replace(",", " ").rsplit(maxsplit=1)
    return (fields[0].strip(), fields[1]) if len(fields) == 2 else (fields[0], "")


def _is_list(tree: Tree, path: str) -> bool:
    if PurePosixPath(path).suffix.lower() not in LISTS:
        return False
    first = next(iter(tree.lines(path)), "")
    return bool(first) and PurePosixPath(_split(first)[0]).suffix.lower() in PICTURES
