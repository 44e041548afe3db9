"""The same rows come back from each format, and no cell of a CSV file runs."""

import importlib.util
import json
from pathlib import Path

import pandas
import pytest
from pyarrow import parquet

from latent_ofer.predict.tables import Format, check_can_write, write_table

COLUMNS = {"file": str, "face": int, "x0": float, "error_code": str}
ROWS = [
    {"file": 'a,"b"\nc.jpg', "face": 0, "x0": -1.25},
    {"file": "caf\u00e9.jpg", "face": 1, "x0": 0.1 + 0.2},
    {"file": "d.jpg", "error_code": "empty"},
]


def read(path: Path, form: Format) -> pandas.DataFrame:
    if form == "csv":
        return pandas.read_csv(path)
    if form == "parquet":
        return pandas.read_parquet(path)
    return pandas.read_json(path, lines=True, precise_float=True)


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_rows_come_back_as_they_were(form: Format, tmp_path: Path) -> None:
    path = tmp_path / "table"
    write_table(path, form, COLUMNS, iter(ROWS))
    table = read(path, form)
    assert list(table.columns) == list(COLUMNS)
    for row, written in zip(table.to_dict("records"), ROWS, strict=True):
        assert {name: cell for name, cell in row.items() if not pandas.isna(cell)} == written


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_without_rows_has_its_columns(form: Format, tmp_path: Path) -> None:
    write_table(tmp_path / "table", form, COLUMNS, [])
    assert list(read(tmp_path / "table", form).columns) == list(COLUMNS)


def test_types_of_parquet_do_not_depend_on_the_rows(tmp_path: Path) -> None:
    write_table(tmp_path / "table", "parquet", COLUMNS, [{"file": "a"}])
    assert [str(kind) for kind in parquet.read_schema(tmp_path / "table").types] == [
        *("string", "int64", "double", "string")
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_no_text_cell_begins_as_a_formula_and_numbers_stay_numbers(
    start: str, tmp_path: Path
) -> None:
    write_table(tmp_path / "t.csv", "csv", COLUMNS, [{"file": f"{start}1+1|calc", "x0": -1.0}])
    (row,) = pandas.read_csv(tmp_path / "t.csv").to_dict("records")
    assert row["file"].startswith("'") and row["file"].endswith("1+1|calc")
    assert row["x0"] == -1.0


def test_json_lines_keep_what_a_table_has_no_room_for(tmp_path: Path) -> None:
    rows = [{"path": "=1", "occlusion": {"mask": [[True]]}}]
    write_table(tmp_path / "t", "jsonl", COLUMNS, rows)
    assert [json.loads(line) for line in (tmp_path / "t").read_text().splitlines()] == rows


def test_a_missing_pyarrow_is_said_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    check_can_write("parquet")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    check_can_write("csv")
    with pytest.raises(ImportError, match="latent-ofer.parquet"):
        check_can_write("parquet")
