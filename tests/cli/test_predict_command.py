import base64
import errno
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from PIL import Image

from fakes import FakeFinder, fake_model, hide
from helpers import drawn_face
from latent_ofer import LatentOFER
from latent_ofer.cli.main import main
from latent_ofer.cli.output import one_line
from latent_ofer.cli.stopping import Stopped
from latent_ofer.images.guarded import GuardedDecoder
from latent_ofer.images.load import load_image

FACE, LANDMARKS = drawn_face()


@pytest.fixture(autouse=True)
def fake_weights(monkeypatch: pytest.MonkeyPatch) -> LatentOFER:
    model, _ = fake_model(FakeFinder([LANDMARKS, LANDMARKS + 1]))
    monkeypatch.setattr(LatentOFER, "from_pretrained", lambda *_, **__: model)
    return model


@pytest.fixture(autouse=True)
def no_process(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Decode in this process, which is quicker to start, unless a test asks for one."""
    if "guarded" not in request.keywords:
        monkeypatch.setattr(GuardedDecoder, "start", lambda _: None)
        monkeypatch.setattr(GuardedDecoder, "read", lambda _, path: load_image(path))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    Image.fromarray(hide(FACE, slice(8, 12), slice(3, 9))).save(folder / "a.png")
    Image.fromarray(FACE).save(folder / "below" / "b.png")
    Image.new("RGB", (64, 64), "white").save(folder / "c.png")
    return folder


@pytest.fixture
def quick_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Image.new("RGB", (8, 8))
    monkeypatch.setattr("latent_ofer.predict.drawing.draw_figure", lambda *_: picture)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def rows(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "results.jsonl").read_text().splitlines()]


def test_every_face_and_every_image_without_one_has_a_line(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "out"
    assert run("predict", photos, "--output", output) == 0
    found = [(Path(r["path"]).name, r["status"], r.get("face"), r["faces"]) for r in rows(output)]
    assert found == [
        ("a.png", "ok", 0, 2),
        ("a.png", "ok", 1, 2),
        ("b.png", "ok", 0, 2),
        ("b.png", "ok", 1, 2),
        ("c.png", "no_face", None, 0),
    ]
    assert sum(rows(output)[0]["probabilities"].values()) == pytest.approx(1)
    assert [path.name for path in output.iterdir()] == ["results.jsonl"]
    told = capsys.readouterr().out
    assert "Images: 3, faces: 4, without a face: 1, errors: 0." in told
    assert "Expressions: " in told and " s for 3 images, " in told


def test_bad_files_are_rows_and_lines_and_exit_code_one(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    empty = tmp_path / "nothing"
    empty.mkdir()
    output = tmp_path / "out"
    missing = tmp_path / "missing.jpg"
    assert run("predict", missing, photos, empty, "--output", output, "--crops") == 1
    by_name = {Path(row["path"]).name: row for row in rows(output)}
    assert by_name["missing.jpg"]["error"]["code"] == "not_found"
    assert by_name["nothing"]["error"]["code"] == "empty"
    assert by_name["bad.png"]["status"] == "error"
    assert [by_name[name]["status"] for name in ("a.png", "b.png", "c.png")] == ["ok"] * 3
    complaints = capsys.readouterr().err.splitlines()
    assert len(complaints) == 3
    for name, code in (("missing.jpg", "not_found"), ("nothing", "empty")):
        assert any(name in line and f"[{code}]" in line for line in complaints)


def test_when_no_input_can_be_used_the_exit_code_is_two(tmp_path: Path) -> None:
    assert run("predict", tmp_path / "missing.jpg", "--output", tmp_path / "out") == 2
    assert rows(tmp_path / "out")[0]["error"]["code"] == "not_found"
    assert run("predict", "--output", tmp_path / "out") == 2


def test_photos_may_be_named_by_patterns_lists_and_standard_input(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list").write_text(f"{photos / 'below'}\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"missing.png")))
    words = [photos / "[ac].png", "--list", tmp_path / "list", "-", "--output", tmp_path / "out"]
    assert run("predict", *words) == 1
    names = [Path(row["path"]).name for row in rows(tmp_path / "out") if not row.get("face")]
    assert names == ["a.png", "c.png", "missing.png", "b.png"]


def test_a_list_that_names_nothing_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list").touch()
    assert run("predict", "--list", tmp_path / "list", "--output", tmp_path / "out") == 2
    assert "no photo is named" in capsys.readouterr().err
    assert run("predict", "--list", tmp_path / "none", "--output", tmp_path / "out") == 2
    assert str(tmp_path / "none") in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_figures_are_one_png_a_face_named_in_its_row(photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert run("predict", photos / "a.png", "--figures", "--output", output) == 0
    for row in rows(output):
        with Image.open(output / row["figure"]) as figure:
            assert figure.format == "PNG"
            assert figure.width == 1600
    assert len(list((output / "figures").iterdir())) == 2


def test_annotated_photos_are_as_large_as_the_photos_and_are_not_taken_for_photos(
    photos: Path,
) -> None:
    output = photos / "out"
    assert run("predict", photos, "--annotate", "--output", output) == 0
    drawn = [row.get("annotated") for row in rows(output)]
    assert drawn == [*["figures/00000.jpg"] * 2, *["figures/00001.jpg"] * 2, None]
    with Image.open(output / drawn[0]) as annotated:
        assert (annotated.format, annotated.size) == ("JPEG", (112, 112))
        blue = np.asarray(annotated).astype(int)[..., 2] - np.asarray(annotated)[..., 0]
    assert (blue > 50).sum() > 50  # outlines of what is hidden
    assert run("predict", photos, "--output", output) == 0
    assert len(rows(output)) == 5
    assert [path.name for path in output.iterdir()] == ["results.jsonl"]


def test_a_photo_that_vanishes_while_the_others_are_read_costs_no_row(
    photos: Path,
    tmp_path: Path,
    quick_figures: None,
    fake_weights: LatentOFER,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = fake_weights.predict_each

    def vanishing(*arguments: Any, **options: Any) -> Iterator[Any]:
        for outcome in whole(*arguments, **options):
            (photos / "a.png").unlink(missing_ok=True)
            yield outcome

    monkeypatch.setattr(fake_weights, "predict_each", vanishing)
    assert run("predict", photos, "--figures", "--output", tmp_path / "out") == 0
    names = [Path(row["path"]).name for row in rows(tmp_path / "out")]
    assert names == ["a.png", "a.png", "b.png", "b.png", "c.png"]
    assert len(list((tmp_path / "out" / "figures").iterdir())) == 4


def test_results_inside_the_photo_folder_are_not_taken_for_photos(
    photos: Path, quick_figures: None, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in ("out", "out", ".", "out", "other"):
        assert run("predict", photos, "--figures", "--output", photos / place) == 0
        names = [Path(row["path"]).name for row in rows(photos / place)]
        assert names == ["a.png", "a.png", "b.png", "b.png", "c.png"]
        assert len(list((photos / place / "figures").iterdir())) == 4
    assert "8 of the figures that latent-ofer has drawn" in capsys.readouterr().err.splitlines()[-1]


def test_fewer_images_leave_no_figure_of_an_earlier_run(
    photos: Path, tmp_path: Path, quick_figures: None
) -> None:
    assert run("predict", photos, "--figures", "--output", tmp_path / "out") == 0
    assert run("predict", photos / "a.png", "--figures", "--output", tmp_path / "out") == 0
    figures = {f"figures/{path.name}" for path in (tmp_path / "out" / "figures").iterdir()}
    assert figures == {row["figure"] for row in rows(tmp_path / "out")}


def test_what_is_left_out_below_a_folder_is_said(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "._a.png").write_bytes(b"Mac OS X")
    (photos / "round").symlink_to(photos)
    assert run("predict", photos, "--output", tmp_path / "out") == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(": 1 hidden or of the system, 1 listed already")


NAMES = [
    b"caf\xe9.png", b"\xff\xfe.png", "\N{SMILING FACE WITH SUNGLASSES}.png".encode(),
    b"two\nlines.png", b"=1+1|calc!A0.png", b"C:\\Users\\me.png", b"con.png", b" .png",
    "\N{HANGUL SYLLABLE GA}".encode() * 83 + b".png",
]  # fmt: skip
"""Whatever Linux allows in a name, up to its 255 bytes."""


def test_any_name_gives_rows_that_other_programs_can_read_and_that_lead_back_to_the_file(
    tmp_path: Path,
) -> None:
    folder, output = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    bad = os.fsdecode(b"bad \xe9.png")
    (folder / bad).write_bytes(b"text")
    for name in NAMES:
        Image.fromarray(FACE).save(folder / os.fsdecode(name), "PNG")
    assert run("predict", folder, "--crops", "--output", output) == 1
    found = rows(output)
    led_to = {
        base64.b64decode(row["path_b64"]) if "path_b64" in row else row["path"].encode()
        for row in found
    }
    assert led_to == {os.fsencode(path) for path in folder.iterdir()}
    assert {row["path"] for row in found if "path_b64" in row} == {
        str(folder / name) for name in ("caf\\xe9.png", "\\xff\\xfe.png", "bad \\xe9.png")
    }
    pandas.DataFrame(found).to_csv(tmp_path / "table.csv")
    again = pandas.read_csv(tmp_path / "table.csv", keep_default_na=False)
    assert list(again["path"]) == [row["path"] for row in found]


def test_a_stopped_run_goes_on_where_it_was_and_publishes_what_is_there(
    photos: Path,
    tmp_path: Path,
    quick_figures: None,
    fake_weights: LatentOFER,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["predict", photos, "--figures", "--batch-size", 1, "--output"]
    assert run(*words, tmp_path / "whole") == 0
    whole = fake_weights.predict_each
    read: list[int] = []

    def one_more(images: Any, **options: Any) -> Iterator[Any]:
        for number, outcome in enumerate(whole(images, **options)):
            read.append(number)
            yield outcome
            raise Stopped(15)

    monkeypatch.setattr(fake_weights, "predict_each", one_more)
    for done in (1, 2, 3):
        assert run(*words, tmp_path / "cut") == 143
        assert len({row["path"] for row in rows(tmp_path / "cut")}) == done
        figures = {row["figure"] for row in rows(tmp_path / "cut") if "figure" in row}
        there = (tmp_path / "cut" / "figures").iterdir()
        assert {f"figures/{path.name}" for path in there} == figures
    assert read == [0, 0, 0]
    capsys.readouterr()
    monkeypatch.setattr(fake_weights, "predict_each", whole)
    assert run(*words, tmp_path / "cut") == 0
    told = capsys.readouterr()
    assert "going on with an unfinished run: 3 of 3 images are done" in told.err
    assert "Images: 3, faces: 4, without a face: 1, errors: 0." in told.out
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    left = sorted(path.name for path in (tmp_path / "cut").iterdir())
    assert left == ["figures", "results.jsonl"]


def after_one(whole: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """The same, told to stop when it has given one."""

    def interrupted(*arguments: Any, **options: Any) -> Iterator[Any]:
        yield next(iter(whole(*arguments, **options)))
        raise Stopped(2)

    return interrupted


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--annotate",), "annotate False then, True now"),
        (("--labels", 7), "labels 8 then, 7 now"),
        (("--every", 2), "every '1' then, '2' now"),
        (("--format", "csv"), "format 'jsonl' then, 'csv' now"),
        (("--abstain-below", 0.5), "then, 0.5 now"),
        (("--detector", "paper"), "detector 'default' then, 'paper' now"),
        (("list",), "inputs: 1 new"),
    ],
)
def test_an_unfinished_run_of_something_else_is_refused_until_it_is_dropped(
    words: tuple[str, ...],
    told: str,
    photos: Path,
    tmp_path: Path,
    fake_weights: LatentOFER,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = fake_weights.predict_each
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fake_weights, "predict_each", after_one(fake_weights.predict_each))
    assert run("predict", photos, "--output", "out") == 130
    monkeypatch.setattr(fake_weights, "predict_each", whole)
    capsys.readouterr()
    assert run("predict", photos, *words, "--output", "out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line and "--restart" in line
    code = run("predict", photos, *words, "--output", "out", "--restart", "--threads", 1)
    assert code == (1 if words == ("list",) else 0)
    assert not Path("out/results.unfinished.jsonl").exists()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_has_a_row_a_face_and_one_for_every_other_image(
    form: str, photos: Path, tmp_path: Path
) -> None:
    (photos / "=bad.png").touch()
    assert run("predict", photos, "--output", tmp_path / f"faces.{form}") == 1
    read = pandas.read_csv if form == "csv" else pandas.read_parquet
    table = read(tmp_path / f"faces.{form}")
    assert [Path(file).name for file in table.file] == [
        *("=bad.png", "a.png", "a.png", "b.png", "b.png", "c.png")
    ]
    assert list(table.status) == ["error", *["ok"] * 4, "no_face"]
    assert table.error_code[0] == "empty"
    probabilities = table[[name for name in table if name.startswith("p_")]]
    assert probabilities.sum(axis=1)[1:5].tolist() == pytest.approx([1] * 4)
    assert run("predict", photos, "--output", tmp_path / "out", "--format", form) == 1
    assert read(tmp_path / "out" / f"results.{form}").equals(table)


def test_columns_of_other_tools_have_no_contempt(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", photos / "a.png", "--output", tmp_path / "f.csv", "--columns", "py-feat"]
    assert run(*words) == 0
    table = pandas.read_csv(tmp_path / "f.csv")
    emotions = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
    assert table[emotions].sum(axis=1).tolist() == pytest.approx([1, 1])
    assert run(*words, "--labels", 8) == 2
    assert "has no contempt" in capsys.readouterr().err


def test_a_cell_that_a_spreadsheet_would_run_is_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(FACE).save("=1+1|calc!A0.png")
    assert run("predict", "=1+1|calc!A0.png", "--output", "f.csv") == 0
    assert pandas.read_csv("f.csv").file[0] == "'=1+1|calc!A0.png"


def test_too_many_errors_end_the_run_and_keep_what_is_done(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("b1.png", "b2.png"):
        (photos / name).touch()
    words = ["predict", photos, "--crops", "--batch-size", 1, "--output", tmp_path / "out"]
    assert run(*words, "--max-errors", 1) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "2 of 3 images cannot be used, --max-errors allows 1; 3 of 5 images are in" in last
    assert last.endswith("results.jsonl; allow more to go on")
    assert [row["status"] for row in rows(tmp_path / "out")] == ["ok", "error", "error"]
    assert run(*words, "--max-errors", 1) == 2
    assert run(*words, "--max-errors", 2) == 1
    assert [row["status"] for row in rows(tmp_path / "out")] == [
        *("ok", "error", "error", "ok", "ok")
    ]


@pytest.mark.guarded
def test_a_file_that_kills_its_decoder_costs_one_row(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pillow_heif.py").write_text("import os; os._exit(7)")
    monkeypatch.syspath_prepend(tmp_path)
    (photos / "b.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0heicmif1")
    assert run("predict", photos, "--crops", "--output", tmp_path / "out") == 1
    by_name = {Path(row["path"]).name: row for row in rows(tmp_path / "out")}
    assert by_name["b.heic"]["error"]["code"] == "internal"
    assert "broke down (exit code 7)" in by_name["b.heic"]["error"]["message"]
    assert [by_name[name]["status"] for name in ("a.png", "b.png", "c.png")] == ["ok"] * 3


def test_an_error_after_decoding_names_its_file(
    photos: Path, tmp_path: Path, fake_weights: LatentOFER, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(FakeFinder, "find", lambda *_: broken(_))
    assert run("predict", photos / "a.png", "--output", tmp_path / "out") == 2
    message = rows(tmp_path / "out")[0]["error"]["message"]
    assert message.startswith(f"{photos / 'a.png'}: failed (RuntimeError: boom)")


def test_seven_labels_reach_the_rows(photos: Path, tmp_path: Path) -> None:
    assert run("predict", photos / "a.png", "--labels", 7, "--output", tmp_path) == 0
    assert "contempt" not in rows(tmp_path)[0]["probabilities"]


def test_ctrl_c_keeps_what_is_done(
    photos: Path,
    tmp_path: Path,
    fake_weights: LatentOFER,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(fake_weights, "predict_each", after_one(fake_weights.predict_each))
    assert run("predict", photos, "--output", tmp_path / "out") == 130
    assert [Path(row["path"]).name for row in rows(tmp_path / "out")] == ["a.png", "a.png"]
    told = capsys.readouterr().err
    assert f"stopped; 1 of 3 images are in {tmp_path / 'out' / 'results.jsonl'}; the same" in told


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_folder_is_one_line_and_the_old_file_stays(
    code: int,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "results.jsonl").write_text("before\n")

    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    assert run("predict", photos, "--output", output) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert os.strerror(code) in line
    assert f"3 of 3 images are in {output / 'results.unfinished.jsonl'}; the same" in line
    assert (output / "results.jsonl").read_text() == "before\n"
    monkeypatch.setattr(os, "fsync", lambda _: None)
    assert run("predict", photos, "--output", output) == 0
    assert "going on with an unfinished run: 3 of 3 images are done" in capsys.readouterr().err
    assert len(rows(output)) == 5


def test_an_output_folder_that_cannot_be_made_is_one_line(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run("predict", photos, "--output", tmp_path / "file" / "out") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_failure_of_ours_is_one_line_and_no_traceback(
    photos: Path,
    tmp_path: Path,
    fake_weights: LatentOFER,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("boom\nbang")

    monkeypatch.setattr(fake_weights, "predict_each", broken)
    assert run("predict", photos, "--output", tmp_path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "boom bang" in line


def test_missing_weights_are_one_line_and_exit_code_two(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.undo()
    assert run("predict", photos, "--output", tmp_path / "out", "--weights", tmp_path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "manifest.json: missing" in line
    assert not (tmp_path / "out").exists()


def test_lines_for_the_terminal_carry_no_control_characters() -> None:
    assert one_line("a\x1b[31m\n b\udcff\tc") == "a?[31m b? c"


@pytest.mark.parametrize("command", [(), ("predict",), ("demo",)])
def test_every_help_text_says_what_an_apparent_expression_is_not(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*command, "--help") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "An apparent expression is not an emotion" in text


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    import latent_ofer

    assert run("--version") == 0
    assert capsys.readouterr().out.strip() == f"latent-ofer {latent_ofer.__version__}"
