"""How the dev figures of the fusion are made."""

import pytest
import torch
from fusion_views import measured
from torch.nn import functional as F

from latent_ofer.datasets.covers import Cover
from latent_ofer.recogniser.train_fusion import DevViews

FACES, COPIES = 1200, 600
HAND, NOTHING = Cover(frozenset({"hand"}), frozenset({"hand"})), Cover(frozenset(), frozenset())


def test_hands_told_apart_the_fusion_trusts_another_view_behind_objects() -> None:
    """Behind hands the first view knows, behind objects the second; each fooled by the other."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(8, (FACES,), generator=generator)
    labels = torch.cat([labels, labels[:COPIES]])
    right, wrong = 6 * F.one_hot(labels, 8).float(), 6 * F.one_hot((labels + 1) % 8, 8).float()
    logits = torch.stack([right, wrong, torch.zeros_like(right)])
    logits[:2, FACES:] = logits[:2, FACES:].flip(0)
    logits += torch.randn(logits.shape, generator=generator)
    shares = torch.zeros(FACES + COPIES, 2)
    covered = torch.arange(FACES) % 2 == 0
    shares[:FACES][covered] = 0.3
    shares[FACES:, 0] = 0.3
    logits[1:, :FACES][:, ~covered] = logits[:1, :FACES][:, ~covered]  # nothing hidden: all alike
    names = [("ferplus", str(row)) for row in range(FACES)]
    covers = {
        name: HAND if hand else NOTHING for name, hand in zip(names, covered.tolist(), strict=True)
    }

    report = measured(DevViews(logits, shares, labels, names), covers)

    assert report["n"] == {"nothing": 600, "hand": 600, "really covered": 600, "objects": 600}
    first = report["views"]["as it came"]
    assert first["hand"] > 0.95 and first["objects"] < 0.05
    for weight, told in report["fused, hands told apart"].items():
        assert told["nothing"] == pytest.approx(first["nothing"])
        assert told["hand"] > 0.95
        if float(weight):
            assert told["objects"] > 0.9
    # One rule for both: what helps the one spoils the other.
    both = report["fused"]["0.5"]
    assert min(both["hand"], both["objects"]) < 0.9
