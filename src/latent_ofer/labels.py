"""The eight apparent expressions in the one order that every output uses, and how data sets
write them: every code of every set is here and nowhere else.
"""

from collections.abc import Mapping
from typing import Final

EXPRESSIONS: tuple[str, ...] = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
)
"""Order of the eight outputs: the order of the FERPlus vote columns."""

SEVEN: tuple[str, ...] = EXPRESSIONS[:7]
"""The usual seven classes: contempt dropped."""

COLOURS: Final[Mapping[str, tuple[int, int, int]]] = {
    "neutral": (138, 143, 152),
    "happiness": (230, 159, 0),
    "surprise": (86, 180, 233),
    "sadness": (0, 114, 178),
    "anger": (213, 94, 0),
    "disgust": (0, 158, 115),
    "fear": (204, 121, 167),
    "contempt": (122, 79, 158),
    "uncertain": (168, 140, 110),
}
"""RGB of each in pictures and reports, and of a face that is not called any of them; after Okabe
and Ito's, which colour-blind readers tell apart.
"""

WORDS: Final[Mapping[str, str]] = {
    "neutral": "neutral",
    "neutrality": "neutral",
    "happiness": "happiness",
    "happy": "happiness",
    "joy": "happiness",
    "surprise": "surprise",
    "surprised": "surprise",
    "sadness": "sadness",
    "sad": "sadness",
    "anger": "anger",
    "angry": "anger",
    "disgust": "disgust",
    "disgusted": "disgust",
    "fear": "fear",
    "fearful": "fear",
    "afraid": "fear",
    "contempt": "contempt",
    "contemptuous": "contempt",
}
"""Words that data sets use, in lower case."""


def _numbered(first: int, *names: str) -> dict[str, str]:
    return {str(code): name for code, name in enumerate(names, start=first)}


_FER = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
_RAF = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")

CODES: Final[Mapping[str, Mapping[str, str]]] = {
    "raf-db": _numbered(1, *_RAF),
    "raf-db-from-0": _numbered(0, *_RAF),
    "ma-net": _numbered(
        0, "neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger"
    ),
    "affectnet": _numbered(
        0,
        "neutral",
        "happiness",
        "sadness",
        "surprise",
        "fear",
        "disgust",
        "anger",
        "contempt",
    ),
    "fer2013": _numbered(0, *_FER),
    "ferplus": _numbered(0, *EXPRESSIONS),
    "ck+": _numbered(
        0,
        "neutral",
        "anger",
        "contempt",
        "disgust",
        "fear",
        "happiness",
        "sadness",
        "surprise",
    ),
    "expw": _numbered(0, *_FER),
    "kdef": {
        "AF": "fear",
        "AN": "anger",
        "DI": "disgust",
        "HA": "happiness",
        "NE": "neutral",
        "SA": "sadness",
        "SU": "surprise",
    },
    "jaffe": {
        "AN": "anger",
        "DI": "disgust",
        "FE": "fear",
        "HA": "happiness",
        "NE": "neutral",
        "SA": "sadness",
        "SU": "surprise",
    },
    "latent-ofer-kdef": _numbered(
        1, "anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"
    ),
}
"""Name of a map -> code as a set writes it -> expression."""

UNUSED: Final[Mapping[str, Mapping[str, str]]] = {
    "affectnet": {"8": "none", "9": "uncertain", "10": "no face"},
    "ferplus": {"8": "unknown", "9": "not a face"},
}
"""Codes that a set defines and that name no expression: such samples have no label."""


def index_of(code: str, codes: str) -> int | None:
    """Index into `EXPRESSIONS` of a set's code, None for a code of `UNUSED`.

    Parameters
    ----------
    code : str
        As the set writes it.
    codes : str
        Name of a map in `CODES`.

    Raises
    ------
    KeyError
        For a code that the map does not have.
    """
    if code in UNUSED.get(codes, {}):
        return None
    return EXPRESSIONS.index(CODES[codes][code])


def index_of_word(word: str) -> int:
    """Index into `EXPRESSIONS` of a word such as "Happy"; case and spaces around do not matter.

    Raises
    ------
    KeyError
        For a word that names none of them.
    """
    return EXPRESSIONS.index(WORDS[word.strip().lower()])
