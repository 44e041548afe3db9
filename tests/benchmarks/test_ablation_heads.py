"""The encoder and the heads of Table 10: what each sees, and that what they read with stays."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ablation_heads import (
    INPUTS,
    Ablation,
    AblationRecipe,
    Head,
    Inputs,
    load_ablation,
    train_ablation,
)
from ablation_table import heads
from expression_encoder import (
    ExpressionEncoder,
    cnn_of,
    kept_patches,
    load_expression_encoder,
    train_expression_encoder,
)

from archives import RECIPES, Trained
from latent_ofer.datasets.sources import Sources
from latent_ofer.encoder.train import load_mae
from latent_ofer.errors import StaleError, WeightsError
from latent_ofer.training.checkpoint import load_weights
from latent_ofer.training.how import How
from latent_ofer.training.recipe import load_recipe

FEATURES, DIM = 20, 24


@pytest.fixture
def recipe(tmp_path: Path) -> AblationRecipe:
    (tmp_path / "ablation.yaml").write_text(RECIPES["ablation"])
    return load_recipe(AblationRecipe, str(tmp_path), "ablation")


@pytest.fixture(scope="module")
def runs(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs in which encoder and heads are trained for two steps."""
    runs = tmp_path_factory.mktemp("runs")
    for stage in trained.runs.iterdir():
        (runs / stage.name).symlink_to(stage)
    sources = Sources(trained.data, runs / "cache")
    for train in (train_expression_encoder, train_ablation):
        train(sources, runs, str(trained.config), How(quiet=True))
    return runs


def test_repaired_patches_are_the_first_that_are_not_looked_at() -> None:
    repaired = torch.zeros(2, 14, 14, dtype=torch.bool)
    repaired[0, :4] = True
    repaired[1, :10] = True
    kept = kept_patches(repaired, 0.5, np.random.default_rng(0))
    assert kept.shape == (2, 98)
    assert (kept.diff(dim=1) > 0).all()
    assert (kept[0] >= 56).all()
    assert set(range(140, 196)) <= set(kept[1].tolist())


def test_the_encoder_learns_and_its_decoder_does_not(trained: Trained) -> None:
    model = ExpressionEncoder(load_mae(trained.runs, str(trained.config)), 0.0)
    model(torch.rand(2, 3, 112, 112), torch.arange(98).expand(2, -1)).sum().backward()
    learned = {name for name, value in model.named_parameters() if value.grad is not None}
    assert any(name.startswith("mae.blocks") for name in learned)
    assert not any("decoder" in name or "pos_embed" in name for name in learned)


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
    inputs: Inputs, sees: set[str], recipe: AblationRecipe
) -> None:
    torch.manual_seed(0)
    head = Head(inputs, FEATURES, DIM, recipe).eval()
    if head.latents is not None:
        torch.nn.init.normal_(head.latents.repaired)
    seen, latents = torch.rand(2, FEATURES), torch.rand(2, 196, DIM)
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


def test_training_leaves_cnn_and_encoder_alone(trained: Trained, recipe: AblationRecipe) -> None:
    config = str(trained.config)
    encoder = ExpressionEncoder(load_mae(trained.runs, config), 0.1)
    model = Ablation(cnn_of(trained.runs, config), encoder, recipe).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    logits = model(torch.rand(2, 3, 112, 112), torch.zeros(2, 14, 14).bool())
    assert logits.shape == (2, 2, len(INPUTS), 8)
    logits.sum().backward()
    for name, value in model.named_parameters():
        assert (value.grad is not None) == name.startswith("rows."), name
    # Not even the running means of their norms.
    for name, value in model.state_dict().items():
        assert name.startswith("rows.") or torch.equal(value, before[name]), name


def test_each_seed_begins_elsewhere(trained: Trained, recipe: AblationRecipe) -> None:
    config = str(trained.config)
    encoder = ExpressionEncoder(load_mae(trained.runs, config), 0.1)
    model = Ablation(cnn_of(trained.runs, config), encoder, recipe).eval()
    logits = model(torch.rand(2, 3, 112, 112), torch.zeros(2, 14, 14).bool())
    assert not torch.allclose(logits[:, 0], logits[:, 1])


def test_heads_are_saved_alone_and_loaded_with_what_they_read_with(
    trained: Trained, runs: Path
) -> None:
    saved = load_weights(runs / "ablation").tensors
    assert saved and all(name.startswith("rows.") for name in saved)
    model = load_ablation(runs, str(trained.config))
    assert not model.training
    state = model.state_dict()
    for name, value in load_expression_encoder(runs, str(trained.config)).state_dict().items():
        assert torch.equal(state[f"encoder.{name}"], value), name
    for name, value in saved.items():
        assert torch.equal(state[name], value), name


def test_the_evaluation_reads_with_all_heads_at_once(trained: Trained, runs: Path) -> None:
    _, read_by = heads(runs, str(trained.config))
    faces = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    read = read_by(faces, np.zeros((3, 14, 14), dtype=np.bool_))
    assert read.shape == (3, 2, len(INPUTS), 8)
    np.testing.assert_allclose(read.sum(3), 1)
    np.testing.assert_allclose(
        read_by(faces[1:2], np.zeros((1, 14, 14), bool)), read[1:2], atol=1e-5
    )


def test_heads_of_another_encoder_are_refused(trained: Trained, runs: Path, tmp_path: Path) -> None:
    for stage in runs.iterdir():
        if stage.name != "expression_encoder":
            (tmp_path / stage.name).symlink_to(stage)
    other = (trained.runs / "teacher" / "weights.safetensors").read_bytes()
    (tmp_path / "expression_encoder").mkdir()
    (tmp_path / "expression_encoder" / "weights.safetensors").write_bytes(other)
    with pytest.raises(StaleError, match="expression_encoder"):
        load_ablation(tmp_path, str(trained.config))


def test_without_training_the_message_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="train_baselines.py ablation"):
        load_ablation(tmp_path, "small")
