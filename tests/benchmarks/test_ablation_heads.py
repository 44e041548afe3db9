"""The heads of Table 10: what each sees, and that their CNN stays as it was."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from ablation_heads import (
    INPUTS,
    PARENTS,
    Ablation,
    Head,
    Inputs,
    load_ablation,
    train_ablation,
)
from ablation_table import heads

from archives import RECIPES, Trained
from latent_ofer.datasets.sources import Sources
from latent_ofer.errors import StaleError, WeightsError
from latent_ofer.recogniser.attention_cnn import AttentionCNN
from latent_ofer.recogniser.train import RecogniserRecipe
from latent_ofer.training.checkpoint import load_weights
from latent_ofer.training.how import How
from latent_ofer.training.recipe import load_recipe

DIM = 24
NEEDED = (*PARENTS, "teacher")


@pytest.fixture
def recipe(tmp_path: Path) -> RecogniserRecipe:
    (tmp_path / "recogniser_paper.yaml").write_text(RECIPES["recogniser_paper"])
    return load_recipe(RecogniserRecipe, str(tmp_path), "recogniser_paper")


@pytest.fixture(scope="module")
def runs(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs in which the heads are trained for two steps."""
    runs = tmp_path_factory.mktemp("runs")
    for stage in NEEDED:
        (runs / stage).symlink_to(trained.runs / stage)
    config = str(trained.config)
    sources = Sources(trained.data, runs / "cache")
    train_ablation(sources, runs, config, How())
    return runs


@pytest.mark.parametrize(
    ("inputs", "sees"),
    [
        ("latents_all", {"picked", "others", "mask"}),
        ("latents_selected", {"picked", "mask"}),
        ("cnn", {"cnn"}),
        ("cnn_latents_all", {"cnn", "picked", "others", "mask"}),
        ("cnn_latents_selected", {"cnn", "picked", "mask"}),
    ],
)
def test_a_head_sees_what_its_name_says_and_nothing_else(
    inputs: Inputs, sees: set[str], recipe: RecogniserRecipe
) -> None:
    torch.manual_seed(0)
    head = Head(inputs, DIM, recipe).eval()
    if head.latents is not None:
        torch.nn.init.normal_(head.latents.repaired)
    seen, latents = torch.rand(2, 512), torch.rand(2, 196, DIM)
    picked, mask = torch.zeros(2, 196), torch.zeros(2, 196, dtype=torch.bool)
    picked[:, :98] = 1
    first = head(seen, latents, picked, mask)
    changes = {
        "cnn": (seen + 1, latents, picked, mask),
        "picked": (seen, latents + picked[..., None], picked, mask),
        "others": (seen, latents + (1 - picked)[..., None], picked, mask),
        "mask": (seen, latents, picked, picked.bool()),
    }
    found = {name for name, given in changes.items() if not torch.equal(head(*given), first)}
    assert found == sees


def test_training_leaves_the_cnn_alone(recipe: RecogniserRecipe) -> None:
    model = Ablation(AttentionCNN(recipe.heads, recipe.head_width), DIM, recipe).train()
    before = {name: value.clone() for name, value in model.cnn.state_dict().items()}
    logits = model(
        torch.rand(2, 3, 112, 112), torch.rand(2, 196, DIM), torch.zeros(2, 14, 14).bool()
    )
    assert list(logits) == list(INPUTS)
    torch.stack(list(logits.values())).sum().backward()
    assert all(value.grad is None for value in model.cnn.parameters())
    assert all(value.grad is not None for value in model.heads.parameters())
    # Not even the running means of its norms.
    for name, value in model.cnn.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_heads_are_saved_without_the_cnn_and_loaded_with_it(trained: Trained, runs: Path) -> None:
    saved = load_weights(runs / "ablation").tensors
    assert saved and all(name.startswith("heads.") for name in saved)
    model = load_ablation(runs, str(trained.config), DIM)
    assert not model.training
    for name, value in load_weights(runs / "recogniser_cnn").tensors.items():
        assert torch.equal(model.cnn.state_dict()[name], value), name
    for name, value in saved.items():
        assert torch.equal(model.state_dict()[name], value), name


def test_the_evaluation_reads_with_all_heads_at_once(trained: Trained, runs: Path) -> None:
    _, read_by = heads(runs, str(trained.config))
    faces = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    read = read_by(faces, np.zeros((3, 14, 14), dtype=np.bool_))
    assert read.shape == (3, len(INPUTS), 8)
    np.testing.assert_allclose(read.sum(2), 1)
    np.testing.assert_allclose(
        read_by(faces[1:2], np.zeros((1, 14, 14), bool)), read[1:2], atol=1e-5
    )


def test_heads_of_another_cnn_are_refused(trained: Trained, runs: Path, tmp_path: Path) -> None:
    for stage in (*NEEDED, "ablation"):
        (tmp_path / stage).symlink_to(runs / stage)
    (tmp_path / "recogniser_cnn").unlink()
    (tmp_path / "recogniser_cnn").mkdir()
    other = trained.runs / "teacher" / "weights.safetensors"
    shutil.copy(other, tmp_path / "recogniser_cnn")
    with pytest.raises(StaleError, match="recogniser_cnn"):
        load_ablation(tmp_path, str(trained.config), DIM)


def test_without_training_the_message_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="train_baselines.py ablation"):
        load_ablation(tmp_path, "small", DIM)
