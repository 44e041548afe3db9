"""What readers say of a data set in the same words: codes, missing pictures, the wrong folder."""

from collections import Counter
from collections.abc import Sequence

from latent_ofer.datasets.listing import Problem, Split
from latent_ofer.datasets.tree import Tree
from latent_ofer.errors import DataError
from latent_ofer.labels import CODES, index_of

SHOWN = 20
"""Problems of one kind that are told one by one; the rest is counted."""


def read_code(code: str, codes: str, place: str) -> int | None | Problem:
    """Label of a code, or what is wrong with it.

    Parameters
    ----------
    code : str
        As the set writes it; whole numbers in any spelling (``5``, ``05``, ``5.0``).
    codes : str
        Name of a map in `labels.CODES`.
    place : str
        Where the code stands: file, file:line or folder.

    Returns
    -------
    int, None or Problem
        Index into `labels.EXPRESSIONS`; None for a code that the set leaves without expression.
    """
    number = _whole_number(code)
    try:
        return index_of(code if number is None else str(number), codes)
    except KeyError:
        known = ", ".join(CODES[codes])
        if number is not None:
            message = f"{place}: code {number} is out of range, expected one of {known}."
            return Problem("label_out_of_range", place, message)
        message = f'{place}: "{code}" is no known code, expected one of {known}.'
        return Problem("unknown_code", place, message)


def _whole_number(code: str) -> int | None:
    try:
        number = float(code)
        return int(number) if number == int(number) else None
    except (ValueError, OverflowError):
        return None


def checked_codes(codes: str) -> str:
    """The name of a map in `labels.CODES`, as given.

    Raises
    ------
    DataError
        When there is no such map.
    """
    if codes not in CODES:
        raise DataError(f"codes {codes}: no such table of codes; there are {', '.join(CODES)}.")
    return codes


def capped(problems: Sequence[Problem]) -> list[Problem]:
    """At most `SHOWN` problems of each kind, and one more that counts the rest."""
    total = Counter(problem.kind for problem in problems)
    seen: Counter[str] = Counter()
    kept: list[Problem] = []
    for problem in problems:
        seen[problem.kind] += 1
        if seen[problem.kind] <= SHOWN:
            kept.append(problem)
        elif seen[problem.kind] == SHOWN + 1:
            rest = total[problem.kind] - SHOWN
            message = f"{problem.place}: here and further on, {rest:,} more of the kind above."
            kept.append(Problem(problem.kind, problem.place, message))
    return kept


def missing_images(split: Split, missing: Sequence[tuple[str, str]], listed: int) -> list[Problem]:
    """Problems for pictures that a list names and nobody finds.

    Parameters
    ----------
    split : {"train", "val", "test"}
    missing : sequence of (place, path)
        Where the list names the picture, and where it was expected.
    listed : int
        Pictures that the list names for this split.
    """
    problems = [
        Problem("missing_image", place, f"{place}: {path} is listed but not there.")
        for place, path in missing[:SHOWN]
    ]
    if len(missing) > SHOWN:
        place, path = missing[0]
        message = (
            f"{len(missing):,} of {listed:,} {split} pictures are missing, the first is {path}."
        )
        problems.append(Problem("missing_image", place, message))
    return problems


def unlisted_images(unlisted: Sequence[str], expected: str) -> list[Problem]:
    """One problem for all pictures that are there and belong to nothing, or none.

    Parameters
    ----------
    expected : str
        Where a picture must stand to belong to the set: "named in training.csv".
    """
    if not unlisted:
        return []
    count = "1 picture is" if len(unlisted) == 1 else f"{len(unlisted):,} pictures are"
    message = f"{count} not {expected} and left out, the first is {unlisted[0]}."
    return [Problem("unlisted_image", unlisted[0], message)]


def not_the_set(tree: Tree, title: str, expected: str) -> DataError:
    """The error for a path that cannot hold a set.

    Parameters
    ----------
    title : str
        The set's name as people write it.
    expected : str
        Which files or folders were looked for.
    """
    tops = sorted({path.split("/")[0] + "/" * ("/" in path) for path in tree.paths})
    more = f" and {len(tops) - 5:,} more" if len(tops) > 5 else ""
    found = ", ".join(tops[:5]) + more if tops else "nothing"
    return DataError(f"{tree.root}: no {title} here; looked for {expected}, found {found}.")
