"""A run's pictures in shards, each of them one Parquet file of rows: there whole, or not at all."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from latent_ofer.errors import ImageError
from latent_ofer.files import whole_file
from latent_ofer.predict.run import Counts
from latent_ofer.ray.inputs import Named

if TYPE_CHECKING:
    import pyarrow

_COUNTED: Final = ("file", "status", "face", "expression", "error_code", "error_message")
_NAME: Final = re.compile(r"shard-\d{6,}-of-\d{6,}\.parquet")


@dataclass(frozen=True)
class Shard:
    """Inputs that follow each other, whose rows become one file.

    Attributes
    ----------
    number, first : int
        Of the shard in its run, and of its first picture, from 0.
    pictures : int
        How many there are in it.
    inputs : sequence of Named
        That many images, or one Parquet file that holds as many.
    """

    number: int
    first: int
    pictures: int
    inputs: Sequence[Named]


def divided(inputs: Sequence[Named], size: int) -> list[Shard]:
    """Images by `size`, in order, then each Parquet file alone: always the same of the same."""
    images = [one for one in inputs if one.rows is None]
    shards: list[Shard] = []
    first = 0
    for start in range(0, len(images), size):
        some = images[start : start + size]
        shards.append(Shard(len(shards), first, len(some), some))
        first += len(some)
    for one in inputs:
        if one.rows:  # none in an empty one
            shards.append(Shard(len(shards), first, one.rows, [one]))
            first += one.rows
    return shards


@dataclass(frozen=True)
class ShardFolder:
    """Where shards lie, and which are there.

    Attributes
    ----------
    path : Path
    total : int
        How many shards the run has: their names say so too.
    """

    path: Path
    total: int

    def file(self, shard: Shard) -> Path:
        """Where a shard's rows are, or will be."""
        return self.path / f"shard-{shard.number:06d}-of-{self.total:06d}.parquet"

    def clear(self) -> None:
        """Remove the shards of whatever run, and nothing else. Raises OSError."""
        if self.path.is_dir():
            for path in self.path.iterdir():
                if _NAME.fullmatch(path.name):
                    path.unlink()

    def write(self, shard: Shard, rows: "pyarrow.Table") -> None:
        """Write the rows of all of a shard's pictures, in order. Raises OSError."""
        from pyarrow import parquet

        with whole_file(self.file(shard)) as partial:
            parquet.write_table(rows, partial)

    def read(self, shard: Shard) -> "pyarrow.Table":
        """What `count_rows` looks at, of a shard that is there. Raises OSError."""
        from pyarrow import parquet

        return parquet.read_table(self.file(shard), columns=list(_COUNTED))


def count_rows(rows: "pyarrow.Table", counts: Counts) -> list[ImageError]:
    """Count what the rows of whole pictures say; gives the errors among them."""
    errors = []
    for row in rows.select(list(_COUNTED)).to_pylist():
        first = row["status"] != "ok" or row["face"] == 0
        counts.images += first
        counts.no_face += row["status"] == "no_face"
        if row["status"] == "ok":
            counts.expressions[row["expression"]] += 1
        if row["status"] == "error":
            counts.errors[row["error_code"]] += 1
            errors.append(ImageError(row["error_code"], row["file"], row["error_message"]))
    return errors
