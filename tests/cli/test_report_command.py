"""`latent-ofer report`: from the folder of results to the file, in one line."""

from pathlib import Path

import pytest

from latent_ofer.cli.main import main
from result_rows import face_result, row, write_photo, write_rows


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = write_photo(tmp_path / "a.png", 0)
    face = face_result(0, [0.3, 0.7], hidden=True)
    rows = [row(str(path), face), row("gone.png", face)]
    write_rows(tmp_path / "out", rows)
    return tmp_path / "out"


def test_the_page_lies_beside_the_results_or_where_it_is_wanted(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("report", results) == 0
    said = capsys.readouterr()
    assert f"Report: {results / 'report.html'} (2 faces, 1 with a picture, 0.0 MB)" in said.out
    assert "1 faces have no picture: its file is no longer where the results name it" in said.err
    page = (results / "report.html").read_text("utf-8")
    assert page.startswith("<!doctype html>") and '"picture":"' in page
    other = tmp_path / "new" / "page.html"
    assert run("report", results / "results.jsonl", "-o", other, "--pictures", 0) == 0
    assert '"picture":"' not in other.read_text("utf-8")


def test_lines_that_cannot_be_read_are_said(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (results / "results.jsonl").open("a") as stream:
        stream.write('{"path": "b.p')
    assert run("report", results) == 0
    assert "1 lines of the results cannot be read" in capsys.readouterr().err


def test_what_holds_no_results_is_one_line_and_exit_code_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("report", tmp_path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no results.jsonl" in line
    assert list(tmp_path.iterdir()) == []
