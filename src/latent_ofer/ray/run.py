"""A run of `latent-ofer predict` on Ray: pictures out to the workers, rows back, shard by shard."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from latent_ofer.errors import ImageError
from latent_ofer.predict.journal import Journal, Run
from latent_ofer.predict.run import Counts, Options, check_errors
from latent_ofer.progress import track
from latent_ofer.ray.cluster import RayError, cluster
from latent_ofer.ray.inputs import Named
from latent_ofer.ray.pipeline import NUMBERS, rows_of_shards
from latent_ofer.ray.shards import Shard, ShardFolder, count_rows, divided

if TYPE_CHECKING:
    import pyarrow

RECORD: Final = "_run.jsonl"
"""What the shards of a folder are of; whoever reads a folder of Parquet files skips its name."""


@dataclass(frozen=True)
class Workers:
    """Who does the work.

    Attributes
    ----------
    address : str or None
        Of a Ray cluster; None for a Ray of this machine, for as long as the run takes.
    count : int or None
        Of actors; None for as many as there are CPUs for.
    threads : int
        CPUs, and threads of the engine, of each.
    """

    address: str | None = None
    count: int | None = None
    threads: int = 1


@dataclass(frozen=True)
class Job:
    """A run as it stands in its folder.

    Attributes
    ----------
    folder : ShardFolder
    done, open : list of Shard
        Shards that an earlier run has written, and those to be written.
    """

    folder: ShardFolder
    done: list[Shard]
    open: list[Shard]

    @property
    def pictures(self) -> int:
        """How many there are, in all shards."""
        return sum(shard.pictures for shard in [*self.done, *self.open])

    @property
    def so_far(self) -> str:
        """How many shards are there by now, and where."""
        there = sum(self.folder.file(shard).exists() for shard in self.open) + len(self.done)
        return f"{there} of {self.folder.total} shards are in {self.folder.path}"


def take_up(path: Path, inputs: Sequence[Named], run: Run, size: int, restart: bool) -> Job:
    """Begin a run in a folder of shards, or go on with it.

    Parameters
    ----------
    path : Path
    inputs : sequence of Named
    run : Run
        What rows depend on, but the inputs.
    size : int
        Images of a shard.
    restart : bool
        Drop what is there.

    Raises
    ------
    UnfinishedError
        If what is there is of other inputs, weights or settings.
    OSError
    """
    shards = divided(inputs, size)
    folder = ShardFolder(path, len(shards))
    record = path / RECORD
    if restart or not record.exists():
        folder.clear()
    path.mkdir(parents=True, exist_ok=True)
    settings = {**run.settings, "engine": "ray", "shard_size": size}
    Journal.open(record, Run(settings, [one.input for one in inputs]), restart).close()
    done: list[Shard] = []
    missing: list[Shard] = []
    for shard in shards:
        (done if folder.file(shard).exists() else missing).append(shard)
    return Job(folder, done, missing)


def predict_shards(
    job: Job,
    model: Mapping[str, Any],
    options: Options,
    workers: Workers,
    counts: Counts,
    tell: Callable[[ImageError], None],
) -> None:
    """Write the shards that are not there yet.

    Parameters
    ----------
    job : Job
        See `take_up`.
    model : dict
        Arguments of `predictor` about the model.
    options, workers
    counts : Counts
        Takes what is done, earlier runs included, also where this fails.
    tell : callable
        Takes the error of each image that cannot be used.

    Raises
    ------
    TooManyErrorsError
        As `options.max_errors` wants.
    RayError
        If Ray cannot be used, or gives up.
    OSError
        If a shard cannot be written.
    """
    for shard in job.done:
        count_rows(job.folder.read(shard), counts)
    counts.resumed = counts.images
    check_errors(counts, options)
    if not job.open:
        return
    count = workers.count
    if workers.address is None and count is None:
        count = max(1, (os.cpu_count() or 1) // workers.threads)
    writer = _Writer(job)
    # One more, to read Parquet files with.
    with cluster(workers.address, (count or 0) * workers.threads + 1), _told_in_a_line():
        tables = rows_of_shards(job.open, model, options, count, workers.threads)
        pictures = _each_picture(tables, writer, counts, options, tell)
        for _ in track(pictures, job.pictures, "Images", done=counts.images):
            pass


def _each_picture(
    tables: Iterable["pyarrow.Table"],
    writer: "_Writer",
    counts: Counts,
    options: Options,
    tell: Callable[[ImageError], None],
) -> Iterator[None]:
    for table in tables:
        before = counts.images
        writer.add(table)
        for error in count_rows(table, counts):
            tell(error)
        check_errors(counts, options)
        yield from [None] * (counts.images - before)


class _Writer:
    """Keeps rows until those of all pictures of their shard are there, in whatever order."""

    def __init__(self, job: Job) -> None:
        self._folder = job.folder
        self._shards = {shard.number: shard for shard in job.open}
        self._tables: dict[int, list[pyarrow.Table]] = {number: [] for number in self._shards}
        self._pictures: Counter[int] = Counter()

    def add(self, table: "pyarrow.Table") -> None:
        """Take rows; writes each shard that they complete. Raises OSError."""
        import pyarrow
        from pyarrow import compute

        first = table.filter(compute.equal(compute.fill_null(table["face"], 0), 0))
        self._pictures.update(first["shard"].to_pylist())
        for number in compute.unique(table["shard"]).to_pylist():
            shard, tables = self._shards[number], self._tables[number]
            tables.append(table.filter(compute.equal(table["shard"], number)))
            if self._pictures[number] == shard.pictures:
                rows = pyarrow.concat_tables(tables)
                rows = rows.sort_by([("picture", "ascending"), ("face", "ascending")])
                self._folder.write(shard, rows.drop_columns(list(NUMBERS)))
                tables.clear()


@contextmanager
def _told_in_a_line() -> Iterator[None]:
    """What a worker fails at, without the traceback that Ray puts around it."""
    from ray.exceptions import RayError as AnyRayError

    try:
        yield
    except AnyRayError as problem:
        cause = getattr(problem, "cause", None) or problem
        # Where it is the end of a traceback as text, its last line says what it was.
        told = (str(cause).strip() or type(cause).__name__).splitlines()[-1]
        raise RayError(f"Ray gave up: {told}") from problem
