"""Aligned faces of several sources as `faces.zip` holds them: 112 px, colour and grey."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.archives import archive, decoded, read_csv
from latent_ofer.datasets.dev_split import in_dev
from latent_ofer.datasets.face_set import FaceSet
from latent_ofer.labels import EXPRESSIONS

Split = Literal["train", "dev", "val"]
SIZE = 112
COLOUR_SOURCES = frozenset({"utkface", "celeba"})


@dataclass(frozen=True)
class Faces:
    """Aligned faces of one split.

    Attributes
    ----------
    names : list of str
        Paths inside the archive.
    images : (n, 112, 112, 3) uint8 RGB
    landmarks : (n, 5, 2) float
        Pixels of the 112 px frame.
    rows : list of dict
        The columns of `index.csv` as text.
    """

    names: list[str]
    images: NDArray[np.uint8]
    landmarks: NDArray[np.float64]
    rows: list[dict[str, str]]

    def __len__(self) -> int:
        return len(self.names)

    def column(self, name: str) -> NDArray[np.str_]:
        """One column of the index, (n,) of str."""
        return np.array([row[name] for row in self.rows])

    def take(self, keep: NDArray[np.bool_]) -> "Faces":
        """The rows where `keep` (n,) is True."""
        chosen = np.flatnonzero(keep)
        return Faces(
            [self.names[row] for row in chosen],
            self.images[chosen],
            self.landmarks[chosen],
            [self.rows[row] for row in chosen],
        )

    @property
    def colour(self) -> NDArray[np.bool_]:
        """(n,) True for colour photos; lfw and imfdb are grey here."""
        return np.isin(self.column("source"), list(COLOUR_SOURCES))

    def as_face_set(self) -> FaceSet:
        """What training takes; without labels: the few that there are, are noisy."""
        return FaceSet(
            self.images,
            self.landmarks,
            self.colour,
            [row["source"] for row in self.rows],
            [Path(name).name for name in self.names],
            np.full(len(self), -1, dtype=np.int64),
            np.zeros((len(self), len(EXPRESSIONS)), dtype=np.float32),
            [row.get("subject", "") for row in self.rows],
            list(self.rows),
        )


def read_faces(
    data: Path,
    split: Split,
    cache_dir: Path,
    file: str = "faces.zip",
) -> Faces:
    """Read one split of `faces.zip`, or of `masked_faces.zip` which has the same layout.

    dev is the part of the archive's train rows that `dev_split.in_dev` picks.

    Raises
    ------
    DataError
        When the archive is missing or broken.
    """
    path = archive(data, file)
    rows = read_csv(path, "index.csv")
    images = decoded(path, [row["path"] for row in rows], (SIZE, SIZE, 3), cache_dir)
    wanted = "val" if split == "val" else "train"
    keep = np.array(
        [
            row["split"] == wanted
            and (split == "val" or in_dev(row.get("subject", ""), image) == (split == "dev"))
            for row, image in zip(rows, images, strict=True)
        ]
    )
    landmarks = np.array(
        [[[float(row[f"lm{i}x"]), float(row[f"lm{i}y"])] for i in range(5)] for row in rows]
    )
    return Faces([row["path"] for row in rows], images, landmarks, rows).take(keep)
