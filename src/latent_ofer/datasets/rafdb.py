"""RAF-DB's basic part: the official label list with aligned faces, or a copy in class folders."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from latent_ofer.datasets.findings import (
    capped,
    checked_codes,
    missing_images,
    not_the_set,
    read_code,
    unlisted_images,
)
from latent_ofer.datasets.folder_names import ClassFolder, class_folders, samples_of
from latent_ofer.datasets.listing import Listing, Problem, Sample, Split
from latent_ofer.datasets.tree import Tree
from latent_ofer.errors import DataError

NAME: Final = "raf-db"
LIST: Final = "EmoLabel/list_patition_label.txt"
"""Spelt so by the authors."""

PICTURE = re.compile(r"(train|test)_\d+(_aligned)?\.\w+", re.IGNORECASE)
FOLDERS: Final[tuple[tuple[str, str], ...]] = (
    ("Image/aligned", "_aligned"),
    ("Image/original", ""),
)
"""Where the faces may be, the better one first, and what its names add to those of the list."""


def read(root: Path, codes: str | None) -> Listing:
    """List RAF-DB (basic), from its own folder or one above it, or from a zip of it.

    Parameters
    ----------
    root : Path
    codes : str or None
        Name of a map in `labels.CODES`; needed for class folders that count from 0.

    Raises
    ------
    DataError
        When there is neither the label list nor a class folder nor the folder of faces, or when
        the class folders count from 0 and no codes are given.
    """
    tree = Tree(root)
    own = checked_codes(codes or "raf-db")
    if lists := tree.ending(LIST):
        basic = [path for path in lists if "compound" not in path.lower()]
        return _official(tree, (basic or lists)[0], own)
    if any("/image/aligned/" in f"/{p.lower()}" for p in tree.pictures()):
        message = f"{LIST}: no such file beside Image/aligned; the labels are needed from it."
        return Listing(NAME, root, tree, [], [Problem("missing_file", LIST, message)])
    if folders := class_folders(tree):
        return _copy(tree, folders, codes)
    raise not_the_set(tree, "RAF-DB", f"{LIST}, or class folders such as train/1 and test/1")


def _official(tree: Tree, label_list: str, codes: str) -> Listing:
    base = label_list[: -len(LIST)]
    pictures = {path.lower(): path for path in tree.pictures(base)}
    folder, added, notes, problems = _faces_folder(tree, base, pictures)
    samples: list[Sample] = []
    missing: defaultdict[Split, list[tuple[str, str]]] = defaultdict(list)
    listed: defaultdict[Split, int] = defaultdict(int)
    first_line: dict[str, int] = {}
    for line, text in enumerate(tree.text(label_list).splitlines(), start=1):
        place = f"{label_list}:{line}"
        row = _row(text, place)
        if row is None or isinstance(row, Problem):
            problems += [row] if row else []
            continue
        name, code = row
        before = first_line.setdefault(name.lower(), line)
        if before != line:
            message = f"{place}: {name} is in line {before} already, which counts."
            problems.append(Problem("duplicate", place, message))
            continue
        split: Split = "train" if name.lower().startswith("train") else "test"
        listed[split] += 1
        stem, _, suffix = name.rpartition(".")
        wanted = f"{folder}/{stem}{added}.{suffix}"
        path = pictures.pop(wanted.lower(), None)
        label = read_code(code, codes, place)
        if isinstance(label, Problem):
            problems.append(label)
        elif path is None:
            missing[split].append((place, wanted))
        else:
            samples.append(Sample(path, split, label, code))
    if not first_line:
        message = f"{label_list}: no usable line, expected lines such as train_00001.jpg 5."
        problems.append(Problem("bad_file", label_list, message))
    problems = capped(problems)
    for split in ("train", "test"):
        problems += missing_images(split, missing[split], listed[split])
    left = [path for key, path in pictures.items() if key.startswith(f"{folder.lower()}/")]
    problems += unlisted_images(left, f"named in {label_list}")
    return Listing(NAME, tree.root, tree, samples, problems, notes)


def _faces_folder(
    tree: Tree, base: str, pictures: dict[str, str]
) -> tuple[str, str, list[str], list[Problem]]:
    for folder, added in FOLDERS:
        start = f"{base}{folder}/".lower()
        if any(path.startswith(start) for path in pictures):
            note = f"Pictures from {base}{folder}, codes from {base}{LIST}."
            return base + folder, added, [note], []
    folder, added = FOLDERS[0]
    packed = next((f"{base}{f}.zip" for f, _ in FOLDERS if tree.exists(f"{base}{f}.zip")), None)
    what_to_do = f"unpack {packed} there" if packed else "expected aligned faces there"
    message = f"{base}{folder}: no pictures, nor in {base}{FOLDERS[1][0]}; {what_to_do}."
    problem = Problem("missing_folder", base + folder, message)
    return base + folder, added, [], [problem]


def _row(text: str, place: str) -> tuple[str, str] | Problem | None:
    fields = text.split()
    if not fields:
        return None
    if len(fields) != 2:
        message = f'{place}: "{text.strip()}" is no name and code, expected train_00001.jpg 5.'
        return Problem("bad_file", place, message)
    name, code = fields
    if not PICTURE.fullmatch(name):
        message = f"{place}: {name} is no RAF-DB name, expected one like train_00001.jpg."
        return Problem("bad_name", place, message)
    return name, code


def _copy(tree: Tree, folders: Sequence[ClassFolder], codes: str | None) -> Listing:
    if codes is None and any(folder.is_digits and int(folder.name) == 0 for folder in folders):
        largest = max(folders, key=lambda folder: len(folder.pictures)).name
        raise DataError(
            f"{tree.root}: class folders that count from 0 stand in either of two orders; "
            f"pictures in each: {_told_counts(folders)}. RAF-DB's largest class is happiness, "
            f"here it is folder {largest}: give --codes raf-db-from-0 where happiness is 3, "
            "--codes ma-net where it is 1."
        )
    used = codes or "raf-db"
    samples, problems, notes = samples_of(folders, used, _split_of_name)
    taken = {path for folder in folders for path in folder.pictures}
    left = [path for path in tree.pictures() if path not in taken]
    problems += unlisted_images(left, "in a class folder")
    notes.append(f"A copy in class folders, read with the codes {used}.")
    untold = sum(
        folder.split is None and not PICTURE.fullmatch(path.rpartition("/")[2])
        for folder in folders
        for path in folder.pictures
    )
    if untold:
        notes.append(f"{untold:,} pictures of no known split are taken for test.")
    return Listing(NAME, tree.root, tree, samples, capped(problems), notes)


def _told_counts(folders: Sequence[ClassFolder]) -> str:
    counts: defaultdict[str, int] = defaultdict(int)
    for folder in folders:
        counts[folder.name] += len(folder.pictures)
    return ", ".join(f"{name}: {count:,}" for name, count in sorted(counts.items()))


def _split_of_name(path: str) -> Split:
    return "train" if path.rpartition("/")[2].lower().startswith("train_") else "test"
