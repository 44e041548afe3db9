import numpy as np
import pytest
import torch

from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.train_regions import BORDER, SURE, Known, patch_loss
from latent_ofer.training.recipe import load_recipe

NO_STREAKS = np.zeros((2, 14, 14), dtype=np.bool_)


def trained_a_little() -> RegionDetector:
    torch.manual_seed(0)
    model = RegionDetector(width=16)
    torch.nn.init.normal_(model.place)
    model.train()
    model(torch.rand(8, 3, 112, 112))  # so that the running statistics are not the initial ones
    return model.eval()


def test_a_face_scores_the_same_alone_and_in_a_batch() -> None:
    model = trained_a_little()
    faces = torch.rand(5, 3, 112, 112)
    with torch.no_grad():
        together = model(faces)
        alone = torch.cat([model(face[None]) for face in faces])
    assert together.shape == (5, 196)
    assert torch.allclose(together, alone, atol=1e-4)


def test_patches_are_row_major() -> None:
    model = trained_a_little()
    plain = torch.full((1, 3, 112, 112), 0.5)
    changed = plain.clone()
    changed[..., 16:24, 80:88] = 1.0
    with torch.no_grad():
        difference = (model(changed) - model(plain)).abs()[0].reshape(14, 14)
    # Every patch sees the whole face, but the changed one more than the far corner.
    assert difference[2, 10] > difference[13, 0]


def test_the_same_texture_scores_differently_at_different_places() -> None:
    model = trained_a_little()
    with torch.no_grad():
        scores = model(torch.full((1, 3, 112, 112), 0.5))[0].reshape(14, 14)
    assert scores[6:8, 6:8].std() > 1e-3


def test_the_shipped_configuration_has_under_a_million_parameters() -> None:
    recipe = load_recipe(DetectorRecipe, "small", "detector")
    assert sum(p.numel() for p in RegionDetector(recipe.width).parameters()) < 1_000_000


def test_gradients_reach_every_parameter() -> None:
    model = RegionDetector(width=16).train()
    covered = np.zeros((2, 112, 112), dtype=np.bool_)
    covered[:, 20:60, 20:60] = True
    patch_loss(model(torch.rand(2, 3, 112, 112)), Known.of(covered, NO_STREAKS)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_probability_is_the_logistic_of_the_logit() -> None:
    model = trained_a_little()
    faces = torch.rand(2, 3, 112, 112)
    with torch.no_grad():
        assert torch.allclose(model.probability(faces), 1 / (1 + torch.exp(-model(faces))))


def test_border_patches_count_as_hidden_with_less_weight() -> None:
    covered = np.zeros((1, 112, 112), dtype=np.bool_)
    covered[0, 0:8, 0:8] = True  # patch 0: hidden
    covered[0, 0:1, 8:16] = True  # patch 1: an eighth, border
    logits = torch.zeros(1, 196, requires_grad=True)
    loss = patch_loss(logits, Known.of(covered, NO_STREAKS[:1]))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.693147, abs=1e-5)
    assert logits.grad is not None
    weights = 195 + BORDER
    assert float(logits.grad[0, 0]) == pytest.approx(-0.5 / weights)
    assert float(logits.grad[0, 1]) == pytest.approx(-0.5 * BORDER / weights)
    assert float(logits.grad[0, 2]) == pytest.approx(0.5 / weights)


def test_patch_loss_leaves_patches_without_label_out_unless_they_are_covered() -> None:
    covered = np.zeros((1, 112, 112), dtype=np.bool_)
    covered[0, 0:8, 0:8] = True
    unlabelled = NO_STREAKS[:1].copy()
    unlabelled[0, 0, :2] = True
    logits = torch.zeros(1, 196, requires_grad=True)
    patch_loss(logits, Known.of(covered, unlabelled)).backward()
    assert logits.grad is not None
    assert float(logits.grad[0, 0]) < 0
    assert float(logits.grad[0, 1]) == 0
    assert float(logits.grad[0, 2]) > 0


def test_what_looks_surely_hidden_on_a_clean_face_is_not_unlearned() -> None:
    nothing = np.zeros((1, 112, 112), dtype=np.bool_)
    logits = torch.zeros(1, 196)
    logits[0, :2] = torch.tensor([SURE + 0.1, SURE - 0.1])
    logits.requires_grad_()
    patch_loss(logits, Known.of(nothing, NO_STREAKS[:1])).backward()
    assert logits.grad is not None
    assert float(logits.grad[0, 0]) == 0
    assert float(logits.grad[0, 1]) > 0
