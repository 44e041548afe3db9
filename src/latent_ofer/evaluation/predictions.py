"""What a recogniser answered for each face."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS, SEVEN

MISSING = -1
"""Label of a face that the recogniser gave no answer for."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one recogniser answered.

    Attributes
    ----------
    recogniser : str
        Its name.
    ids : list of n str
        One a face, such as ``"ferplus/fer0001.png"``; no two alike.
    labels : (n,) int
        Index into `labels.EXPRESSIONS`; `MISSING` where there is no answer. Of equal
        probabilities the lower index is the answer.
    probabilities : (n, 8) float or None
        Rows sum to 1, nan where there is no answer; None where it gives labels only.
    knows : tuple of str
        `EXPRESSIONS`, or `SEVEN` for a recogniser without contempt.
    """

    recogniser: str
    ids: list[str]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None
    knows: tuple[str, ...] = EXPRESSIONS

    @classmethod
    def from_probabilities(
        cls, recogniser: str, ids: Sequence[str], probabilities: NDArray[Any]
    ) -> "Predictions":
        """Check what a recogniser gave, and take the likeliest label of each row.

        Parameters
        ----------
        recogniser : str
        ids : sequence of n str
        probabilities : (n, 8) or (n, 7) float
            In the order of `EXPRESSIONS`; seven are those without contempt.

        Raises
        ------
        DataError
            If the shape is another, a value is not finite or negative, or a row does not sum to
            1 within one in a hundred.
        """
        rows = checked_probabilities(recogniser, probabilities)
        if len(rows) != len(ids):
            raise DataError(f"{recogniser}: {len(rows)} rows of probabilities for {len(ids)} faces")
        knows = EXPRESSIONS[: rows.shape[1]]
        return cls(recogniser, list(ids), rows.argmax(axis=1), as_eight(rows), knows)

    @classmethod
    def from_arrays(
        cls, recogniser: str, ids: Sequence[str], arrays: Mapping[str, NDArray[Any]], column: str
    ) -> "Predictions":
        """What `arrays` gave, from a cache; `column` holds the probabilities, where there are."""
        rows = arrays.get(column)
        if rows is None:
            return cls(recogniser, list(ids), arrays["label"], None)
        labels = arrays.get("label")
        if labels is None:
            labels = rows.argmax(axis=1)
        return cls(recogniser, list(ids), labels, as_eight(rows), EXPRESSIONS[: rows.shape[1]])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a cache keeps: labels, and probabilities of as many classes as it knows."""
        if self.probabilities is None:
            return {"label": self.labels}
        return {"label": self.labels, "p": self.probabilities[:, : len(self.knows)]}

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> "Predictions":
        """Some rows, in the order given."""
        chosen = np.asarray(rows, dtype=np.int64)
        probabilities = None if self.probabilities is None else self.probabilities[chosen]
        ids = [self.ids[row] for row in chosen]
        return Predictions(self.recogniser, ids, self.labels[chosen], probabilities, self.knows)


def checked_probabilities(source: str, values: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities (n, 7) or (n, 8) as floats whose rows sum to 1 exactly.

    Raises
    ------
    DataError
        Beginning with `source`, saying what is wrong and in which row.
    """
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] not in (len(SEVEN), len(EXPRESSIONS)):
        raise DataError(f"{source}: probabilities have shape {rows.shape}, not (n, 8) or (n, 7)")
    wrong = ~(np.isfinite(rows) & (rows >= 0)).all(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{source}: row {row} has a negative or non-finite value: {rows[row]}")
    sums = rows.sum(axis=1, keepdims=True)
    off = (np.abs(sums - 1) > 0.01).ravel()
    if off.any():
        row = int(off.argmax())
        raise DataError(
            f"{source}: row {row} sums to {sums[row, 0]:.4g}, not 1; give probabilities, not logits"
        )
    scaled: NDArray[np.float64] = rows / sums
    return scaled


def as_eight(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 7) or (n, 8) as (n, 8), nought for contempt where it is not known; nan stays nan."""
    absent = np.where(np.isnan(rows[:, :1]), np.nan, 0.0)
    return np.hstack([rows, *[absent] * (len(EXPRESSIONS) - rows.shape[1])])
