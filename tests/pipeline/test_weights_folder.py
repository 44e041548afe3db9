import json
from pathlib import Path
from typing import Any

import pytest

from latent_ofer.errors import WeightsError
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.recogniser.views import Fusion
from latent_ofer.weights_folder import Thresholds, WeightsFolder
from onnx_folder import write_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "weights")


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_whole_folder_opens(folder: Path) -> None:
    weights = WeightsFolder.open(folder)
    assert weights.image_size == 112
    assert weights.thresholds["synthetic"] == Thresholds(colour=0.5, grey=0.25)
    assert weights.file("encoder.onnx") == folder / "encoder.onnx"
    with pytest.raises(WeightsError, match="other.onnx"):
        weights.file("other.onnx")


@pytest.mark.parametrize("name", ["model.safetensors", "encoder.onnx", "recogniser_paper.onnx"])
def test_a_file_that_is_altered_cut_or_gone_is_refused_by_name(folder: Path, name: str) -> None:
    path = folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(WeightsError, match=f"{name}: altered"):
        WeightsFolder.open(folder)
    path.write_bytes(whole[:-1])
    with pytest.raises(WeightsError, match=f"{name}: .* truncated"):
        WeightsFolder.open(folder)
    path.unlink()
    with pytest.raises(WeightsError, match=f"{name}: missing"):
        WeightsFolder.open(folder)


def test_the_default_is_another_name_of_the_detector_that_the_manifest_names(folder: Path) -> None:
    edit(folder, default_detector="paper")
    weights = WeightsFolder.open(folder)
    assert weights.detector("default") == weights.detector("paper") == "paper"
    assert weights.detector("synthetic") == "synthetic"
    with pytest.raises(ValueError, match="no detector 'one-class', only default, synthetic, paper"):
        weights.detector("one-class")


def test_the_default_is_another_name_of_the_recogniser_that_the_manifest_names(
    folder: Path,
) -> None:
    assert WeightsFolder.open(folder).recogniser("default") == "paper"
    edit(folder, default_recogniser="views")
    weights = WeightsFolder.open(folder)
    assert weights.recogniser("default") == weights.recogniser("views") == "views"
    assert weights.recogniser("paper") == "paper"
    edit(folder, recognisers={"paper": None}, default_recogniser="paper")
    with pytest.raises(ValueError, match="no recogniser 'views', only default, paper"):
        WeightsFolder.open(folder).recogniser("views")


def test_a_recogniser_has_its_fusion_of_views_or_reads_the_repaired_face_alone(
    folder: Path,
) -> None:
    assert WeightsFolder.open(folder).recognisers == {
        "paper": None,
        "views": Fusion(0.5, ((0.5, 0.1, 0.2), (0.25, 0.0, 0.0), (0.0, 1.0, 0.0))),
    }


@pytest.mark.parametrize(
    "key",
    ["configuration", "image_size", "patch_size", "latent_dim", "labels", "files", "thresholds"]
    + ["default_detector", "recognisers", "default_recogniser"],
)
def test_a_manifest_without_a_key_is_refused_by_the_keys_name(folder: Path, key: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest[key]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(WeightsError, match=rf"manifest\.json: incomplete .*'{key}'"):
        WeightsFolder.open(folder)


def test_labels_in_another_order_are_refused(folder: Path) -> None:
    edit(folder, labels=list(EXPRESSIONS[::-1]))
    with pytest.raises(WeightsError, match="labels"):
        WeightsFolder.open(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 1}, "format 1"),
        ({"format": 3}, "format 3"),
        ({"image_size": 224}, "grid"),
        ({"image_size": "wide"}, "malformed"),
        ({"thresholds": {"default": {"colour": 1}}}, "malformed"),
        ({"thresholds": []}, "malformed"),
        ({"default_detector": "best"}, "no thresholds of its detector 'best'"),
        ({"recognisers": {"paper": None, "views": {"before": 1}}}, "malformed"),
        ({"recognisers": {"paper": None, "views": {"before": 1, "after": []}}}, "malformed"),
        ({"recognisers": ["paper"]}, "malformed"),
        ({"default_recogniser": "best"}, "no entry for its recogniser 'best'"),
        ({"files": {"../x": {"bytes": 1, "sha256": ""}}}, "plain file name"),
        ({"files": {}}, "model.safetensors: not listed"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    folder: Path, changes: dict[str, Any], words: str
) -> None:
    edit(folder, **changes)
    with pytest.raises(WeightsError, match=words):
        WeightsFolder.open(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00"])
def test_a_broken_manifest_is_refused_by_name(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(WeightsError, match=r"manifest\.json"):
        WeightsFolder.open(folder)
