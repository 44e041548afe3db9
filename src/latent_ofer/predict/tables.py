"""Rows as JSON Lines, CSV or Parquet."""

import csv
import importlib.util
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    import pyarrow

Format = Literal["jsonl", "csv", "parquet"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)

_FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What a cell begins with that spreadsheets run as a formula, full-width letters among them."""
_AT_A_TIME: Final = 10_000

Row = Mapping[str, Any]


def write_table(path: Path, form: Format, columns: Mapping[str, type], rows: Iterable[Row]) -> None:
    """Write rows to a file, a few of them in memory at a time. Raises OSError.

    Parameters
    ----------
    path : Path
    form : {"jsonl", "csv", "parquet"}
    columns : dict of str to type
        Of a table, in order; JSON Lines takes the rows as they are.
    rows : iterable of dict
        Safe for JSON. A column that is missing is an empty cell.
    """
    writers: dict[Format, Callable[[Path, Mapping[str, type], Iterable[Row]], None]] = {
        "jsonl": _write_jsonl,
        "csv": _write_csv,
        "parquet": _write_parquet,
    }
    writers[form](path, columns, rows)


def check_can_write(form: Format) -> None:
    """Say what is missing before hours of work, not after. Raises ImportError."""
    if form == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise ImportError("Parquet needs pyarrow: pip install 'latent-ofer[parquet]'")


def _write_jsonl(path: Path, columns: Mapping[str, type], rows: Iterable[Row]) -> None:
    with path.open("wb") as stream:
        stream.writelines(json.dumps(row, allow_nan=False).encode() + b"\n" for row in rows)


def _write_csv(path: Path, columns: Mapping[str, type], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        # Lines end as in RFC 4180: a carriage return within a name would not be quoted otherwise.
        writer = csv.DictWriter(stream, list(columns), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _write_parquet(path: Path, columns: Mapping[str, type], rows: Iterable[Row]) -> None:
    import pyarrow
    from pyarrow import parquet

    schema = parquet_schema(columns)
    with parquet.ParquetWriter(path, schema) as writer:
        for some in _batches(rows):
            writer.write_table(pyarrow.Table.from_pylist(some, schema=schema))


def parquet_schema(columns: Mapping[str, type]) -> "pyarrow.Schema":
    """The same types whatever is in a table."""
    import pyarrow

    types = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    return pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    source = iter(rows)
    while some := list(islice(source, _AT_A_TIME)):
        yield some
