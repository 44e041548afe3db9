"""`latent-ofer train --set`: every stage on a folder of colour faces and a folder of cut-outs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archives import write_recipes
from latent_ofer.cli.main import main
from latent_ofer.training.checkpoint import load_weights
from layouts_b import put_picture

STAGES = [
    *("mae", "detector", "detector_paper", "detector_labelled", "teacher", "reconstructor"),
    *("recogniser", "fusion", "recogniser_paper", "calibration_paper"),
]


def run(*words: object) -> int | str | None:
    with pytest.raises(SystemExit) as stop:
        main(["train", *(str(word) for word in words)])
    return stop.value.code


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    for number in range(24):
        label = ("3", "6")[number % 2]
        put_picture(folder / "train" / label / f"{number}.png", number, size=112, grey=False)
    return folder


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("things")
    for number in range(3):
        Image.new("RGBA", (40, 40), (20 * number, 200, 0, 255)).save(folder / f"{number}.png")
    return folder


def test_every_stage_trains_on_a_set_in_place_of_the_archives(
    faces: Path, things: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, runs = write_recipes(tmp_path / "tiny"), tmp_path / "runs"
    options = ["--set", f"folder={faces}", "--codes", "folder=affectnet", "--occluders", things]
    for stage in STAGES:
        assert run(stage, *options, "--config", config, "--runs", runs) == 0, capsys.readouterr()
        assert "folder: 24 of 24 faces ready" in capsys.readouterr().out
    abouts = [load_weights(runs / stage).about["data"] for stage in STAGES]
    alone, hidden = ["folder #1"], ["folder #1", things.name]
    named = [*hidden, "covers.csv", "cover_outlines.csv"]
    assert [list(about) for about in abouts] == [
        *(alone, named, named, named, alone, alone),
        *(named, hidden, hidden, hidden),
    ]
    assert len({about["folder #1"] for about in abouts}) == 1
    (copies,) = (runs / "cache").glob("train-*.npz")
    with np.load(copies) as kept:
        assert kept["faces"].shape == (4, 112, 112, 3)
        assert np.ptp(kept["faces"].astype(int), axis=3).max() > 20


def wrong(error: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, *options: object) -> None:
    capsys.readouterr()
    config = write_recipes(tmp_path / "tiny")
    assert run("teacher", *options, "--config", config, "--runs", tmp_path / "runs") == 2
    said = capsys.readouterr().err.strip()
    assert error in said and "\n" not in said


def test_a_wrong_option_is_one_line_that_says_what_to_give(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong(f"--set {faces}: give it as NAME=PATH", capsys, tmp_path, "--set", faces)
    wrong("did you mean raf-db?", capsys, tmp_path, "--set", f"rafdb={faces}")
    given = ["--set", f"folder={faces}", "--codes"]
    wrong("there is no --set raf-db=PATH", capsys, tmp_path, *given, "raf-db=raf-db")
    wrong("--codes affectnet: give it as NAME=MAP", capsys, tmp_path, *given, "affectnet")


def test_a_stage_that_needs_labels_says_when_there_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["path,label,split"]
    for number in range(12):
        put_picture(tmp_path / f"{number}.png", number)
        lines.append(f"{number}.png,,train")
    (tmp_path / "faces.csv").write_text("\n".join(lines) + "\n")
    given = ["--set", f"table={tmp_path / 'faces.csv'}"]
    wrong("no train face has a label", capsys, tmp_path, *given)
