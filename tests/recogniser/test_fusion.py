"""Attention, what it picks, and the fused recogniser."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.recogniser.attention_cnn import FEATURES, PlainCNN
from latent_ofer.recogniser.fusion import LatentBranch, Recogniser, attention_grid, pick
from latent_ofer.recogniser.head import Head

DIM = 12


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    torch.manual_seed(0)
    model = Recogniser(DIM, 2, 8, 8, 16, 16, 0.5, 0.3)
    with torch.no_grad():
        model.train()(*inputs(4, seed=5))  # so that the norms' running figures are not trivial
    return model.eval()


def inputs(count: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.rand(count, 3, 112, 112, generator=generator),
        torch.randn(count, 196, DIM, generator=generator),
        torch.rand(count, 14, 14, generator=generator) < 0.3,
    )


@settings(max_examples=50)
@given(st.permutations(list(range(10))), st.integers(1, 9))
def test_where_attention_differs_clearly_the_highest_are_picked(
    order: list[int], count: int
) -> None:
    attention = torch.tensor([order], dtype=torch.float32) + 1
    attention = attention / attention.sum()
    expected = [float(sum(other > value for other in order) < count) for value in order]
    assert pick(attention, count)[0].tolist() == pytest.approx(expected, abs=1e-3)


@settings(max_examples=50)
@given(st.lists(st.floats(0.01, 1), min_size=12, max_size=12), st.integers(1, 11))
def test_picked_weights_follow_the_attention_and_turn_at_its_edge(
    values: list[float], count: int
) -> None:
    attention = torch.tensor([values]) / sum(values)
    weights = pick(attention, count)[0]
    ranked = sorted(attention[0].tolist(), reverse=True)
    edge = (ranked[count - 1] + ranked[count]) / 2
    for value, weight in zip(attention[0].tolist(), weights.tolist(), strict=True):
        slow = min(max((value - edge) * 12 / 0.1 + 0.5, 0), 1)
        assert weight == pytest.approx(slow, abs=1e-3)
    assert weights.min() >= 0 and weights.max() <= 1


def test_even_attention_picks_everything_by_half_rather_than_by_rounding() -> None:
    assert pick(torch.full((1, 196), 1 / 196), 98).tolist()[0] == pytest.approx([0.5] * 196)


@pytest.mark.parametrize("side", [7, 14])
def test_attention_on_the_grid_sums_to_one(side: int) -> None:
    maps = torch.rand(3, side, side)
    maps[2] = 0
    grid = attention_grid(maps)
    assert grid.shape == (3, 14, 14) and (grid > 0).all()
    assert torch.allclose(grid.sum((1, 2)), torch.ones(3), atol=1e-5)
    assert torch.allclose(grid[2], torch.full((14, 14), 1 / 196))


def test_an_attention_head_is_its_slow_computation() -> None:
    torch.manual_seed(0)
    head = Head(FEATURES, 8, 16).eval()
    for norm in (head.reduce[1], head.norm):
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.uniform_(norm.running_mean, -0.1, 0.1)
        nn.init.uniform_(norm.running_var, 0.5, 1.5)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, 0, 0.2)
    features = torch.rand(2, FEATURES, 4, 4)

    def normed(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        def shaped(v: Tensor) -> Tensor:
            return v[None, :, None, None]

        x = (x - shaped(norm.running_mean)) / (shaped(norm.running_var) + norm.eps).sqrt()
        return x * shaped(norm.weight) + shaped(norm.bias)

    with torch.no_grad():
        vector, spatial = head(features)
        y = torch.einsum("oc,bchw->bohw", head.reduce[0].weight[..., 0, 0], features)
        y = F.pad(normed(y, head.reduce[1]), (1, 1, 1, 1))
        total = torch.zeros(2, FEATURES, 4, 4)
        for row in range(4):
            for column in range(4):
                window = y[:, :, row : row + 3, column : column + 3]
                total[:, :, row, column] = (
                    torch.einsum("ocij,bcij->bo", head.square.weight, window)
                    + torch.einsum("ocj,bcj->bo", head.wide.weight[:, :, 0], window[:, :, 1])
                    + torch.einsum("oci,bci->bo", head.tall.weight[..., 0], window[..., 1])
                )
        slow_spatial = normed(total, head.norm).clamp(min=0).sum(1) / FEATURES
        attended = (features * slow_spatial[:, None]).sum((2, 3)) / 16
        inner = (attended @ head.gate[0].weight.T + head.gate[0].bias).clamp(min=0)
        gate = 1 / (1 + (-(inner @ head.gate[2].weight.T + head.gate[2].bias)).exp())
    assert torch.allclose(spatial, slow_spatial, atol=1e-5)
    assert torch.allclose(vector, attended * gate, atol=1e-5)
    assert spatial.std() > 0.01


def test_latents_that_are_not_picked_are_not_read() -> None:
    torch.manual_seed(0)
    branch = LatentBranch(DIM, 8, 16).eval()
    _, latents, mask = inputs(2)
    picked = (torch.arange(196) % 2 == 0).float().expand(2, -1)
    other = torch.where(picked[..., None] > 0, latents, torch.randn_like(latents))
    with torch.no_grad():
        first = branch(latents, picked, mask.flatten(1))
        assert torch.equal(first, branch(other, picked, mask.flatten(1)))
        assert not torch.equal(first, branch(latents, 1 - picked, mask.flatten(1)))


def test_attention_of_the_recogniser_sums_to_one_and_half_the_latents_are_picked(
    recogniser: Recogniser,
) -> None:
    with torch.no_grad():
        logits, attention = recogniser(*inputs(3))
    assert logits.shape == (3, 8) and attention.shape == (3, 14, 14)
    assert torch.allclose(attention.sum((1, 2)), torch.ones(3), atol=1e-5)
    assert recogniser.picks == 98


def test_the_recogniser_reads_the_most_attended_latents_and_no_others(
    recogniser: Recogniser,
) -> None:
    faces, latents, mask = inputs(1)
    with torch.no_grad():
        first, attention = recogniser(faces, latents, mask)
        ranked = attention.flatten().sort().values
        # Half of the width of the soft edge to either side of the middle is read in part.
        middle, reach = (ranked[97] + ranked[98]) / 2, 0.1 / 196 / 2
        least = attention.flatten() < middle - reach
        most = attention.flatten() > middle + reach
        assert least.sum() > 20 and most.sum() > 20
        other = torch.randn_like(latents)
        answer, _ = recogniser(faces, torch.where(least[None, :, None], other, latents), mask)
        assert torch.equal(answer, first)
        answer, _ = recogniser(faces, torch.where(most[None, :, None], other, latents), mask)
        assert not torch.allclose(answer, first, atol=1e-4)


def test_a_face_alone_is_recognised_as_in_a_batch(recogniser: Recogniser) -> None:
    faces, latents, mask = inputs(3)
    with torch.no_grad():
        together, maps = recogniser(faces, latents, mask)
        for row in range(3):
            one = slice(row, row + 1)
            alone, alone_map = recogniser(faces[one], latents[one], mask[one])
            assert torch.allclose(alone[0], together[row], atol=1e-4)
            assert torch.allclose(alone_map[0], maps[row], atol=1e-6)


def test_the_answer_depends_on_the_face_the_latents_and_the_mask(recogniser: Recogniser) -> None:
    torch.nn.init.normal_(recogniser.latents.repaired)
    faces, latents, mask = inputs(1)
    with torch.no_grad():
        first = recogniser(faces, latents, mask)[0]
        for changed in (
            (1 - faces, latents, mask),
            (faces, -latents, mask),
            (faces, latents, ~mask),
        ):
            assert not torch.allclose(recogniser(*changed)[0], first, atol=1e-4)


def test_temperature_divides_the_logits(recogniser: Recogniser) -> None:
    with torch.no_grad():
        first = recogniser(*inputs(1))[0]
        recogniser.temperature.fill_(2)
        second = recogniser(*inputs(1))[0]
        recogniser.temperature.fill_(1)
    assert torch.allclose(second, first / 2, atol=1e-6)


@pytest.mark.parametrize("kind", ["recogniser", "teacher"])
def test_gradients_reach_every_trained_parameter(kind: str) -> None:
    torch.manual_seed(0)
    faces, latents, mask = inputs(3)
    model: nn.Module
    if kind == "teacher":
        model = PlainCNN(0.0)
        run = lambda: model(faces)  # noqa: E731
    else:
        model = Recogniser(DIM, 2, 8, 8, 16, 16, 0.5, 0.0)
        run = lambda: model(faces, latents, mask)[0]  # noqa: E731
    for module in model.modules():
        # Residual branches begin at zero, which keeps gradients from what stands before them.
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
    F.cross_entropy(run(), torch.tensor([0, 3, 5])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and np.isfinite(float(parameter.grad.abs().sum())), name
        assert parameter.grad.abs().sum() > 0, name
