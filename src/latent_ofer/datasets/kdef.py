"""KDEF: everything is in a picture's name, such as ``AF01ANS.JPG``."""

import re
from pathlib import Path
from typing import Final

from latent_ofer.datasets.findings import capped, checked_codes, not_the_set, read_code
from latent_ofer.datasets.listing import Listing, Problem, Sample
from latent_ofer.datasets.people import with_splits
from latent_ofer.datasets.tree import Tree

NAME: Final = "kdef"
PATTERN = re.compile(
    r"(?P<session>[AB])(?P<sex>[FM])(?P<id>0[1-9]|[12]\d|3[0-5])"
    r"(?P<code>[A-Z]{2})(?P<angle>FL|HL|S|HR|FR)"
)
"""Session, sex, one of 35 people, expression, angle: full left ... straight ... full right."""


def read(root: Path, codes: str | None) -> Listing:
    """List KDEF, from a folder or zip that holds its pictures at any depth.

    All angles and both sessions are listed; each sample's tags tell them.

    Raises
    ------
    DataError
        When no picture is named as KDEF names them.
    """
    tree = Tree(root)
    own = checked_codes(codes or "kdef")
    samples: list[Sample] = []
    problems: list[Problem] = []
    first: dict[str, str] = {}
    for path in tree.pictures():
        stem = path.rpartition("/")[2].rpartition(".")[0].upper()
        match = PATTERN.fullmatch(stem)
        if match is None:
            message = f"{path}: not named as KDEF names pictures, expected one like AF01ANS.JPG."
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
        tags = {part: match[part] for part in ("session", "sex", "angle")}
        subject = match["sex"] + match["id"]
        samples.append(Sample(path, "train", label, match["code"], subject, tags=tags))
    if not samples:
        raise not_the_set(tree, "KDEF", "pictures with names such as AF01ANS.JPG")
    samples, of_people, notes = with_splits(NAME, samples, stratum=_sex)
    return Listing(NAME, root, tree, samples, capped(problems) + of_people, notes)


def _sex(subject: str) -> str:
    return subject[0]
