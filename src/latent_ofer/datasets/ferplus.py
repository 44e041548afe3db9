"""FERPlus as `ferplus.zip` holds it: 48 px grey crops, ten votes each, landmarks."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.archives import archive, decoded, read_csv, read_text
from latent_ofer.datasets.dev_split import in_dev
from latent_ofer.datasets.face_set import FaceSet

Split = Literal["train", "dev", "val"]
FOLDERS = {"train": "FER2013Train", "dev": "FER2013Train", "val": "FER2013Valid"}
NATIVE_SIZE = 48
VOTERS = 10
UNUSED_COLUMNS = 2
"""The last two vote columns: unknown and NF (not a face)."""


@dataclass(frozen=True)
class Ferplus:
    """One split of FERPlus.

    Attributes
    ----------
    names : list of str
        Base names, e.g. ``fer0000000.png``.
    images : (n, 48, 48) uint8
    votes : (n, 10) int
        neutral ... contempt, unknown, NF.
    landmarks : (n, 5, 2) float
        Pixels of the 48 px frame; the template where none were found.
    """

    names: list[str]
    images: NDArray[np.uint8]
    votes: NDArray[np.int64]
    landmarks: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.names)

    def take(self, keep: NDArray[np.bool_]) -> "Ferplus":
        """The rows where `keep` (n,) is True."""
        rows = np.flatnonzero(keep)
        return Ferplus(
            [self.names[row] for row in rows],
            self.images[rows],
            self.votes[rows],
            self.landmarks[rows],
        )

    def as_face_set(self) -> FaceSet:
        """What training takes: labels by the *Majority* rule, votes as soft labels."""
        return FaceSet(
            self.images,
            self.landmarks,
            np.zeros(len(self), dtype=np.bool_),
            ["ferplus"] * len(self),
            self.names,
            majority(self.votes),
            soft_targets(self.votes),
            [""] * len(self),
            [{}] * len(self),
        )


TEMPLATE_48 = np.array(
    [[15.09, 17.835], [31.91, 17.835], [23.5, 28.106], [16.688, 35.968], [30.312, 35.968]]
)


def read_ferplus(
    data: Path,
    split: Split,
    cache_dir: Path,
) -> Ferplus:
    """Read one split; dev and train share a folder and never a face.

    Training faces that are pixel-identical to a test or validation face are left out.

    Raises
    ------
    DataError
        When the archive is missing or broken.
    """
    path = archive(data, "ferplus.zip")
    folder = FOLDERS[split]
    rows = list(csv.reader(read_text(path, f"{folder}/label.csv")))
    members = [f"{folder}/{row[0]}" for row in rows]
    images = decoded(path, members, (NATIVE_SIZE, NATIVE_SIZE), cache_dir)
    votes = np.array([[int(vote) for vote in row[2:]] for row in rows])
    found = {row["file"]: row for row in read_csv(path, "landmarks.csv")}
    landmarks = np.stack([_landmarks(found[member]) for member in members])
    everything = Ferplus([row[0] for row in rows], images, votes, landmarks)
    if split == "val":
        return everything
    twins = set(read_text(path, "twins_of_test.txt"))
    twins |= set(read_text(path, "train_twins_of_valid.txt"))
    keep = [
        member not in twins and in_dev("", image) == (split == "dev")
        for member, image in zip(members, images, strict=True)
    ]
    return everything.take(np.array(keep))


def _landmarks(row: dict[str, str]) -> NDArray[np.float64]:
    if not row["lm0x"]:
        return TEMPLATE_48
    return np.array([[float(row[f"lm{i}x"]), float(row[f"lm{i}y"])] for i in range(5)])


def without_outliers(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Votes (n, 10) with single votes set to zero."""
    return np.where(votes > 1, votes, 0)


def majority(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Label of each face under the *Majority* rule, -1 where the face is dropped.

    Single votes are removed; the winner needs more than half of what remains of all ten
    columns; a face won by unknown or NF is dropped.

    Parameters
    ----------
    votes : (n, 10) int

    Returns
    -------
    (n,) int, 0-7 or -1
    """
    kept = without_outliers(votes)
    winner = kept.argmax(axis=1)
    wins = 2 * kept.max(axis=1) > kept.sum(axis=1)
    expressions = votes.shape[1] - UNUSED_COLUMNS
    return np.where(wins & (winner < expressions), winner, -1)


def soft_targets(votes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Share of votes for each of the eight expressions; all zero where no vote is left.

    Parameters
    ----------
    votes : (n, 10) int

    Returns
    -------
    (n, 8) float32, rows sum to 1 or to 0
    """
    kept = without_outliers(votes)[:, :-UNUSED_COLUMNS].astype(np.float32)
    total = kept.sum(axis=1, keepdims=True)
    shares: NDArray[np.float32] = np.zeros_like(kept)
    np.divide(kept, total, out=shares, where=total > 0)
    return shares
