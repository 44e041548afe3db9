"""Labels that people write as words, or as codes that follow one of several orders."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from latent_ofer.datasets.findings import read_code
from latent_ofer.datasets.listing import Problem
from latent_ofer.errors import DataError
from latent_ofer.labels import CODES, EXPRESSIONS, UNUSED, index_of_word


def read_label(text: str, codes: str | None, place: str) -> int | None | Problem:
    """Label of a word, or of a code of a map, or what is wrong with it.

    Parameters
    ----------
    text : str
        As the set writes it; empty where there is no label.
    codes : str or None
        Name of a map in `labels.CODES`; None where only words are known.
    place : str
        File and line, for the message.

    Returns
    -------
    int, None or Problem
        Index into `labels.EXPRESSIONS`; None for no label, or a code without expression.
    """
    if not text:
        return None
    try:
        return index_of_word(text)
    except KeyError:
        if codes is not None:
            return read_code(text, codes, place)
    expected = ", ".join(EXPRESSIONS)
    message = f'{place}: "{text}" names no expression, expected a word such as {expected}.'
    return Problem("unknown_code", place, message)


def is_code(text: str) -> bool:
    """Whether a label is a bare whole number: ``3``, or ``3.0`` as some tables write it."""
    return text.removesuffix(".0").isdecimal()


def need_a_map(root: Path, found: Iterable[str]) -> DataError:
    """The error for bare codes whose order nobody stated.

    Parameters
    ----------
    found : iterable of str
        The code of each picture.
    """
    counts = Counter(int(code.removesuffix(".0")) for code in found)
    fit = [name for name in CODES if {str(code) for code in counts} <= _all_codes(name)]
    shown = ", ".join(f"{code}: {counts[code]:,}" for code in sorted(counts))
    return DataError(
        f"{root}: the classes are bare numbers ({shown}), and sets number them differently. "
        f"Say whose order it is with codes: {' or '.join(fit) or 'no known map has them all'}."
    )


def _all_codes(name: str) -> set[str]:
    return {*CODES[name], *UNUSED.get(name, {})}
