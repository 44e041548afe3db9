"""The rows of `predict` are read whatever their form, and what is no row is counted."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import FakeFinder, fake_model, hide
from helpers import drawn_face
from latent_ofer import to_dataframe
from latent_ofer.errors import DataError
from latent_ofer.report.page import page_data
from latent_ofer.report.rows import Row, Table, read_table
from result_rows import face_result, row, write_rows

FACE, LANDMARKS = drawn_face()


def test_json_lines_hold_everything_and_a_line_cut_short_is_counted(tmp_path: Path) -> None:
    face = face_result(0, [0.2, 0.8], hidden=True)
    raw = os.fsdecode(b"caf\xe9.png")
    rows = [
        row("a.png", face, figure="figures/00000-0.png", frame=3, time=0.5, track=7),
        row(raw, face),
        {"path": "b.png", "status": "no_face", "faces": 0},
        {"path": "c.png", "status": "error", "error": {"code": "corrupt", "message": "damaged"}},
    ]
    path = write_rows(tmp_path, rows)
    path.write_text(path.read_text() + '{"path": "d.p')
    table = read_table(tmp_path)
    assert (table.path, table.unreadable, len(table.rows)) == (path, 1, 4)
    first = table.rows[0].face
    assert first is not None
    assert (first.expression, first.confidence) == ("happiness", 0.8)
    assert first.probabilities == face.probabilities
    assert first.before_probabilities == face.before.probabilities
    bits = bin(int("1" + first.mask, 16))[3:]
    assert [bit == "1" for bit in bits] == face.occlusion.mask.ravel().tolist()
    assert (first.frame, first.time, first.track) == (3, 0.5, 7)
    assert first.figure == "figures/00000-0.png"
    assert (table.rows[1].file, table.rows[1].path) == ("caf\\xe9.png", raw)
    assert table.rows[2] == Row("b.png", "b.png")
    assert table.rows[3] == Row("c.png", "c.png", error=("corrupt", "damaged"))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_say_the_same_without_the_patches(tmp_path: Path, kind: str) -> None:
    model, _ = fake_model(FakeFinder([LANDMARKS]))
    photo = hide(FACE, slice(8, 12), slice(3, 9))
    blank = np.zeros((50, 50, 3), np.uint8)
    outcomes = model.predict([photo, blank, b"text"], on_error="return")
    frame = to_dataframe(outcomes).assign(file=["'=1+1.png", "b.png", "c.png"])
    if kind == "csv":
        frame.to_csv(tmp_path / "results.csv", index=False)
    else:
        frame.to_parquet(tmp_path / "results.parquet")
    rows = read_table(tmp_path).rows
    assert [one.file for one in rows] == ["=1+1.png", "b.png", "c.png"]
    ((result,), _, _) = outcomes
    face = rows[0].face
    assert face is not None and face.mask == ""
    assert (face.expression, face.number) == (result.expression, 0)
    assert face.hidden == pytest.approx(result.occlusion.ratio)
    assert face.regions == pytest.approx(result.occlusion.regions)
    assert face.probabilities == pytest.approx(result.probabilities)
    assert face.before_probabilities == pytest.approx(result.before.probabilities)
    assert face.box == pytest.approx(list(result.box or ()))
    assert rows[1].face is None and rows[1].error is None
    assert rows[2].error is not None and rows[2].error[0] == "not_an_image"


def test_a_face_that_is_not_called_anything_keeps_what_it_is_likeliest(tmp_path: Path) -> None:
    face = face_result(0, [0.4, 0.6], hidden=True)
    before = dataclasses.replace(face.before, expression="happiness")
    unsure = dataclasses.replace(face, expression="uncertain", before=before)
    turned = dataclasses.replace(unsure, before=dataclasses.replace(before, expression="neutral"))
    write_rows(tmp_path, [row("a.png", unsure), row("b.png", turned)])
    table = read_table(tmp_path)
    assert [one.face.changed for one in table.rows if one.face] == [False, True]
    data = page_data(table, {}, {})
    assert data["labels"][8] == "uncertain" and len(data["colours"]) == 9
    assert data["faces"]["expression"] == [8, 8]
    assert data["faces"]["changed"] == [0, 1]


ODD: list[Any] = [
    None, 3, "text", [1], {}, {"path": "a", "status": "odd"}, {"path": "a", "status": "ok"},
]  # fmt: skip


def altered(**more: Any) -> dict[str, Any]:
    return {**row("a.png", face_result(0, [1.0], hidden=False)), **more}


def test_what_is_no_row_never_ends_the_reading(tmp_path: Path) -> None:
    rows = [
        *ODD,
        *(altered(confidence=value) for value in (None, "high", float("nan"))),
        altered(expression="boredom"),
        altered(box=["left"]),
        altered(occlusion={**altered()["occlusion"], "mask": [[True]]}),
        altered(path=7),
        altered(path_b64="\u2603"),
        altered(),
    ]
    write_rows(tmp_path, rows)
    table = read_table(tmp_path)
    assert len(table.rows) == 1
    assert table.unreadable == len(rows) - 1


def test_what_holds_no_results_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no results.jsonl"):
        read_table(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "absent.jsonl")
    (tmp_path / "other.jsonl").write_text(json.dumps({"emotion": {}, "file": "a"}))
    with pytest.raises(DataError, match="no row of results"):
        read_table(tmp_path / "other.jsonl")
    (tmp_path / "no.parquet").write_bytes(b"text")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_table(tmp_path / "no.parquet")
    (tmp_path / "results.unfinished.jsonl").write_text("{}")
    with pytest.raises(DataError, match="unfinished"):
        read_table(tmp_path)
    (tmp_path / "results.jsonl").write_text("")
    assert read_table(tmp_path) == Table(tmp_path / "results.jsonl")
