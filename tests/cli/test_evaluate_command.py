"""`latent-ofer evaluate` on drawn faces and barely trained networks: every figure comes out."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from archives import Trained, write_faces
from latent_ofer.cli.evaluate import NAMES
from latent_ofer.cli.main import app, main
from latent_ofer.datasets.archives import read_ferplus
from latent_ofer.evaluation.measurements import MEASUREMENTS
from latent_ofer.weights_folder import WeightsFolder
from layouts_b import write_class_folders


@pytest.fixture(scope="module")
def data(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn archives, with more faces."""
    folder = tmp_path_factory.mktemp("measured")
    for archive in trained.data.glob("*.zip"):
        shutil.copy(archive, folder)
    write_faces(folder, (10, 3, 4))
    return folder


def measure(figure: str, data: Path, trained: Trained, *more: str) -> dict[str, Any]:
    report = data / f"{figure}.json"
    words = ["evaluate", figure, "--data", str(data), "--output", str(report), *more]
    words += ["--weights", str(trained.weights), "--runs", str(data / "runs")]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    written = json.loads(report.read_text())
    assert json.loads(result.stdout) == written
    return dict(written)


@pytest.mark.parametrize("detector", ["default", "labelled", "synthetic", "one-class", "paper"])
def test_detection_measures_each_kind_of_face(detector: str, data: Path, trained: Trained) -> None:
    report = measure("detection", data, trained, "--detector", detector, "--limit", "2")
    assert report["detector"] == WeightsFolder.open(trained.weights).detector(detector)
    assert report["detector"] != "default"
    for kind in ("colour", "grey"):
        assert 0 <= report[kind]["auroc"]["value"] <= 1
    assert report["colour"]["worst_group"] is None  # none has a hundred faces here
    assert report["grey"]["by_group"]["source: ferplus"]["n"] == 2


def covers_of(data: Path, split: str) -> tuple[str, list[str]]:
    """Lines of a table, a hand on the first face and nothing on the others; and their names."""
    place = {"val": "FER2013Valid", "dev": "FER2013Train"}[split]
    with zipfile.ZipFile(data / "ferplus.zip") as archive:
        lines = archive.read(f"{place}/label.csv").decode().splitlines()
    names = [line.split(",")[0] for line in lines]
    if split == "dev":
        kept = set(read_ferplus(data, "dev", data / "cache").names)
        names = [name for name in names if name in kept]
    said = {"val": "valid"}.get(split, split)
    rows = [f"{said},{name},{'hand,hand' if name == names[0] else ','}" for name in names]
    return "\n".join(rows) + "\n", names


@pytest.mark.parametrize("split", ["val", "dev"])
def test_real_occlusion_takes_the_faces_that_its_table_names(
    split: str, data: Path, trained: Trained, tmp_path: Path
) -> None:
    lines, names = covers_of(data, split)
    table = "split,file,pass_a,pass_b\n" + lines
    other, _ = covers_of(data, {"val": "dev", "dev": "val"}[split])
    (data / "ferplus_occlusions.csv").write_text(table + other)
    outlines = tmp_path / "outlines.csv"
    outlines.write_text(f"file,patches\n{names[0]},{'0' * 24}{'f' * 25}\n")
    report = measure("real-occlusion", data, trained, "--split", split, "--outlines", str(outlines))
    weights = WeightsFolder.open(trained.weights)
    assert report["split"] == split and report["seed"] == 7
    assert report["detector"] == weights.default_detector
    assert report["recogniser"] == weights.default_recogniser
    assert report["n"] == len(names)
    assert set(report["covers"]) == {"hand", "really covered", "nothing"}
    assert report["covers"]["hand"]["n"] == 1
    assert report["covers"]["nothing"]["n"] == len(names) - 1
    assert 0 <= report["covers"]["hand"]["auroc"]["value"] <= 1
    assert report["patches"]["n"] == 1


def test_real_occlusion_is_read_by_the_list_detector_and_recogniser_asked_for(
    data: Path, trained: Trained, tmp_path: Path
) -> None:
    lines, _ = covers_of(data, "val")
    mine = tmp_path / "mine.csv"
    mine.write_text("split,file,pass_a,pass_b\n" + lines)
    words = ["--detector", "synthetic", "--list", str(mine), "--limit", "2"]
    reports = {
        name: measure("real-occlusion", data, trained, *words, "--recogniser", name)
        for name in ("views", "paper")
    }
    for name, report in reports.items():
        assert (report["detector"], report["recogniser"], report["n"]) == ("synthetic", name, 2)
        assert "patches" not in report
    views, paper = (reports[name]["covers"]["hand"] for name in ("views", "paper"))
    assert views["found"] == paper["found"] and views["auroc"] == paper["auroc"]


def test_real_occlusion_without_its_table_is_one_line(
    data: Path, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "real-occlusion", "--data", str(data), "--weights", str(trained.weights)]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--runs", str(data / "runs"), "--list", str(tmp_path / "none.csv")])
    assert stop.value.code == 2
    error = capsys.readouterr().err.strip()
    assert "none.csv: cannot be read" in error and "\n" not in error


def test_recognition_names_rule_and_count(data: Path, trained: Trained) -> None:
    report = measure("recognition", data, trained, "--limit", "2")
    assert (report["rule"], report["seed"]) == ("majority", 7)
    assert isinstance(report["objects"], dict)
    assert 0 <= report["objects"]["repaired"]["accuracy"]["value"] <= 1


def test_recognition_is_measured_on_a_set_of_ones_own(
    data: Path, trained: Trained, tmp_path: Path
) -> None:
    faces = write_class_folders(tmp_path / "mine", {"test/happy": 3, "test/sad": 1})
    sources = ["--set", f"folder={faces}", "--occluders", str(data / "occluders.zip")]
    report = measure("recognition", tmp_path, trained, *sources)
    assert (report["set"], report["split"], report["n"]) == (f"folder={faces}", "test", 4)
    assert isinstance(report["count_by_label"], dict)
    assert (report["count_by_label"]["happiness"], report["count_by_label"]["sadness"]) == (3, 1)
    assert "other_source" not in report and "rule" not in report


def test_a_missing_archive_is_one_line(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", "detection", "--data", str(tmp_path), "--weights", str(trained.weights)])
    assert stop.value.code == 2


def test_the_command_knows_every_measurement_by_name() -> None:
    assert set(NAMES) == set(MEASUREMENTS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["table11"], "table11: no such measurement; there are occlusion, detection"),
        (["detection", "--classes", "7"], "evaluate detection takes no --classes"),
        (["occlusion", "--codes", "a=b"], "there is no --set a=PATH"),
    ],
)
def test_what_would_not_matter_is_refused_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", *words])
    assert stop.value.code == 2
    complaint = capsys.readouterr().err
    assert message in complaint and complaint.count("\n") == 1
