"""Shards as a pipeline of Ray Data: paths out to a pool of workers, rows back as they come."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from latent_ofer.dataframe import flat_rows
from latent_ofer.predict.rows import TABLE_COLUMNS
from latent_ofer.predict.run import Options
from latent_ofer.predict.tables import parquet_schema
from latent_ofer.ray.actor import file_cells, predictor
from latent_ofer.ray.cluster import RayError
from latent_ofer.ray.shards import Shard

if TYPE_CHECKING:
    import pyarrow

NUMBERS: Final = ("picture", "shard")
"""Columns that go with a picture to its worker and come back with its rows."""
_WORKERS_A_READER: Final = 32
"""That one process which reads a Parquet file is enough for."""


def rows_of_shards(
    shards: Sequence[Shard],
    model: Mapping[str, Any],
    options: Options,
    workers: int | None,
    threads: int,
) -> Iterator["pyarrow.Table"]:
    """Rows of all pictures, in no order, each picture's together. Wants a Ray that runs.

    Parameters
    ----------
    shards : sequence of Shard
    model : dict
        Arguments of `predictor` about the model.
    options : Options
    workers : int or None
        Actors; None for as many as the cluster has CPUs for.
    threads : int
        CPUs of each.

    Yields
    ------
    pyarrow.Table
        Rows as of `predictor`, with the columns `NUMBERS`.
    """
    import ray

    yield from (table for table in map(_known, shards) if table.num_rows)
    at_once = 2 * options.batch_size
    ray.data.DataContext.get_current().enable_progress_bars = False
    # A task is a block: so many pictures, whatever the shards are.
    images = [block for shard in shards for block in _paths(shard, at_once)]
    files = [block for shard in shards for block in _files(shard)]
    have = int(ray.cluster_resources().get("CPU", 1))
    size = workers or max(1, (have - bool(files)) // threads)
    sets = [ray.data.from_blocks(images)] if images else []
    if files:
        if size * threads >= have:
            raise RayError(
                f"{size} workers of {threads} leave none of {have} processors to read Parquet "
                "files with: give fewer --workers"
            )
        # Few at a time, for each file is a shard: what is begun is lost when the program dies.
        readers = ray.data.TaskPoolStrategy(size=max(1, size // _WORKERS_A_READER))
        read = ray.data.from_blocks(files).map_batches(
            _Read(at_once), batch_size=1, compute=readers
        )
        sets.append(read.repartition(target_num_rows_per_block=at_once))
    if not sets:
        return
    pictures = sets[0] if len(sets) == 1 else sets[0].union(sets[1])
    wanted = predictor(
        **model,
        crops=options.crops,
        labels=options.labels,
        batch_size=options.batch_size,
        abstain_below=options.abstain_below,
        start=Path.cwd() if _some_are_relative(shards) else None,
    )
    # An actor that dies is started again, and its batch is tried again: Ray's default.
    pool = ray.data.ActorPoolStrategy(size=size)
    rows = pictures.map_batches(wanted, compute=pool, batch_size=at_once, num_cpus=threads)
    yield from rows.iter_batches(batch_size=None, batch_format="pyarrow")


def _some_are_relative(shards: Sequence[Shard]) -> bool:
    places = (one.place for shard in shards for one in shard.inputs)
    return any("://" not in place and not os.path.isabs(place) for place in places)


def _known(shard: Shard) -> "pyarrow.Table":
    """Rows of inputs whose error is known already."""
    import pyarrow

    rows = [
        {**file_cells(one.place), **row, "picture": shard.first + number, "shard": shard.number}
        for number, one in enumerate(shard.inputs)
        if one.error is not None
        for row in flat_rows(one.error)
    ]
    schema = parquet_schema({**TABLE_COLUMNS["latent-ofer"], **dict.fromkeys(NUMBERS, int)})
    return pyarrow.Table.from_pylist(rows, schema=schema)


def _paths(shard: Shard, at_once: int) -> Iterator["pyarrow.Table"]:
    """A shard's images, some at a time."""
    images = [
        (shard.first + number, os.fsencode(one.place))
        for number, one in enumerate(shard.inputs)
        if one.error is None and one.rows is None
    ]
    for start in range(0, len(images), at_once):
        numbers, places = zip(*images[start : start + at_once], strict=True)
        yield _block(shard, numbers, places)


def _files(shard: Shard) -> Iterator["pyarrow.Table"]:
    """A shard's Parquet file."""
    for one in shard.inputs:
        if one.rows is not None:
            yield _block(shard, [shard.first], [os.fsencode(one.place)])


def _block(shard: Shard, numbers: Sequence[int], places: Sequence[bytes]) -> "pyarrow.Table":
    import pyarrow

    # A path may be no UTF-8, which no text of arrow's can be.
    columns = {"path": pyarrow.array(places, pyarrow.binary()), "picture": list(numbers)}
    return pyarrow.table({**columns, "shard": [shard.number] * len(numbers)})


@dataclass(frozen=True)
class _Read:
    """Gives the pictures in Parquet files, some at a time, numbered on from the file's number."""

    at_once: int

    def __call__(self, files: Mapping[str, Any]) -> Iterator["pyarrow.Table"]:
        import fsspec
        import pyarrow
        from pyarrow import parquet

        for place, first, shard in zip(
            files["path"], files["picture"], files["shard"], strict=True
        ):
            name, number = os.fsdecode(place), int(first)
            with fsspec.open(name, "rb") as stream:
                file = parquet.ParquetFile(stream)
                columns = [c for c in ("path", "bytes") if c in file.schema_arrow.names]
                for some in file.iter_batches(self.at_once, columns=columns):
                    numbers = range(number, number + some.num_rows)
                    number += some.num_rows
                    cells = {c: some[c].cast(pyarrow.binary()) for c in columns}
                    if "path" not in cells:
                        rows = [os.fsencode(f"{name}#{n - first}") for n in numbers]
                        cells["path"] = pyarrow.array(rows, pyarrow.binary())
                    numbered = {"picture": list(numbers), "shard": [int(shard)] * some.num_rows}
                    yield pyarrow.table({**cells, **numbered})
