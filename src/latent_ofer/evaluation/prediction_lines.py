"""Lines ``path<TAB>label[<TAB>probabilities]``: how other tools tell what they answered.

Lines ``path<TAB>label[<TAB>person]`` tell the truth.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import DataError
from latent_ofer.evaluation.predictions import MISSING, Predictions, as_eight, checked_probabilities
from latent_ofer.labels import EXPRESSIONS, SEVEN, index_of_word

Truth = Mapping[str, tuple[int, str]]
"""Path -> index into `EXPRESSIONS`, and who it is (empty where unknown)."""


@dataclass(frozen=True)
class PredictionLines:
    """Answers by path, as some tool wrote them.

    Attributes
    ----------
    place : str
        Where they come from, for messages.
    labels : dict of str to int
        Path with forward slashes -> index into `EXPRESSIONS`.
    probabilities : dict of str to list of 7 or 8 floats
        Of the same paths, in the order of `EXPRESSIONS`, summing to 1; empty where the tool
        gives labels only.
    """

    place: str
    labels: dict[str, int]
    probabilities: dict[str, list[float]]


def read_prediction_lines(lines: Iterable[str], place: str) -> PredictionLines:
    """Read such lines; empty ones do not count.

    The label is a word, such as "happy". Probabilities are 7 or 8 numbers between commas, in
    the order of `EXPRESSIONS` (neutral, happiness, surprise, sadness, anger, disgust, fear,
    contempt) unless a first line ``path<TAB>label<TAB>anger,disgust,...`` names another.

    Raises
    ------
    DataError
        Naming the line and what is wrong with it: an unknown label, probabilities on some lines
        only, a label that is not the likeliest, two answers for one path.
    """
    found = PredictionLines(place, {}, {})
    order: list[int] | None = None
    for number, text in enumerate(lines, start=1):
        line, where = text.lstrip("\ufeff").rstrip("\r\n"), f"{place}:{number}"
        if not line.strip():
            continue
        fields = [part.strip() for part in line.split("\t")]
        if len(fields) not in (2, 3):
            raise DataError(f"{where}: expected path<TAB>label[<TAB>probabilities], got {line!r}")
        if [part.lower() for part in fields[:2]] == ["path", "label"]:
            order = _order(fields[2], where) if len(fields) == 3 else None
            continue
        path, label = normal_path(fields[0]), label_of(fields[1], where)
        values = _values(fields[2], order, label, where) if len(fields) == 3 else None
        if (
            found.labels.get(path, label) != label
            or found.probabilities.get(path, values) != values
        ):
            raise DataError(f"{where}: {path} has another answer further up; keep one")
        if found.labels and bool(found.probabilities) != (values is not None):
            raise DataError(f"{where}: probabilities must be on every line or on none")
        found.labels[path] = label
        if values is not None:
            if any(len(other) != len(values) for other in _first(found.probabilities)):
                raise DataError(f"{where}: {len(values)} probabilities, but not so further up")
            found.probabilities[path] = values
    if not found.labels:
        raise DataError(f"{place}: no predictions in it")
    return found


def read_prediction_file(path: Path) -> PredictionLines:
    """`read_prediction_lines` of a UTF-8 file.

    Raises
    ------
    DataError
        If it cannot be read, too.
    """
    return read_prediction_lines(text_lines(path), str(path))


def matched(lines: PredictionLines, ids: Sequence[str], name: str) -> Predictions:
    """Answers for these faces; a face that no line names is `MISSING`.

    Paths are matched in full. Only where no path of the lines is an id as it stands are base
    names compared, and then every one that is used must be unique.

    Raises
    ------
    DataError
        If no line names any of the faces, or a base name could mean two of them.
    """
    wanted = [normal_path(face) for face in ids]
    keys = wanted if any(face in lines.labels for face in wanted) else _by_base(lines, wanted)
    if not any(key in lines.labels for key in keys):
        raise DataError(
            f"{lines.place}: none of its {len(lines.labels)} paths (such as "
            f"{next(iter(lines.labels))}) is one of the {len(ids)} faces (such as {ids[0]})"
        )
    labels = np.array([lines.labels.get(key, MISSING) for key in keys], dtype=np.int64)
    if not lines.probabilities:
        return Predictions(name, list(ids), labels, None)
    width = len(next(iter(lines.probabilities.values())))
    nothing = [float("nan")] * width
    rows = np.array([lines.probabilities.get(key, nothing) for key in keys])
    return Predictions(name, list(ids), labels, as_eight(rows), EXPRESSIONS[:width])


def unmatched(lines: PredictionLines) -> Predictions:
    """All the answers, under the paths of the lines themselves."""
    return matched(lines, list(lines.labels), lines.place)


def text_of(predictions: Predictions) -> str:
    """Such lines of the faces that have an answer."""
    lines = []
    for row, face in enumerate(predictions.ids):
        if predictions.labels[row] != MISSING:
            fields = [face, EXPRESSIONS[predictions.labels[row]]]
            if predictions.probabilities is not None:
                values = predictions.probabilities[row, : len(predictions.knows)]
                fields.append(",".join(map(repr, values.tolist())))
            lines.append("\t".join(fields))
    return "\n".join(lines) + "\n"


def read_truth(path: Path) -> Truth:
    """Read such lines; empty ones, and a first line beginning with ``path``, do not count.

    Raises
    ------
    DataError
        If the file cannot be read, or naming the line that has an unknown label or repeats a
        path with another one.
    """
    truth: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text_lines(path), start=1):
        fields = [part.strip() for part in line.split("\t")]
        if fields == [""] or fields[:2] == ["path", "label"]:
            continue
        where = f"{path}:{number}"
        if len(fields) not in (2, 3):
            raise DataError(f"{where}: expected path<TAB>label[<TAB>person], got {line!r}")
        answer = label_of(fields[1], where), fields[2] if len(fields) == 3 else ""
        if truth.setdefault(normal_path(fields[0]), answer) != answer:
            raise DataError(f"{where}: {fields[0]} has another label further up; keep one")
    return truth


def with_truth(
    predictions: Predictions, truth: Truth
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str] | None]:
    """Rows (m,) of the faces that have a label, their labels (m,), and who they are.

    The last is None where nobody is named.

    Raises
    ------
    DataError
        If none of the faces has a label.
    """
    paths = [normal_path(face) for face in predictions.ids]
    rows = [row for row, path in enumerate(paths) if path in truth]
    if not rows:
        raise DataError(
            f"none of the faces (such as {predictions.ids[0]}) has a label (there is one for "
            f"{next(iter(truth), 'no path')})"
        )
    found = [truth[paths[row]] for row in rows]
    people = [person for _, person in found] if any(person for _, person in found) else None
    return np.array(rows), np.array([label for label, _ in found]), people


def label_of(word: str, where: str) -> int:
    """Index of a label's word.

    Raises
    ------
    DataError
        Naming the place and the words that would do.
    """
    try:
        return index_of_word(word)
    except KeyError:
        raise DataError(
            f"{where}: unknown label {word!r}; write one of {', '.join(EXPRESSIONS)}"
        ) from None


def normal_path(path: str) -> str:
    """With forward slashes and without a leading ``./``."""
    return path.replace("\\", "/").removeprefix("./")


def text_lines(path: Path) -> list[str]:
    """Lines of a UTF-8 text file.

    Raises
    ------
    DataError
        If it cannot be read as one.
    """
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError(f"{path}: not found") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable UTF-8 text file ({error})") from error


def _by_base(lines: PredictionLines, wanted: Sequence[str]) -> list[str]:
    paths: dict[str, list[str]] = {}
    for path in lines.labels:
        paths.setdefault(PurePosixPath(path).name, []).append(path)
    taken: dict[str, str] = {}
    keys = []
    for face in wanted:
        base = PurePosixPath(face).name
        candidates = paths.get(base, [])
        if len(candidates) > 1 or (candidates and taken.setdefault(base, face) != face):
            raise DataError(
                f"{lines.place}: {base} names several pictures; "
                f"write paths as the data set has them, such as {face}"
            )
        keys.append(candidates[0] if candidates else face)
    return keys


def _order(names: str, where: str) -> list[int]:
    order = [label_of(name, where) for name in names.split(",")]
    if sorted(order) not in (list(range(len(SEVEN))), list(range(len(EXPRESSIONS)))):
        raise DataError(f"{where}: name each of the eight expressions once, or all but contempt")
    return order


def _values(text: str, order: list[int] | None, label: int, where: str) -> list[float]:
    try:
        given = [float(value) for value in text.split(",")]
    except ValueError:
        raise DataError(f"{where}: probabilities must be numbers between commas") from None
    if len(given) != len(order or given):
        raise DataError(
            f"{where}: {len(given)} probabilities, the first line names {len(order or ())}"
        )
    values = [given[order.index(column)] for column in sorted(order)] if order else given
    row: list[float] = checked_probabilities(where, np.array([values]))[0].tolist()
    if label >= len(row) or row[label] < max(row):
        raise DataError(
            f"{where}: the label is {EXPRESSIONS[label]}, but {EXPRESSIONS[row.index(max(row))]} "
            "is likelier; if the columns have another order, name it in a first line "
            "path<TAB>label<TAB>anger,disgust,..."
        )
    return row


def _first(rows: dict[str, list[float]]) -> list[list[float]]:
    return [next(iter(rows.values()))] if rows else []
