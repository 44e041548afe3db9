"""The eight apparent expressions, in the one order that every output uses."""

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
