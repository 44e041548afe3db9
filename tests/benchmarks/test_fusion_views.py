"""How the dev figures of the fusion are made."""

from pathlib import Path

import numpy as np
import pytest
import torch
from fusion_views import ceiling, measured
from torch.nn import functional as F

from archives import write_archives
from latent_ofer.datasets.covers import Cover
from latent_ofer.datasets.sources import Sources
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


class Told:
    """Stages that read a face right where they are told what is hidden, but in the repair."""

    def __init__(self, labels: list[int]) -> None:
        self.labels, self.masks = labels, list[np.ndarray]()

    def views(self, faces: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, None]:
        assert faces.shape[1:] == (112, 112, 3)
        here = self.labels[len(self.masks) : len(self.masks) + len(faces)]
        self.masks += list(masks)
        right = np.eye(8)[here] * masks.any(axis=(1, 2))[:, None]
        return np.stack([right, right, np.roll(right, 1, axis=1)]), None


def test_with_the_true_mask_the_detector_is_not_asked(tmp_path: Path) -> None:
    sources = Sources(write_archives(tmp_path), tmp_path / "cache")
    labels = sources.labelled("dev").labels
    labels = labels[labels >= 0].tolist()
    stages = Told(labels)
    found = ceiling(sources, len(labels), stages)  # type: ignore[arg-type]
    assert len(stages.masks) == len(labels) and all(mask.any() for mask in stages.masks)
    assert found == {"blanked": 1, "repaired": 0, "mean of all three": 1}
