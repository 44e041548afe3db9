"""`latent-ofer train release`: what is trained in RUNS, and the rest from the start weights."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from archives import Trained, write_recipes
from latent_ofer.backends.networks import Networks
from latent_ofer.cli.main import main
from latent_ofer.encoder.masks import HoleBank
from latent_ofer.recogniser.train_fusion import load_fusion
from latent_ofer.training.checkpoint import load_weights, parents_of, save_weights

KEPT = ("mae.", "regions.", "one_class.", "svdd.", "unet.", "recogniser.")
"""Tensors of the networks that these tests do not train."""


def run(stage: str, trained: Trained, runs: Path, config: Path, *more: object) -> int | str | None:
    words = [stage, "--data", trained.data, "--runs", runs, "--config", config, *more]
    with pytest.raises(SystemExit) as stop:
        main(["train", *(str(word) for word in words)])
    return stop.value.code


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Recipes of the same networks from other random weights."""
    # A bank of all 4,000 holes takes seconds to draw.
    few = partial(HoleBank, each=10)
    monkeypatch.setattr("latent_ofer.recogniser.train_cnn.HoleBank", few)
    folder = write_recipes(tmp_path / "tiny")
    for stage in ("detector_labelled", "recogniser"):
        recipe = folder / f"{stage}.yaml"
        recipe.write_text(f"seed: 5\n{recipe.read_text()}")
    return folder


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Tensor], dict[str, Any]]]:
    """Tensors and manifest of each release; nothing is exported."""
    kept: list[tuple[dict[str, Tensor], dict[str, Any]]] = []

    def keep(networks: Networks, folder: Path, manifest: dict[str, Any]) -> None:
        assert folder.name == "weights"
        kept.append((networks.tensors(), json.loads(json.dumps(manifest))))

    monkeypatch.setattr("latent_ofer.train_all.export_folder", keep)
    return kept


def shipped(trained: Trained) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors = load_file(trained.weights / "model.safetensors")
    manifest = json.loads((trained.weights / "manifest.json").read_text())
    return {name: tensor.float() for name, tensor in tensors.items()}, manifest


def test_without_training_the_release_is_the_start_weights(
    trained: Trained,
    tmp_path: Path,
    released: list[tuple[dict[str, Tensor], dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = tmp_path / "runs"
    assert run("release", trained, runs, trained.config, "--from", trained.weights) == 0
    assert capsys.readouterr().out.endswith(f"Wrote {runs / 'weights'}\n")
    ((tensors, manifest),) = released
    start, origin = shipped(trained)
    assert tensors.keys() == start.keys()
    assert all(torch.equal(tensors[name].float(), start[name]) for name in start)
    assert manifest["trained_here"] == []
    for key in set(origin) - {"files", "tensors"}:
        assert manifest[key] == origin[key], key


def test_what_was_trained_is_released_beside_the_start_weights(
    trained: Trained,
    tmp_path: Path,
    config: Path,
    released: list[tuple[dict[str, Tensor], dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = tmp_path / "runs"
    assert run("detector_labelled", trained, runs, config, "--from", trained.weights) == 0
    assert run("recogniser", trained, runs, config) == 0
    capsys.readouterr()
    # How much each view counts is of the networks that it was fitted to.
    assert run("release", trained, runs, config) == 2
    error = capsys.readouterr().err.strip()
    assert "Train that stage first: latent-ofer train fusion" in error and "\n" not in error
    assert run("fusion", trained, runs, config) == 0
    assert run("release", trained, runs, config) == 0
    ((tensors, manifest),) = released
    here = ["detector_labelled", "recogniser", "fusion"]
    assert manifest["trained_here"] == here
    start, origin = shipped(trained)
    assert tensors.keys() == start.keys()
    for name, tensor in tensors.items():
        if name.startswith(KEPT):
            assert torch.equal(tensor.float(), start[name]), name
    for stage, prefix in (("detector_labelled", "labelled."), ("recogniser", "cnn.")):
        for name, tensor in load_weights(runs / stage).tensors.items():
            assert torch.equal(tensors[prefix + name], tensor), name
        assert manifest["stages"][stage] != origin["stages"][stage]
        assert manifest["recipes"][stage] == origin["recipes"][stage] | {"seed": 5}
        assert manifest["recipes_sha256"][stage] != origin["recipes_sha256"][stage]
    assert not torch.equal(tensors["cnn.fc.weight"], start["cnn.fc.weight"])
    for stage in set(origin["stages"]) - set(here):
        assert manifest["stages"][stage] == origin["stages"][stage]
    fusion = json.loads(json.dumps(asdict(load_fusion(runs))))
    assert manifest["recognisers"] == {"views": fusion, "paper": None}
    assert manifest["recognisers"]["views"] != origin["recognisers"]["views"]
    assert manifest["dev_auroc"]["labelled"] == load_weights(runs / here[0]).about["dev_auroc"]
    assert manifest["dev_auroc"]["paper"] == origin["dev_auroc"]["paper"]
    digest = origin["files"]["model.safetensors"]["sha256"]
    assert manifest["started_from"]["sha256"] == digest

    # Fitted to another CNN than the one at hand.
    weights = load_weights(runs / "recogniser")
    save_weights(runs / "recogniser", weights.tensors, {"again": True})
    assert run("release", trained, runs, config) == 2
    assert "trained on another 'recogniser'" in capsys.readouterr().err


def test_what_reads_the_latents_of_another_encoder_is_left_out(
    trained: Trained,
    tmp_path: Path,
    released: list[tuple[dict[str, Tensor], dict[str, Any]]],
) -> None:
    runs = tmp_path / "runs"
    assert run("release", trained, runs, trained.config, "--from", trained.weights) == 0
    for stage in ("mae", "detector", "detector_paper", "teacher", "reconstructor"):
        (runs / stage).symlink_to(trained.runs / stage)
    views = load_weights(trained.runs / "fusion")
    parents = parents_of(runs, "reconstructor")
    save_weights(runs / "fusion", views.tensors, {"parents": parents})
    assert run("release", trained, runs, trained.config) == 0
    _, manifest = released[-1]
    assert list(manifest["recognisers"]) == ["views"]
    assert manifest["default_recogniser"] == "views"
    assert set(manifest["thresholds"]) == {"synthetic", "one-class", "paper", "labelled"}
    tensors, start = released[-1][0], shipped(trained)[0]
    for name in start:
        if name.startswith(("labelled.", "cnn.")):
            assert torch.equal(tensors[name].float(), start[name]), name
    trained_here = load_weights(trained.runs / "mae").tensors
    assert all(torch.equal(tensors[f"mae.{name}"], trained_here[name]) for name in trained_here)


def test_a_release_leaves_out_what_it_is_told_to(
    trained: Trained,
    tmp_path: Path,
    released: list[tuple[dict[str, Tensor], dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = ("--without", "recogniser_paper", "--without", "detector_one-class")
    from_shipped = ("--from", trained.weights)
    assert run("release", trained, tmp_path, trained.config, *from_shipped, *out) == 0
    ((tensors, manifest),) = released
    assert list(manifest["recognisers"]) == ["views"]
    left = {"synthetic", "paper", "labelled"}
    assert set(manifest["thresholds"]) == set(manifest["dev_auroc"]) == left
    assert not [name for name in tensors if name.startswith(("one_class.", "recogniser."))]

    wrong = {
        ("release", "encoder"): "cannot leave out 'encoder': choose from detector_synthetic, ",
        ("fusion", "recogniser_paper"): "--without is for `train release`, not for `train fusion`",
    }
    for (stage, network), message in wrong.items():
        capsys.readouterr()
        assert run(stage, trained, tmp_path, trained.config, "--without", network) == 2
        error = capsys.readouterr().err.strip()
        assert message in error and "\n" not in error


def test_weights_keep_a_detector_and_a_recogniser(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--without", "recogniser_paper", "--without", "recogniser_views")
    arguments = (trained.config, "--from", trained.weights, *out)
    assert run("release", trained, tmp_path, *arguments) == 2
    assert "weights need a detector and a recogniser" in capsys.readouterr().err
    assert not (tmp_path / "weights").exists()


def test_a_release_of_nothing_says_what_to_train(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("release", trained, tmp_path / "runs", trained.config) == 2
    error = capsys.readouterr().err.strip()
    assert "Train that stage first: latent-ofer train mae" in error and "\n" not in error
    assert not (tmp_path / "runs" / "weights").exists()
