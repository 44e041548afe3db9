"""Labels of faces from a file ``path<TAB>label[<TAB>person]``."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import DataError
from latent_ofer.evaluation.prediction_lines import label_of, normal_path, text_lines
from latent_ofer.evaluation.predictions import Predictions

Truth = Mapping[str, tuple[int, str]]
"""Path -> index into `EXPRESSIONS`, and who it is (empty where unknown)."""


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
