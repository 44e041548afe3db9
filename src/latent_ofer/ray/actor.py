"""What an actor of Ray Data does with a batch of pictures: one row a face, as a table."""

import os
import weakref
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from latent_ofer.ahead import ahead
from latent_ofer.arrays import Pixels
from latent_ofer.dataframe import flat_rows
from latent_ofer.errors import ImageError, WeightsError, image_error
from latent_ofer.images.align import square_crop
from latent_ofer.images.guarded import GuardedDecoder
from latent_ofer.images.load import MAX_BYTES
from latent_ofer.names import utf8_text
from latent_ofer.pipeline import BATCH, LatentOFER
from latent_ofer.predict.rows import TABLE_COLUMNS
from latent_ofer.predict.run import fingerprint
from latent_ofer.predict.tables import parquet_schema
from latent_ofer.weights_folder import DetectorName, RecogniserName

if TYPE_CHECKING:
    import pyarrow

READ: Final = ("path", "bytes")
"""Columns that a batch may have for its pictures; what else it has goes with the rows."""

Batch: TypeAlias = "Mapping[str, Any] | pyarrow.Table"


@dataclass(frozen=True)
class _Wanted:
    """What `predictor` was asked for: how to load the model, and what to do with a picture."""

    model: Mapping[str, Any]
    crops: bool
    labels: int
    batch_size: int
    abstain_below: float
    weights: str | None
    start: Path | None


class Predictor:
    """A callable class for `Dataset.map_batches`; made by `predictor`.

    Where Ray makes one, in an actor, it loads the weights and starts a process to decode in.
    """

    wanted: ClassVar[_Wanted]

    def __init__(self) -> None:
        wanted = self.wanted
        if wanted.start is not None:
            os.chdir(wanted.start)
        threads = wanted.model.get("threads") or _cpus_of_actor()
        self._model = LatentOFER.from_pretrained(**{**wanted.model, "threads": threads})
        if wanted.weights is not None and fingerprint(self._model) != wanted.weights:
            raise WeightsError(
                "the weights of a worker are not those of the program that sent it pictures: "
                "install the same version everywhere, and give the same weights"
            )
        self._decoder = GuardedDecoder()
        self._decoder.start()
        weakref.finalize(self, self._decoder.close)

    def __call__(self, batch: Batch) -> "pyarrow.Table":
        """Rows of the faces in a batch's pictures; see `predictor`."""
        import pyarrow

        block = _as_table(batch)
        rest = [name for name in block.column_names if name not in READ]
        if taken := set(rest) & set(self._schema.names):
            raise ValueError(f"rename columns that rows of faces have too: {sorted(taken)}")
        names, contents = _column(block, "path"), _column(block, "bytes")
        rows: list[dict[str, Any]] = []
        origins: list[int] = []
        wanted = self.wanted
        reader = self._pictures(names, contents)
        # Crops are small by the time that they wait; of photos, one more in memory must do.
        with closing(ahead(reader, wanted.batch_size if wanted.crops else 1)) as pictures:
            outcomes = self._model.predict_each(
                pictures,
                crops=wanted.crops,
                labels=wanted.labels,
                batch_size=wanted.batch_size,
                abstain_below=wanted.abstain_below,
            )
            for number, outcome in enumerate(outcomes):
                if isinstance(outcome, ImageError) and outcome.path is None and names[number]:
                    outcome = outcome.named(os.fsdecode(names[number]))
                found = [{**file_cells(names[number]), **row} for row in flat_rows(outcome)]
                rows += found
                origins += [number] * len(found)
        table = pyarrow.Table.from_pylist(rows, schema=self._schema)
        for name in rest:
            table = table.append_column(name, block[name].take(origins))
        return table

    @cached_property
    def _schema(self) -> "pyarrow.Schema":
        return parquet_schema(TABLE_COLUMNS["latent-ofer"])

    def _pictures(
        self, names: Sequence[str | bytes | None], contents: Sequence[bytes | None]
    ) -> Iterator[Pixels | ImageError]:
        for name, data in zip(names, contents, strict=True):
            try:
                picture = self._decoder.read(_source(name, data))
            except ImageError as error:
                yield error
                continue
            yield square_crop(picture, self._model.image_size) if self.wanted.crops else picture


def predictor(
    folder: str | Path | None = None,
    *,
    crops: bool = False,
    labels: int = 8,
    batch_size: int = BATCH,
    abstain_below: float = 0,
    threads: int | None = None,
    backend: str = "auto",
    detector: DetectorName = "default",
    recogniser: RecogniserName = "default",
    treat_as_hidden: Collection[str] | None = None,
    weights: str | None = None,
    start: str | Path | None = None,
) -> type[Predictor]:
    """A class for `Dataset.map_batches` of Ray Data, to be run by a pool of actors.

    ``ds.map_batches(predictor(), compute=ray.data.ActorPoolStrategy(size=4), num_cpus=1,
    batch_size=64)``: each actor loads the weights once and uses as many threads as it has CPUs.

    Its batches, of whatever `batch_format`, have a column ``path``, ``bytes`` or both. A path is
    that of a file, or an address that fsspec knows (``s3://...``), and is read in the actor; what
    stands in ``bytes`` is decoded in its place. Pictures are decoded in a process of the actor's
    own, under limits.

    It gives an arrow table of one row a face, or one that says why a picture has none: the
    columns of the Parquet files of `latent-ofer predict`, `file` being the path, then all other
    columns of the batch, repeated for each face. A picture that cannot be used is a row with
    `status` "error".

    Parameters
    ----------
    folder : path, optional
        Of weights, as the actors see it; the shipped ones when left out.
    crops, labels, batch_size, abstain_below
        As of `LatentOFER.predict`.
    threads : int, optional
        Of an actor's engine; the CPUs that Ray gives the actor (`num_cpus`), rounded down and
        one at least, when left out.
    backend, detector, recogniser, treat_as_hidden
        As of `LatentOFER.from_pretrained`.
    weights : str, optional
        What `predict.run.fingerprint` says of the weights that each actor must have: a
        `WeightsError` ends the run otherwise.
    start : path, optional
        The folder, as the actors see it, where relative paths start; that in which Ray has
        started them when left out.

    Raises
    ------
    ValueError
        In the actor: if an argument is out of range, or a batch has neither column or one with
        the name of a column of rows.
    WeightsError
        In the actor: if the weights cannot be used.
    """
    wanted = _Wanted(
        model={
            # An actor may stand elsewhere.
            "folder": None if folder is None else Path(folder).absolute(),
            **{"backend": backend, "threads": threads, "detector": detector},
            **{"recogniser": recogniser, "treat_as_hidden": treat_as_hidden},
        },
        crops=crops,
        labels=labels,
        batch_size=batch_size,
        abstain_below=abstain_below,
        weights=weights,
        start=None if start is None else Path(start).absolute(),
    )
    return type("Predictor", (Predictor,), {"wanted": wanted})


def file_cells(name: str | bytes | None) -> dict[str, str]:
    """What a row says of its picture's file: its path, and its very bytes where that is no text."""
    if name is None:
        return {}
    path = os.fsdecode(name)
    text = utf8_text(path)
    very_bytes = {} if text == path else {"file_b64": b64encode(os.fsencode(path)).decode()}
    return {"file": text, **very_bytes}


def _cpus_of_actor() -> int | None:
    """The CPUs that Ray gives this actor; None, the engine's own choice, outside of Ray."""
    import ray

    if not ray.is_initialized():
        return None
    given = ray.get_runtime_context().get_assigned_resources()
    return max(1, int(given.get("CPU", 1)))


def _as_table(batch: Batch) -> "pyarrow.Table":
    from ray.data.block import BlockAccessor

    return BlockAccessor.for_block(BlockAccessor.batch_to_block(batch)).to_arrow()


def _column(block: "pyarrow.Table", name: str) -> list[Any]:
    if not set(READ) & set(block.column_names):
        raise ValueError(f"a batch needs a column path or bytes; it has {block.column_names}")
    if name not in block.column_names:
        return [None] * block.num_rows
    values: list[Any] = block[name].to_pylist()
    return values


def _source(name: str | bytes | None, data: bytes | None) -> str | bytes:
    """What to decode: bytes, or the path of a file. Raises ImageError."""
    if data is not None or name is None:
        return data or b""
    path = os.fsdecode(name)
    return _fetched(path) if "://" in path else path


def _fetched(address: str) -> bytes:
    """What lies at an address that fsspec knows, as far as an image may be large."""
    import fsspec

    try:
        with fsspec.open(address, "rb") as stream:
            data: bytes = stream.read(MAX_BYTES + 1)
            return data
    except FileNotFoundError:
        reason = ("does not exist", "check the address")
        raise image_error("not_found", address, *reason) from None
    except PermissionError:
        reason = ("may not be read", "check its permissions and your credentials")
        raise image_error("no_permission", address, *reason) from None
    except Exception as problem:  # whatever a storage throws
        told = " ".join(f"cannot be read ({type(problem).__name__}: {problem})".split())
        raise image_error("internal", address, told, "check the storage") from problem
