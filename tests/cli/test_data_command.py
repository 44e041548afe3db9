"""`latent-ofer data`: what people read on the terminal, JSON, exit codes, the contact sheet."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from archives import write_faces
from latent_ofer.cli.main import app
from latent_ofer.datasets.registry import SETS
from whole_sets import LAYOUTS, noise, write_whole


@pytest.fixture
def rafdb(tmp_path: Path) -> Path:
    return write_whole(LAYOUTS["raf-db"], tmp_path / "raf")


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, words)], catch_exceptions=False)


def test_list_names_every_set_with_its_terms() -> None:
    result = run("list")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in SETS)
    assert "whdeng.cn/RAF" in result.stdout
    told = json.loads(run("list", "--json").stdout)
    assert [row["name"] for row in told] == list(SETS)
    assert told[0]["counts"] == {"train": 12_271, "test": 3_068}


def test_a_whole_set_is_counted_and_nothing_is_wrong(rafdb: Path) -> None:
    result = run("check", "raf-db", rafdb)
    assert result.exit_code == 0
    rows = [line.replace("│", " ").split() for line in result.stdout.splitlines()]
    assert ["neutral", "2", "2"] in rows
    assert ["labelled", "14", "14"] in rows
    assert ["published", "12,271", "3,068"] in rows
    assert "1 = surprise (4)" in result.stdout
    assert result.stdout.strip().endswith("Nothing wrong.")


def test_the_line_on_dev_tells_who_is_in_training_too(rafdb: Path, tmp_path: Path) -> None:
    write_faces(tmp_path, (5, 3, 1))
    told = run("check", "faces", tmp_path / "faces.zip").stdout
    assert (
        "Dev: 3 of 8 training faces; 0 of somebody who is in training too, "
        "0 with the very same pixels as a training face."
    ) in told
    assert json.loads(run("check", "faces", tmp_path / "faces.zip", "--json").stdout)["dev"] == {
        "faces": 3,
        "training": 5,
        "of_people_in_training": 0,
        "copies_of_training": 0,
    }
    # Of photos of unnamed people only the prepared faces would tell.
    assert "Dev:" not in run("check", "raf-db", rafdb).stdout


def test_problems_are_grouped_and_json_has_all(rafdb: Path) -> None:
    for number in range(1, 8):
        Image.fromarray(noise(0)).save(rafdb / f"Image/aligned/train_{number:05}_aligned.jpg")
    (rafdb / "Image/aligned/test_0001_aligned.jpg").write_bytes(b"")
    result = run("check", "raf-db", rafdb)
    assert result.exit_code == 1
    assert "duplicate: 6" in result.stdout
    assert result.stdout.count("has the very same pixels as") == 5
    assert "... and 1 more" in result.stdout
    assert "test_0001_aligned.jpg: unreadable (empty)" in result.stdout
    assert result.stdout.strip().endswith("7 problems.")
    told = run("check", "raf-db", rafdb, "--json")
    assert told.exit_code == 1
    assert len(json.loads(told.stdout)["problems"]) == 7
    assert run("check", "raf-db", rafdb, "--no-decode").exit_code == 0


def test_what_is_no_such_set_is_told_with_what_it_looks_like(tmp_path: Path) -> None:
    result = run("check", "kdef", tmp_path)
    assert result.exit_code == 2
    assert result.stderr.startswith("latent-ofer: ")
    assert "AF01/AF01ANS.JPG" in result.stderr


def test_digits_need_a_table_of_codes(tmp_path: Path) -> None:
    folder = write_whole(LAYOUTS["raf-db folders from 0"], tmp_path / "raf")
    refused = run("check", "raf-db", folder)
    assert refused.exit_code == 2
    assert "raf-db-from-0" in refused.stderr
    assert run("check", "raf-db", folder, "--codes", "raf-db-from-0").exit_code == 0


def test_a_list_of_occluded_faces_takes_its_part(rafdb: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "rafdb_occlusion_list.txt"
    chosen.write_text("test_0003_aligned 2 4\r\ntest_0001_aligned 0 1\r\n")
    result = run("check", "raf-db", rafdb, "--list", chosen, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["splits"]["test"]["images"] == 2
    assert "train" not in told["splits"]


def test_the_contact_sheet_is_a_png_and_the_seed_chooses(rafdb: Path, tmp_path: Path) -> None:
    sheets = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        output = tmp_path / "new" / f"{name}.png"
        words = ["--output", output, "--per-class", 1, "--seed", seed, "--split", "train"]
        result = run("show", "raf-db", rafdb, *words)
        assert result.exit_code == 0
        assert str(output) in result.stdout.replace("\n", "")
        with Image.open(output) as image:
            assert image.format == "PNG"
            sheets.append(image.tobytes())
    assert sheets[0] == sheets[1]
    assert sheets[0] != sheets[2]


def test_help_says_that_sheets_stay_on_the_disk() -> None:
    assert "other people's faces" in " ".join(run("show", "--help").stdout.split())
