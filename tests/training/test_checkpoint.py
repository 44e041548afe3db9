"""Weights of finished stages: whole files, what they were trained on, and stale ones."""

from pathlib import Path

import pytest
import torch

from latent_ofer.errors import StaleError, WeightsError
from latent_ofer.training.checkpoint import (
    check_fresh,
    describe,
    load_state,
    load_weights,
    parents_of,
    save_state,
    save_weights,
)
from latent_ofer.training.recipe import Recipe


def test_weights_may_be_read_by_whoever_may_read_other_new_files(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    path = save_weights(tmp_path / "mae", {"w": torch.ones(2)}, {})
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_state_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None
    save_state(tmp_path, {"epoch": 3, "model": {"w": torch.arange(3.0)}})
    state = load_state(tmp_path)
    assert state is not None and state["epoch"] == 3
    assert torch.equal(state["model"]["w"], torch.arange(3.0))


def test_a_full_disk_leaves_the_state_before_it_whole(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    save_state(tmp_path, {"epoch": 3, "model": {}})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            save_state(tmp_path, {"epoch": 4, "model": {"w": torch.zeros(10_000)}})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    state = load_state(tmp_path)
    assert state is not None and state["epoch"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


def test_weights_come_back_with_what_they_were_trained_on(tmp_path: Path) -> None:
    turned = torch.arange(6.0).reshape(2, 3).T
    save_weights(tmp_path / "mae", {"w": turned}, {"recipe": "abc"})
    weights = load_weights(tmp_path / "mae")
    assert torch.equal(weights.tensors["w"], turned)
    assert weights.about == {"recipe": "abc"}


def test_a_stage_that_was_not_trained_is_named_with_its_command(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="train teacher"):
        load_weights(tmp_path / "teacher")


def test_a_broken_weights_file_is_named(tmp_path: Path) -> None:
    path = save_weights(tmp_path / "mae", {"w": torch.ones(100)}, {})
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(WeightsError, match=r"weights\.safetensors: not a readable"):
        load_weights(tmp_path / "mae")


def child_of_mae(runs: Path) -> None:
    save_weights(runs / "mae", {"w": torch.ones(2)}, {})
    save_weights(runs / "detector", {"w": torch.ones(2)}, {"parents": parents_of(runs, "mae")})


def test_weights_on_their_own_parents_are_fresh(tmp_path: Path) -> None:
    child_of_mae(tmp_path)
    check_fresh(load_weights(tmp_path / "detector"), tmp_path)


def test_weights_on_other_parents_are_refused(tmp_path: Path) -> None:
    child_of_mae(tmp_path)
    save_weights(tmp_path / "mae", {"w": torch.zeros(2)}, {})
    with pytest.raises(StaleError, match=r"another 'mae'.*train detector, or train all"):
        check_fresh(load_weights(tmp_path / "detector"), tmp_path)


def test_weights_whose_parent_is_gone_are_refused(tmp_path: Path) -> None:
    child_of_mae(tmp_path)
    (tmp_path / "mae" / "weights.safetensors").unlink()
    with pytest.raises(WeightsError, match="train mae"):
        check_fresh(load_weights(tmp_path / "detector"), tmp_path)


def test_a_description_follows_recipe_data_parents_and_the_rule_of_dev(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_weights(tmp_path / "mae", {"w": torch.ones(2)}, {})

    def described(seed: int, content: str = "1f") -> dict[str, object]:
        recipe = Recipe(seed=seed, epochs=1, batch_size=1, learning_rate=1)
        return describe(recipe, {"faces.zip": content}, tmp_path, ["mae"])

    first = described(0)
    assert described(0) == first
    assert described(1)["recipe"] != first["recipe"]
    save_weights(tmp_path / "mae", {"w": torch.zeros(2)}, {})
    assert described(0)["parents"] != first["parents"]
    assert described(0, "2e")["data"] != first["data"]
    monkeypatch.setattr("latent_ofer.training.checkpoint.DEV_RULE", "1: SHA-1 of the name")
    assert described(0)["dev"] != first["dev"]
