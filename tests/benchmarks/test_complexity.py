"""Sizes and costs of the networks, counted by hand."""

import json
from pathlib import Path

import pytest
import torch
from complexity import (
    baseline_complexity,
    flops_of,
    numbers_in,
    pipeline_complexity,
)
from torch import nn

from archives import Trained
from latent_ofer.encoder.vit import Block
from latent_ofer.errors import RecipeError
from latent_ofer.weights_folder import WeightsFolder


def test_a_multiply_add_is_two_operations() -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.Flatten(), nn.Linear(5 * 64, 7))
    convolution, linear = 8 * 8 * 5 * 3 * 9, 5 * 64 * 7
    assert flops_of(network, torch.rand(1, 3, 8, 8)) == 2 * (convolution + linear)
    assert numbers_in(network.parameters()) == 5 * 3 * 9 + 5 + 5 * 64 * 7 + 7


def test_attention_counts_its_products() -> None:
    tokens, dim = 10, 12
    linear = tokens * dim * (3 * dim + dim + 4 * dim + 4 * dim)
    attention = 2 * tokens * tokens * dim
    assert flops_of(Block(dim, 2), torch.rand(1, tokens, dim)) == 2 * (linear + attention)


def test_shared_parameters_count_once() -> None:
    layer = nn.Linear(3, 4)
    assert numbers_in([*layer.parameters(), *layer.parameters()]) == 16


def reading_by(recogniser: str, weights: Path, folder: Path) -> Path:
    """The weights with another recogniser as their default."""
    folder.mkdir()
    manifest = json.loads((weights / "manifest.json").read_text())
    for name in manifest["files"]:
        (folder / name).symlink_to(weights / name)
    changed = manifest | {"default_recogniser": recogniser}
    (folder / "manifest.json").write_text(json.dumps(changed))
    return folder


DETECTORS = ("default", "labelled", "synthetic", "one-class", "paper")


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("recogniser", ["views", "paper"])
def test_the_pipeline_is_its_stages_put_together(
    detector: str, recogniser: str, trained: Trained, tmp_path: Path
) -> None:
    weights = reading_by(recogniser, trained.weights, tmp_path / "weights")
    counted = pipeline_complexity(weights, detector)  # type: ignore[arg-type]
    flops = {stage: each.flops for stage, each in counted.stages.items()}
    assert all(value > 0 for value in flops.values())
    once = flops["detector"] + flops["recogniser"]
    if recogniser == "paper" or WeightsFolder.open(weights).detector(detector) == "paper":
        once += flops["encoder"]
    assert counted.nothing_hidden.flops == once
    again = {
        # The face with its hidden part blanked, and the repaired one.
        "views": 2 * flops["recogniser"],
        # The repaired face and its latents.
        "paper": flops["encoder"] + flops["recogniser"],
    }
    assert counted.hidden.flops == once + flops["repair"] + again[recogniser]
    numbers = {stage: each.parameters for stage, each in counted.stages.items()}
    # The repair holds the encoder.
    assert counted.hidden.parameters == sum(numbers.values()) - numbers["encoder"]
    assert 0 < numbers["encoder"] < numbers["repair"]
    assert numbers["detector"] > 0 and flops["detector"] > 0


def test_baselines_are_counted_without_training(tmp_path: Path) -> None:
    judge = baseline_complexity("judge", "small")
    assert judge.parameters > 1_000_000 and judge.flops > 100_000_000
    with pytest.raises(RecipeError, match=r"judge\.yaml"):
        baseline_complexity("judge", str(tmp_path))
