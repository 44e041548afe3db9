"""Aligned faces as this project packs them: ``index.csv`` beside the pictures it names."""

import csv
from collections import Counter
from pathlib import Path

from latent_ofer.datasets.findings import (
    capped,
    missing_images,
    not_the_set,
    unlisted_images,
)
from latent_ofer.datasets.listing import Listing, Problem, Sample, Split
from latent_ofer.datasets.tree import Tree
from latent_ofer.datasets.words_or_codes import read_label
from latent_ofer.errors import DataError

INDEX = "index.csv"
TAGS = ("source", "age", "sex", "race", "kind")
SPLITS: dict[str, Split] = {"train": "train", "val": "val", "test": "test"}


def read(root: Path, codes: str | None) -> Listing:
    """Read aligned faces from a zip archive or folder with ``index.csv``.

    Parameters
    ----------
    root : Path
        Such as ``faces.zip``.
    codes : str or None
        Map in `labels.CODES` for an index that holds codes instead of words.

    Raises
    ------
    DataError
        Where there is no ``index.csv``, or it lacks the columns path and split.
    """
    tree = Tree(root)
    found = min(tree.ending(INDEX), key=lambda path: (path.count("/"), path), default=None)
    if found is None:
        raise not_the_set(tree, "archive of aligned faces", INDEX)
    rows = csv.DictReader(tree.text(found).splitlines(), restval="")
    if not {"path", "split"} <= set(rows.fieldnames or ()):
        raise DataError(f"{root}: {found}: the header lacks the columns path and split.")
    base = found[: -len(INDEX)]
    samples: list[Sample] = []
    problems: list[Problem] = []
    missing: dict[Split, list[tuple[str, str]]] = {}
    listed: set[str] = set()
    sizes: Counter[Split] = Counter()
    for row in rows:
        place = f"{found}:{rows.line_num}"
        path = tree.find(base + row["path"])
        listed.add(path or "")
        sample = _sample(row, path or base + row["path"], codes, place)
        if isinstance(sample, Problem):
            problems.append(sample)
            continue
        sizes[sample.split] += 1
        if path is None:
            missing.setdefault(sample.split, []).append((place, sample.path))
        else:
            samples.append(sample)
    problems = capped(problems)
    for split, places in missing.items():
        problems += missing_images(split, places, sizes[split])
    unlisted = [path for path in tree.pictures(base) if path not in listed]
    problems += unlisted_images(unlisted, f"named in {found}")
    return Listing("faces", root, tree, samples, problems)


def _sample(row: dict[str, str], path: str, codes: str | None, place: str) -> Sample | Problem:
    split = SPLITS.get(row["split"].strip().lower())
    if split is None:
        message = f'{place}: split "{row["split"]}" is none of {", ".join(SPLITS)}.'
        return Problem("unknown_code", place, message)
    code = row.get("expression", "").strip()
    label = read_label(code, codes, place)
    if isinstance(label, Problem):
        return label
    tags = {tag: row[tag] for tag in TAGS if row.get(tag)}
    return Sample(path, split, label, code, row.get("subject", ""), tags=tags)
