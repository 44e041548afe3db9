"""JAFFE: ten people, everything is in a picture's name, such as ``KA.AN1.39.tiff``."""

import re
from pathlib import Path
from typing import Final

from latent_ofer.datasets.findings import capped, checked_codes, not_the_set, read_code
from latent_ofer.datasets.listing import Listing, Problem, Sample
from latent_ofer.datasets.people import with_splits
from latent_ofer.datasets.tree import Tree

NAME: Final = "jaffe"
PEOPLE: Final = ("KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM")
PATTERN = re.compile(
    rf"(?P<person>{'|'.join(PEOPLE)})\.(?P<code>[A-Z]{{2}})(?P<take>\d)\.(?P<serial>\d+)"
)
"""Person, expression and take, serial number."""


def read(root: Path, codes: str | None) -> Listing:
    """List JAFFE, from a folder or zip that holds its pictures at any depth.

    Raises
    ------
    DataError
        When no picture is named as JAFFE names them.
    """
    tree = Tree(root)
    own = checked_codes(codes or "jaffe")
    samples: list[Sample] = []
    problems: list[Problem] = []
    first: dict[str, str] = {}
    for path in tree.pictures():
        stem = path.rpartition("/")[2].rpartition(".")[0].upper()
        match = PATTERN.fullmatch(stem)
        if match is None:
            message = (
                f"{path}: not named as JAFFE names pictures, expected one like KA.AN1.39.tiff "
                f"of {', '.join(PEOPLE)}."
            )
            problems.append(Problem("bad_name", path, message))
            continue
        label = read_code(match["code"], own, path)
        if isinstance(label, Problem):
            problems.append(label)
            continue
        before = first.setdefault(stem, path)
        if before != path:
            message = f"{path}: {before} has the same name and is the one that counts."
            problems.append(Problem("duplicate", path, message))
            continue
        tags = {"take": match["take"]}
        samples.append(Sample(path, "train", label, match["code"], match["person"], tags=tags))
    if not samples:
        raise not_the_set(tree, "JAFFE", "pictures with names such as KA.AN1.39.tiff")
    samples, of_people, notes = with_splits(NAME, samples)
    return Listing(NAME, root, tree, samples, capped(problems) + of_people, notes)
