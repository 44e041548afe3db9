"""Training that starts from finished weights."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from latent_ofer.errors import StaleError, WeightsError
from latent_ofer.training.checkpoint import describe, start_digest
from latent_ofer.training.recipe import Recipe
from latent_ofer.training.start import keep_start, start_from, start_manifest

RECIPE = Recipe(epochs=1, batch_size=1, learning_rate=1)


def weights(folder: Path, value: float = 1.0) -> Path:
    folder.mkdir()
    tensors = {"net.weight": torch.full((2, 3), value).half(), "net.bias": torch.full((2,), value)}
    save_file(tensors, folder / "model.safetensors")
    (folder / "manifest.json").write_text('{"configuration": "tiny"}')
    return folder / "model.safetensors"


def test_a_network_takes_what_the_start_weights_hold_of_it_in_its_own_width(
    tmp_path: Path,
) -> None:
    keep_start(weights(tmp_path / "w"), tmp_path / "runs")
    net = nn.Linear(3, 2)
    assert start_from(net, "net.", tmp_path / "runs")
    assert net.weight.dtype == torch.float32
    assert torch.equal(net.weight, torch.ones(2, 3)) and torch.equal(net.bias, torch.ones(2))


def test_without_start_weights_or_in_their_absence_a_network_stays_as_it_is(
    tmp_path: Path,
) -> None:
    net = nn.Linear(3, 2)
    before = net.weight.clone()
    assert not start_from(net, "net.", tmp_path / "runs")
    assert start_manifest(tmp_path / "runs") is None
    keep_start(weights(tmp_path / "w"), tmp_path / "runs")
    assert not start_from(net, "other.", tmp_path / "runs")
    assert torch.equal(net.weight, before)


def test_weights_of_another_size_are_refused_by_name(tmp_path: Path) -> None:
    keep_start(weights(tmp_path / "w"), tmp_path / "runs")
    with pytest.raises(WeightsError, match=r"'net\.weight' does not fit.*without --from"):
        start_from(nn.Linear(4, 2), "net.", tmp_path / "runs")


def test_a_folder_of_runs_starts_from_one_file_alone(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    first, second = weights(tmp_path / "first"), weights(tmp_path / "second", 2)
    keep_start(first, runs)
    keep_start(first, runs)
    with pytest.raises(StaleError, match="other weights.*--runs"):
        keep_start(second, runs)
    assert (runs / "start" / "model.safetensors").read_bytes() == first.read_bytes()
    assert start_manifest(runs) == {"configuration": "tiny"}


def test_what_a_stage_is_trained_on_names_its_start(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert "start" not in describe(RECIPE, {}, runs, ())
    keep_start(weights(tmp_path / "w"), runs)
    assert describe(RECIPE, {}, runs, ())["start"] == start_digest(runs)
