"""`latent-ofer train` on drawn faces: two steps an epoch, stopped, continued, and all stages."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from archives import Trained, write_archives, write_recipes
from helpers import drawn_face
from latent_ofer import LatentOFER, train_all
from latent_ofer.cli import train
from latent_ofer.cli.main import main
from latent_ofer.cli.stopping import Stopped
from latent_ofer.encoder import train as encoder
from latent_ofer.training.checkpoint import load_state, load_weights

STAGES = [
    *("mae", "detector", "detector_paper", "detector_labelled", "teacher", "reconstructor"),
    *("recogniser", "fusion", "recogniser_paper", "calibration_paper"),
]
COVERS = ["cover_outlines.csv", "covers.csv"]


def run(*words: object) -> int | str | None:
    with pytest.raises(SystemExit) as stop:
        main(["train", *(str(word) for word in words)])
    return stop.value.code


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archives(tmp_path_factory.mktemp("data"))


@pytest.fixture
def options(data: Path, tmp_path: Path) -> list[object]:
    return ["--data", data, "--config", write_recipes(tmp_path / "tiny"), "--runs"]


def test_a_stage_leaves_weights_a_checkpoint_and_a_line_an_epoch(
    options: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("mae", *options, tmp_path / "runs") == 0
    folder = tmp_path / "runs" / "mae"
    assert f"Wrote {folder / 'weights.safetensors'}" in capsys.readouterr().out
    assert (folder / "state.pt").exists()
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1]
    assert all(line["loss"] > 0 and line["dev_psnr_hidden_db"] > 0 for line in lines)
    about = load_weights(folder).about
    assert sorted(about["data"]) == ["faces.zip", "ferplus.zip"] and about["parents"] == {}


def stop_at(step: int) -> Callable[..., Tensor]:
    error, steps = encoder.hidden_error, 0

    def stopping(model: torch.nn.Module, *batch: Tensor) -> Tensor:
        nonlocal steps
        steps += model.training
        if steps == step:
            raise Stopped(2)
        return error(model, *batch)  # type: ignore[arg-type]

    return stopping


def test_a_training_that_is_stopped_and_resumed_ends_as_if_it_had_not_been(
    options: list[object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(encoder, "hidden_error", stop_at(4))
        assert run("mae", *options, tmp_path / "stopped") == 130
    assert "--resume" in capsys.readouterr().err
    assert not (tmp_path / "stopped" / "mae" / "weights.safetensors").exists()
    assert run("mae", *options, tmp_path / "stopped", "--resume") == 0
    log = (tmp_path / "stopped" / "mae" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in log] == [0, 1]
    assert run("mae", *options, tmp_path / "unbroken") == 0
    resumed = load_weights(tmp_path / "stopped" / "mae").tensors
    unbroken = load_weights(tmp_path / "unbroken" / "mae").tensors
    assert resumed.keys() == unbroken.keys()
    assert all(torch.equal(resumed[name], unbroken[name]) for name in resumed)


def test_a_checkpoint_of_another_recipe_is_not_resumed(
    options: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("mae", *options, tmp_path / "runs") == 0
    recipe = tmp_path / "tiny" / "mae.yaml"
    recipe.write_text(recipe.read_text().replace("epochs: 2", "epochs: 3"))
    capsys.readouterr()
    assert run("mae", *options, tmp_path / "runs", "--resume") == 2
    error = capsys.readouterr().err.strip()
    assert "state.pt" in error and "without --resume" in error and "\n" not in error
    assert run("mae", *options, tmp_path / "runs") == 0


def test_a_batch_cut_into_slices_is_learned_from_as_a_whole(
    options: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("mae", *options, tmp_path / "cut", "--accumulate", 2) == 0
    assert load_state(tmp_path / "cut" / "mae")["parts"] == 2  # type: ignore[index]
    capsys.readouterr()
    assert run("mae", *options, tmp_path / "none", "--accumulate", 5) == 2
    error = capsys.readouterr().err.strip()
    assert "a batch of 4 faces" in error and "--accumulate 5" in error and "\n" not in error


def test_a_gpu_that_is_not_there_is_one_clear_line(
    options: list[object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert run("mae", *options, tmp_path / "runs", "--device", "cuda") == 2
    error = capsys.readouterr().err.strip()
    assert "--device cuda" in error and "--device cpu" in error and "\n" not in error


def test_missing_data_is_one_clear_line(
    options: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("mae", *options, tmp_path / "runs", "--data", tmp_path / "nowhere") == 2
    error = capsys.readouterr().err.strip()
    assert "faces.zip: not found" in error and "--data" in error and "\n" not in error


@pytest.mark.parametrize(
    "stage", ["detector", "reconstructor", "fusion", "recogniser_paper", "calibration_paper"]
)
def test_a_stage_before_its_parents_names_what_to_train_first(
    options: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str], stage: str
) -> None:
    assert run(stage, *options, tmp_path / "runs") == 2
    error = capsys.readouterr().err.strip()
    assert "Train that stage first: latent-ofer train " in error and "\n" not in error


def test_an_unknown_stage_is_refused_with_the_names_of_all(
    options: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("recognizer", *options, tmp_path / "runs") == 2
    error = capsys.readouterr().err.strip()
    assert "recognizer: no such stage" in error and "plain_occluded" in error
    assert "\n" not in error


def test_the_command_names_every_stage_in_order() -> None:
    assert tuple(train_all.STAGES) == train.STAGES
    assert tuple(train_all.BASELINES) == train.COMPARED


def test_a_wrong_recipe_of_a_late_stage_is_found_before_anything_is_trained(
    options: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "tiny" / "recogniser_paper.yaml"
    recipe.write_text(recipe.read_text() + "hiden: 3\n")
    assert run("all", *options, tmp_path / "runs") == 2
    assert "unknown key 'hiden'; did you mean 'hidden'?" in capsys.readouterr().err
    assert not (tmp_path / "runs" / "mae").exists()


def test_all_trains_every_stage_in_order_and_writes_the_release(trained: Trained) -> None:
    said = [line for line in trained.output.splitlines() if line.endswith(": training")]
    assert said == [f"{stage}: training" for stage in STAGES]
    assert trained.output.endswith(f"Wrote {trained.weights}\n")
    manifest = json.loads((trained.weights / "manifest.json").read_text())
    archives = ["faces.zip", "ferplus.zip", "occluders.zip"]
    assert list(manifest["data"]) == [*COVERS, *archives]
    assert list(manifest["stages"]) == STAGES
    assert sorted(manifest["recipes"]) == sorted(set(STAGES) - {"calibration_paper"})
    assert "started_from" not in manifest and "trained_here" not in manifest
    assert manifest["configuration"] == "tiny" and manifest["latent_dim"] == 24


def test_the_released_folder_runs_on_a_face(trained: Trained) -> None:
    model = LatentOFER.from_pretrained(trained.weights)
    (result,) = model.predict(drawn_face(seed=3)[0], crops=True)
    assert sum(result.probabilities.values()) == pytest.approx(1)
    assert result.attention.sum() == pytest.approx(1, abs=1e-4)
    repaired = model.reconstruct(result.face, np.eye(14, dtype=bool))
    visible = ~np.kron(np.eye(14, dtype=bool), np.ones((8, 8), dtype=bool))
    assert np.array_equal(repaired[visible], result.face[visible])


def test_all_again_redoes_only_what_is_stale(
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs, config = tmp_path / "runs", tmp_path / "tiny"
    # Files are replaced, never written over, so links keep the other tests' copy as it is.
    shutil.copytree(trained.runs, runs, copy_function=os.link)
    shutil.copytree(trained.config, config)
    released: list[Path] = []
    monkeypatch.setattr(
        "latent_ofer.train_all.export_folder", lambda _, folder, manifest: released.append(folder)
    )
    words = ["all", "--data", trained.data, "--runs", runs, "--config", config]
    assert run(*words) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:-1] == [f"{stage}: up to date" for stage in STAGES]
    recipe = config / "recogniser.yaml"
    recipe.write_text(recipe.read_text().replace("heads: 2", "heads: 1"))
    assert run(*words) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.endswith(": up to date")] == [
        f"{stage}: up to date" for stage in STAGES if stage not in ("recogniser", "fusion")
    ]
    assert [line for line in said if line.endswith(": training")] == [
        "recogniser: training",
        "fusion: training",
    ]
    assert released == [runs / "weights"] * 2


def test_training_goes_on_from_weights_and_says_so(
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = write_recipes(tmp_path / "tiny")
    for recipe in config.iterdir():
        text = recipe.read_text().replace("learning_rate: 0.001", "learning_rate: 1.0e-12")
        recipe.write_text(text)
    manifests: list[dict[str, object]] = []
    monkeypatch.setattr(
        "latent_ofer.train_all.export_folder",
        lambda _, folder, manifest: manifests.append(manifest),
    )
    words = ["all", "--data", trained.data, "--runs", tmp_path / "runs", "--config", config]
    assert run(*words, "--from", trained.weights) == 0
    # Hardly anything is learnt at such a rate: what comes out is what training started from.
    shipped = load_file(trained.weights / "model.safetensors")
    for stage, prefix in [("mae", "mae."), ("recogniser_paper", "recogniser.")]:
        for name, tensor in load_weights(tmp_path / "runs" / stage).tensors.items():
            if tensor.ndim > 1:
                assert torch.allclose(tensor, shipped[prefix + name].float(), atol=1e-6), name
    (manifest,) = manifests
    origin = json.loads((trained.weights / "manifest.json").read_text())
    started_from = manifest["started_from"]
    assert isinstance(started_from, dict)
    assert started_from["sha256"] == origin["files"]["model.safetensors"]["sha256"]
    assert started_from["recipes"] == origin["recipes"]
    assert manifest["trained_here"] == STAGES
    capsys.readouterr()
    assert run(*words) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:-1] == [f"{stage}: up to date" for stage in STAGES]


def test_a_start_that_is_no_folder_of_weights_is_one_clear_line(
    options: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("mae", *options, tmp_path / "runs", "--from", tmp_path / "nowhere") == 2
    error = capsys.readouterr().err.strip()
    assert "manifest.json: missing" in error and "\n" not in error
    assert not (tmp_path / "runs" / "start").exists()
