"""Groups of people, as the labels of `faces.zip` name them: figures are shown for each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SEX = {"0": "male", "1": "female"}
RACE = {"0": "White", "1": "Black", "2": "Asian", "3": "Indian", "4": "other"}
AGE_BANDS = ((0, 12), (13, 29), (30, 49), (50, 120))


def groups(rows: Sequence[dict[str, str]]) -> dict[str, NDArray[np.bool_]]:
    """Which faces belong to each group; those without a label belong to none.

    The labels are UTKFace's own, guessed by a program and checked by people; they are not what
    the people in the pictures say of themselves.

    Parameters
    ----------
    rows : sequence of dict
        Columns `sex`, `race` and `age` of the index.

    Returns
    -------
    dict of str to (n,) bool
    """
    members: dict[str, NDArray[np.bool_]] = {}
    for column, names in (("sex", SEX), ("race", RACE)):
        values = np.array([row[column] for row in rows])
        members |= {f"{column}: {name}": values == code for code, name in names.items()}
    ages = np.array([float(row["age"] or "nan") for row in rows])
    members |= {f"age: {low}-{high}": (ages >= low) & (ages <= high) for low, high in AGE_BANDS}
    return members
