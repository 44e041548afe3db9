"""The parts of Eq. 5, each against its definition."""

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers import drawn_face
from latent_ofer.encoder.train import to_tensor
from latent_ofer.recogniser.attention_cnn import PlainCNN
from latent_ofer.reconstructor.losses import (
    consistency_loss,
    reconstruction_loss,
    semantic_loss,
    teacher_view,
)
from latent_ofer.training.batch import shared_out


@pytest.fixture(scope="module")
def teacher() -> PlainCNN:
    torch.manual_seed(0)
    return PlainCNN(0.0).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def faces() -> Tensor:
    return to_tensor(np.stack([drawn_face(seed=seed)[0] for seed in range(2)]))


def one_patch() -> Tensor:
    mask = torch.zeros(2, 14, 14, dtype=torch.bool)
    mask[1, 3, 4] = True
    return mask


def test_reconstruction_counts_hidden_pixels_alone() -> None:
    truth = torch.rand(2, 3, 112, 112)
    raw = truth + 5
    raw[1, :, 24:32, 32:40] = truth[1, :, 24:32, 32:40] - 0.25
    torch.testing.assert_close(
        reconstruction_loss(raw, truth, one_patch(), shared_out(one_patch())),
        torch.tensor(0.25),
        atol=1e-6,
        rtol=0,
    )


def test_nothing_hidden_costs_nothing() -> None:
    image, cells = torch.rand(1, 3, 112, 112), torch.rand(1, 4, 14, 14)
    none = torch.zeros(1, 14, 14, dtype=torch.bool)
    assert reconstruction_loss(image + 1, image, none, shared_out(none)) == 0
    assert consistency_loss(cells + 1, cells, cells, none, shared_out(none)) == 0


def test_consistency_compares_both_maps_in_masked_cells() -> None:
    features = torch.rand(2, 4, 14, 14)
    assembled, twin = features + 7, features + 7
    assembled[1, :, 3, 4] = features[1, :, 3, 4] + 1
    twin[1, :, 3, 4] = features[1, :, 3, 4] + 2
    loss = consistency_loss(assembled, twin, features, one_patch(), shared_out(one_patch()))
    torch.testing.assert_close(loss, torch.tensor(5.0))


def test_semantics_are_equation_4_with_a_minus() -> None:
    logits, truth = torch.randn(3, 8), torch.randn(3, 8)
    expected = -(truth.softmax(1) * logits.softmax(1).log()).sum(1).mean()
    torch.testing.assert_close(semantic_loss(logits, truth), expected)
    assert semantic_loss(truth, truth) <= semantic_loss(logits, truth)


def test_the_view_holds_the_teachers_own_answer_for_the_grey_face(
    teacher: PlainCNN, faces: Tensor
) -> None:
    grey = 0.299 * faces[:, 0] + 0.587 * faces[:, 1] + 0.114 * faces[:, 2]
    features, logits = teacher_view(teacher, faces)
    torch.testing.assert_close(logits, teacher(grey[:, None].expand(-1, 3, -1, -1)))
    assert features.shape == (2, 128, 14, 14)


def test_the_teacher_passes_gradients_on_to_the_face(teacher: PlainCNN, faces: Tensor) -> None:
    repaired = (faces * 0.9).requires_grad_()
    _, true_logits = teacher_view(teacher, faces)
    _, logits = teacher_view(teacher, repaired)
    semantic_loss(logits, true_logits).backward()
    assert repaired.grad is not None and (repaired.grad != 0).float().mean() > 0.3
    assert all(p.grad is None for p in teacher.parameters())
