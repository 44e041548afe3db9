"""Temperature scaling on logits whose temperature is known."""

import pytest
import torch
from torch.nn import functional as F

from latent_ofer.recogniser.calibration import best_temperature


@pytest.mark.parametrize("known", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found(known: float) -> None:
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(20000, 8, generator=generator) * 2
    labels = torch.multinomial(honest.softmax(1), 1, generator=generator)[:, 0]
    assert best_temperature(honest * known, labels) == pytest.approx(known, rel=0.05)


def test_no_other_temperature_fits_better() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(500, 8, generator=generator) * 4
    labels = torch.randint(8, (500,), generator=generator)
    best = best_temperature(logits, labels)
    least = F.cross_entropy(logits / best, labels)
    for other in torch.linspace(0.25, 4.9, 60):
        assert F.cross_entropy(logits / other, labels) >= least - 1e-4
