"""`latent-ofer synthesize` on drawn archives."""

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from archives import write_archives
from helpers import drawn_face
from latent_ofer.cli.main import app, main
from latent_ofer.datasets.archives import read_pool
from latent_ofer.datasets.pool import protocol_copy
from latent_ofer.occlusion.cutouts import load_cutouts
from latent_ofer.synthesis.manifest import patch_states


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archives(tmp_path_factory.mktemp("archives"))


def run(data: Path, output: Path, name: str, *more: str) -> str:
    words = ["synthesize", name, str(data / f"{name}.zip"), "--output", str(output)]
    words += ["--runs", str(data / "runs"), *more]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["synthesize", *words])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def rows_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "manifest.csv").read_text())))


def test_the_archives_give_the_copies_that_the_figures_are_measured_on(
    data: Path, tmp_path: Path
) -> None:
    pool = read_pool(data, "val", data / "runs" / "cache")
    cutouts = load_cutouts(data / "occluders.zip", "val")
    row = 0
    for name in ("faces", "ferplus"):
        objects = ("--protocol", "objects", "--occluders", str(data / "occluders.zip"))
        run(data, tmp_path / name, name, *objects)
        for line in rows_of(tmp_path / name):
            image, covered, category = protocol_copy(pool.native(row), cutouts, 7)
            with Image.open(tmp_path / name / line["path"]) as picture:
                np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), image)
            with Image.open(tmp_path / name / line["mask"]) as mask:
                np.testing.assert_array_equal(np.asarray(mask) > 0, covered)
            assert line["category"] == category == "hand"
            row += 1
    assert row == len(pool)


def test_it_prints_what_the_record_holds(data: Path, tmp_path: Path) -> None:
    text = run(data, tmp_path / "set", "faces", "--protocol", "procedural", "--split", "train")
    record = json.loads((tmp_path / "set/synthesis.json").read_text())
    assert f"Wrote {record['n']} faces" in text and record["digest"] in text
    assert sum(part["reached"] for part in record["coverage"]["bins"]) > 0
    assert text.count("#") > 0 and "wanted" in text
    rows = rows_of(tmp_path / "set")
    assert record["n"] == len(rows) == 13  # dev is part of train
    assert {row["label"] for row in rows} == {"happiness"}


@pytest.mark.parametrize(
    "words",
    [
        ("--protocol", "irregular", "--hole", "30-40"),
        ("--protocol", "random", "--share", "30"),
        ("--protocol", "eyes", "--limit", "1"),
        ("--protocol", "mouth", "--seed", "3"),
    ],
)
def test_the_other_protocols_need_no_files(
    words: tuple[str, ...], data: Path, tmp_path: Path
) -> None:
    text = run(data, tmp_path / "set", "ferplus", *words)
    count = 1 if "--limit" in words else 2
    assert f"Wrote {count} faces" in text
    assert len(rows_of(tmp_path / "set")) == count


def test_grad_cam_hides_where_the_plain_cnn_looks(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from latent_ofer.recogniser import heat as of_plain
    from latent_ofer.recogniser.baselines import PlainReader
    from latent_ofer.recogniser.cnn import ExpressionCNN
    from latent_ofer.recogniser.grad_cam import grad_cam

    torch.manual_seed(1)
    model = ExpressionCNN([8, 8, 16, 16], 2, 4, 0.0).eval()
    monkeypatch.setattr(of_plain, "load_baseline", lambda *_: PlainReader(model))
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/weights.safetensors").write_bytes(b"weights")
    runs = ("--runs", str(tmp_path))
    run(data, tmp_path / "set", "faces", "--protocol", "grad-cam", "--share", "20", *runs)
    row = rows_of(tmp_path / "set")[0]
    face = read_pool(data, "val", tmp_path / "cache").native(0).image
    heat = grad_cam(model, torch.from_numpy(face.copy()).permute(2, 0, 1)[None] / 255)[0]
    hidden = patch_states(row["patches"]) == 2
    assert hidden.sum() == 39
    assert heat.numpy()[hidden].min() >= heat.numpy()[~hidden].max() - float(heat.abs().max()) / 500
    record = json.loads((tmp_path / "set/synthesis.json").read_text())
    assert len(record["settings"]["network"]) == 64


def test_any_other_set_is_found_aligned_and_hidden(data: Path, tmp_path: Path) -> None:
    for label in ("happy", "sad"):
        (tmp_path / "mine" / label).mkdir(parents=True)
        face, _ = drawn_face(seed=len(label))
        Image.fromarray(face).save(tmp_path / "mine" / label / "1.png")
    words = ["synthesize", "folder", str(tmp_path / "mine"), "--protocol", "procedural"]
    words += ["--split", "test", "-o", str(tmp_path / "set"), "--runs", str(tmp_path / "runs")]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "2 of 2 faces ready" in result.stdout
    rows = rows_of(tmp_path / "set")
    assert {(row["label"], row["split"]) for row in rows} == {
        ("happiness", "test"),
        ("sadness", "test"),
    }
    assert len({row["path"] for row in rows}) == 2


def test_a_set_whose_file_names_are_no_utf8_is_checked_and_hidden(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, label in enumerate((b"happy", b"sad")):
        folder = tmp_path / "mine" / os.fsdecode(label)
        folder.mkdir(parents=True)
        face, _ = drawn_face(seed=number)
        Image.fromarray(face).save(folder / os.fsdecode(b"caf\xe9.png"), "PNG")
        (folder / os.fsdecode(b"bad \xff.png")).write_bytes(b"text")
    with pytest.raises(SystemExit):
        main(["data", "check", "folder", str(tmp_path / "mine"), "--json"])
    told = json.loads(capsys.readouterr().out)
    said = " ".join(str(value) for problem in told["problems"] for value in problem.values())
    assert "bad \\xff.png" in said and said.encode()
    words = ["folder", str(tmp_path / "mine"), "--protocol", "procedural", "--split", "test"]
    words += ["-o", str(tmp_path / "set"), "--runs", str(tmp_path / "runs")]
    with pytest.raises(SystemExit) as ended:
        main(["synthesize", *words])
    assert ended.value.code == 0
    rows = rows_of(tmp_path / "set")
    assert {row["id"] for row in rows} == {"happy/caf\\xe9.png", "sad/caf\\xe9.png"}


def test_a_synthesised_set_is_itself_a_data_set(data: Path, tmp_path: Path) -> None:
    from latent_ofer.datasets.registry import open_set

    run(data, tmp_path / "set", "ferplus", "--protocol", "eyes", "--split", "train")
    listing = open_set("table", tmp_path / "set/manifest.csv")
    rows = rows_of(tmp_path / "set")
    assert not listing.problems
    assert [sample.path for sample in listing.samples] == [row["path"] for row in rows]
    assert {sample.split for sample in listing.samples} == {"train"}
    assert {sample.subject for sample in listing.samples} == {""}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--protocol", "objects"), "needs --occluders"),
        (("--protocol", "random"), "needs --share"),
        (("--protocol", "irregular"), "needs --hole"),
        (("--protocol", "eyes", "--share", "30"), "--share belongs to random and grad-cam"),
        (("--protocol", "procedural", "--coverage", "40"), "such as 5-40"),
        (("--protocol", "procedural", "--coverage", "40-5"), "such as 5-40"),
        (("--protocol", "eyes", "--split", "test"), "no face of split test"),
        (("--protocol", "grad-cam", "--share", "30"), "latent-ofer train plain"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    words: tuple[str, ...],
    told: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, output = str(data / "ferplus.zip"), str(tmp_path / "set")
    place = ("--runs", str(data / "runs"), "--output", output)
    assert told in complaint(capsys, "ferplus", path, *place, *words)
    assert not (tmp_path / "set").exists()


def test_unknown_sets_and_missing_files_are_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = ("--protocol", "eyes", "--output", str(tmp_path / "set"))
    assert "did you mean" in complaint(capsys, "face", str(data / "faces.zip"), *rest)
    assert "no such file" in complaint(capsys, "faces", str(tmp_path / "none.zip"), *rest)
