"""The vectorised layer against a slow, obvious loop."""

import numpy as np
import pytest
import torch
from torch import Tensor

from latent_ofer.reconstructor.self_assembly import SelfAssembly


def cosine(p: Tensor, q: Tensor) -> Tensor:
    return torch.clamp(p @ q / (p.norm() * q.norm() + 1e-8), min=0)


def slow(features: Tensor, mask: Tensor) -> Tensor:
    """Eq. 2-3 image by image and cell by cell."""
    images = []
    for image, hidden in zip(features, mask, strict=True):
        channels, height, width = image.shape
        out = image.clone()
        previous = None
        for y in range(height):
            for x in range(width):
                if not hidden[y, x]:
                    continue
                p = image[:, y, x]
                around = [
                    image[:, v, width - 1 - u]
                    for v in range(max(0, y - 1), min(height, y + 2))
                    for u in range(max(0, x - 1), min(width, x + 2))
                ]
                terms = [torch.stack(around).mean(0)]
                known = [
                    image[:, v, u] for v in range(height) for u in range(width) if not hidden[v, u]
                ]
                if known:
                    terms.append(
                        max(
                            known,
                            key=lambda q, p=p: float(p.detach() @ q.detach() / q.detach().norm()),
                        )
                    )
                if previous is not None:
                    terms.append(previous)
                weights = [cosine(p, term) for term in terms]
                mixed = sum(w * t for w, t in zip(weights, terms, strict=True))
                p = (mixed + 1e-8 * p) / (sum(weights) + 1e-8)
                out[:, y, x] = previous = p
        images.append(out)
    return torch.stack(images)


def case(seed: int, shift: float = 0.0) -> tuple[Tensor, Tensor]:
    """Four maps: without mask, all masked, about half and a tenth masked."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(4, 3, 4, 5, generator=generator, dtype=torch.float64) + shift
    shares = torch.tensor([0.0, 1.1, 0.5, 0.1])[:, None, None]
    return features, torch.rand(4, 4, 5, generator=generator) < shares


@pytest.mark.parametrize("shift", [0.0, 0.7])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_the_obvious_loop_forward_and_backward(seed: int, shift: float) -> None:
    features, mask = case(seed, shift)
    weights = torch.randn_like(features)
    fast_in, slow_in = (features.clone().requires_grad_() for _ in range(2))
    fast_out, slow_out = SelfAssembly()(fast_in, mask), slow(slow_in, mask)
    torch.testing.assert_close(fast_out, slow_out, rtol=1e-6, atol=1e-7)
    (fast_out * weights).sum().backward()
    (slow_out * weights).sum().backward()
    torch.testing.assert_close(fast_in.grad, slow_in.grad, rtol=1e-5, atol=1e-6)


def test_gradients_are_those_of_finite_differences() -> None:
    features, mask = case(1, shift=0.5)
    rows = [1, 2]
    layer = SelfAssembly()
    small = features[rows, :, :3, :3].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer(x, mask[rows][:, :3, :3]), (small,))


def test_every_one_of_the_three_terms_reaches_the_output() -> None:
    features = torch.rand(1, 3, 4, 4, dtype=torch.float64) + 0.1
    mask = torch.zeros(1, 4, 4, dtype=torch.bool)
    mask[0, 1, 0] = mask[0, 2, 2] = True
    features[0, :, 0, 1] = 3 * features[0, :, 2, 2]
    features.requires_grad_()
    SelfAssembly()(features, mask)[0, :, 2, 2].sum().backward()
    reached = features.grad.abs().sum(1)[0] > 0
    assert reached[1:4, 0:3].all(), "the mirror's neighbourhood"
    assert reached[0, 1], "the most similar known cell"
    assert reached[0, 2:4].all(), "the neighbourhood of the first cell's mirror, by way of it"


def test_weights_sum_to_one_so_that_a_constant_map_stays() -> None:
    features = torch.tensor([0.3, -2.0, 5.0])[None, :, None, None].expand(2, 3, 6, 6)
    mask = torch.rand(2, 6, 6) < 0.5
    torch.testing.assert_close(SelfAssembly()(features, mask), features.contiguous())


def test_built_cells_lie_within_what_they_are_built_from() -> None:
    features, mask = case(3)
    out = SelfAssembly()(features, mask)
    for image, built in zip(features, out, strict=True):
        low, high = image.flatten(1).aminmax(dim=1)
        assert (built.flatten(1) >= low[:, None] - 1e-6).all()
        assert (built.flatten(1) <= high[:, None] + 1e-6).all()


def test_nothing_changes_without_a_mask_and_outside_of_it() -> None:
    features, mask = case(0)
    out = SelfAssembly()(features, mask)
    assert torch.equal(out[0], features[0])
    keep = (~mask)[:, None].expand_as(features)
    assert torch.equal(out[keep], features[keep])


def test_a_cell_unlike_everything_stays_as_it_is() -> None:
    features = torch.ones(1, 2, 2, 2)
    features[0, :, 0, 0] = -1
    mask = torch.tensor([[[True, False], [False, False]]])
    # The mirror's neighbourhood holds the cell itself: 2 x 2 cells, 3 of them opposite.
    torch.testing.assert_close(SelfAssembly()(features, mask), features)


def test_zero_features_give_finite_gradients() -> None:
    features = torch.zeros(1, 2, 3, 3, requires_grad=True)
    mask = torch.ones(1, 3, 3, dtype=torch.bool)
    SelfAssembly()(features, mask).sum().backward()
    assert torch.isfinite(features.grad).all()


def test_an_image_alone_gives_what_it_gives_in_a_batch() -> None:
    features, mask = case(2)
    together = SelfAssembly()(features, mask)
    for row in range(len(features)):
        alone = SelfAssembly()(features[row : row + 1], mask[row : row + 1])
        np.testing.assert_allclose(alone[0], together[row], atol=1e-12)


def test_half_precision_is_computed_in_full_and_handed_back_as_it_came() -> None:
    features, mask = case(2)
    half = features.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = SelfAssembly()(half, mask)
    assert out.dtype == torch.bfloat16
    assert torch.equal(out, SelfAssembly()(half.float(), mask).bfloat16())
