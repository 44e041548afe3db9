"""Training on drawn faces: masks, learning, and what is kept of it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import drawn_face
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import to_tensor
from latent_ofer.errors import StaleError
from latent_ofer.recogniser.attention_cnn import PlainCNN
from latent_ofer.reconstructor.train import (
    DevSet,
    ReconstructorRecipe,
    load_reconstructor,
    mean_psnr,
    repair_loss,
    training_mask,
)
from latent_ofer.reconstructor.unet import Reconstructor
from latent_ofer.training.batch import shared_out
from latent_ofer.training.checkpoint import parents_of, save_weights

KEYS = {
    "widths": [8, 8, 8, 128],
    "reconstruction": 1.0,
    "consistency": 0.01,
    "semantic": 0.1,
    "epochs": 1,
    "batch_size": 2,
    "learning_rate": 0.001,
}
MAE_KEYS = {
    "dim": 8,
    "depth": 1,
    "heads": 1,
    "decoder_dim": 8,
    "decoder_depth": 1,
    "decoder_heads": 1,
    "epochs": 1,
    "batch_size": 2,
    "learning_rate": 0.001,
}


def tiny() -> tuple[ReconstructorRecipe, Reconstructor]:
    torch.manual_seed(0)
    recipe = ReconstructorRecipe(**KEYS)
    return recipe, Reconstructor(MaskedAutoencoder(112, 8, 8, 1, 1, 8, 1, 1), recipe.build())


def test_training_masks_hide_something_and_vary_in_size() -> None:
    masks = np.stack([training_mask(np.random.default_rng(seed)) for seed in range(200)])
    share = masks.mean((1, 2))
    assert masks.shape == (200, 14, 14) and masks.dtype == bool
    assert share.min() > 0 and share.min() < 0.1 and share.max() > 0.6
    again = training_mask(np.random.default_rng(3))
    assert np.array_equal(again, masks[3])


def test_a_few_steps_bring_the_repair_nearer_to_the_truth() -> None:
    recipe, parts = tiny()
    teacher = PlainCNN(0.0).eval().requires_grad_(False)
    faces = to_tensor(np.stack([drawn_face(seed=seed)[0] for seed in range(2)]))
    mask = torch.rand(2, 14, 14) < 0.4
    inputs = (faces, mask, shared_out(mask))
    optimiser = torch.optim.AdamW(parts.unet.parameters(), lr=5e-3)
    seen = []
    for _ in range(8):
        loss, figures = repair_loss(parts.unet, parts, teacher, recipe, inputs)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        seen.append(figures["reconstruction"])
        total = sum(KEYS[name] * value for name, value in figures.items())
        assert float(loss.detach()) == pytest.approx(total, rel=1e-5)
    assert seen[-1] < 0.95 * seen[0]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parts.unet.parameters())
    assert all(p.grad is None for p in [*parts.mae.parameters(), *teacher.parameters()])


def test_psnr_is_in_decibels_and_averaged_over_images() -> None:
    truth = torch.zeros(2, 3, 4, 4)
    images = truth.clone()
    images[0] += 0.1
    images[1] += 0.01
    assert mean_psnr(images, truth) == pytest.approx(30, abs=1e-4)


def test_dev_figures_compare_the_three_fills() -> None:
    _, parts = tiny()
    faces = to_tensor(np.stack([drawn_face(seed=seed)[0] for seed in range(2)]))
    mask = torch.zeros(2, 14, 14, dtype=torch.bool)
    mask[:, 5:8, 5:8] = True
    with torch.no_grad():
        coarse, filled = parts.prepare(faces, mask)
        figures = DevSet(faces, mask, coarse, filled).figures(parts.unet)
        assert figures["dev_psnr_db"] == pytest.approx(mean_psnr(parts(faces, mask), faces))
    assert figures["dev_psnr_mean_fill_db"] == pytest.approx(mean_psnr(filled, faces))
    assert figures["dev_psnr_coarse_db"] == pytest.approx(mean_psnr(coarse, faces))


def test_weights_come_back_with_their_autoencoder_and_only_with_that(tmp_path: Path) -> None:
    recipes, runs = tmp_path / "recipes", tmp_path / "runs"
    recipes.mkdir()
    for name, keys in (("reconstructor", KEYS), ("mae", MAE_KEYS)):
        lines = [f"{key}: {value}" for key, value in keys.items()]
        (recipes / f"{name}.yaml").write_text("\n".join(lines))
    _, parts = tiny()
    save_weights(runs / "mae", parts.mae.state_dict(), {})
    tensors = {f"unet.{name}": value for name, value in parts.unet.state_dict().items()}
    save_weights(runs / "reconstructor", tensors, {"parents": parents_of(runs, "mae")})

    loaded = load_reconstructor(runs, str(recipes))
    faces = to_tensor(drawn_face()[0][None])
    mask = torch.rand(1, 14, 14) < 0.5
    with torch.no_grad():
        assert torch.equal(loaded(faces, mask), parts.eval()(faces, mask))
    assert not any(p.requires_grad for p in loaded.parameters())

    changed = {name: value + 1 for name, value in parts.mae.state_dict().items()}
    save_weights(runs / "mae", changed, {})
    with pytest.raises(StaleError, match="mae"):
        load_reconstructor(runs, str(recipes))
