"""Three views of a face become one answer."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from latent_ofer.recogniser.train_fusion import fitted
from latent_ofer.recogniser.views import Fusion

RNG = np.random.default_rng(3)


def test_the_fused_answer_is_a_weighted_sum_by_what_is_hidden_and_by_hands() -> None:
    fusion = Fusion(1.0, ((0.5, -0.2, 0.7), (0.3, 1.0, -2.0), (0.0, 0.4, 0.0)))
    views = [RNG.standard_normal((4, 8)).astype(np.float32) for _ in range(3)]
    shares = np.array([[0.1, 0.1], [0.2, 0], [0.5, 0.3], [0.9, 0]])
    found = fusion.of(views, shares)
    for row in range(4):
        wanted = np.zeros(8)
        for logits, (a, b, c) in zip(views, fusion.after, strict=True):
            factor = a + b * shares[row, 0] + c * shares[row, 1]
            wanted += factor * (logits[row] - logits[row].mean())
        np.testing.assert_allclose(found[row], wanted, rtol=1e-5)


def test_weights_that_know_no_hands_count_them_as_anything_else() -> None:
    assert Fusion.parse({"before": 1, "after": [[1, 2]] * 3}).after == ((1.0, 2.0, 0.0),) * 3


@pytest.mark.parametrize(
    "entry",
    [
        {"before": 1.0, "after": [[1, 0]]},
        {"before": 1.0},
        {"before": "much", "after": [[1, 0]] * 3},
    ],
)
def test_an_entry_that_is_no_fusion_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Fusion.parse(entry)


def test_fitting_learns_which_view_to_trust_and_how_far() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(8, (4000,), generator=generator)
    told = F.one_hot(labels, 8).float()
    noise = torch.randn(3, 4000, 8, generator=generator)
    # The face as it came is overconfident and right; the repaired one says nothing.
    logits = torch.stack([8 * told + 4 * noise[0], 2 * told + noise[1], 3 * noise[2]])
    shares = torch.tensor([[0.3, 0.0]]).repeat(4000, 1)
    shares[:1000] = 0
    factors = fitted(logits, shares, labels, torch.ones(4000))
    weight = factors["after"][:, 0] + 0.3 * factors["after"][:, 1]
    # For one of eight with noise s and signal m, the best factor is m / s^2.
    assert float(factors["before"]) == pytest.approx(8 / 16, abs=0.05)
    assert weight.tolist() == pytest.approx([8 / 16, 2, 0], abs=0.25)


def test_fitting_tells_what_a_hand_hides_from_what_else_does() -> None:
    generator = torch.Generator().manual_seed(2)
    labels = torch.randint(8, (4000,), generator=generator)
    told = F.one_hot(labels, 8).float()
    noise = torch.randn(3, 4000, 8, generator=generator)
    logits = torch.stack([2 * told + noise[0], noise[1], noise[2]])
    logits[:, 2000:] = logits[:, 2000:].flip(
        0
    )  # behind a hand the first view knows, else the third
    shares = torch.tensor([[0.4, 0.4]]).repeat(4000, 1)
    shares[2000:, 1] = 0
    after = fitted(logits, shares, labels, torch.ones(4000))["after"]
    assert (after @ torch.tensor([1, 0.4, 0.4])).tolist() == pytest.approx([2, 0, 0], abs=0.3)
    assert (after @ torch.tensor([1, 0.4, 0.0])).tolist() == pytest.approx([0, 0, 2], abs=0.3)


def test_faces_of_weight_zero_do_not_count_where_a_part_is_hidden() -> None:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(8, (2000,), generator=generator)
    told = F.one_hot(labels, 8).float()
    noise = torch.randn(3, 2000, 8, generator=generator)
    logits = torch.stack([2 * told + noise[0], noise[1], noise[2]])
    logits[:, 1000:] = logits[:, 1000:].flip(0)  # in the second half the third view knows
    weights = torch.ones(2000)
    weights[1000:] = 0
    shares = torch.tensor([[0.3, 0.0]]).repeat(2000, 1)
    factors = fitted(logits, shares, labels, weights)
    trust = factors["after"][:, 0] + 0.3 * factors["after"][:, 1]
    assert trust.tolist() == pytest.approx([2, 0, 0], abs=0.3)
