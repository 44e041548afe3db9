"""What Tables 2 and 9 ask of the pipeline's recogniser."""

from dataclasses import replace

import numpy as np
import pytest

from fakes import FakeBackend, ViewsBackend
from helpers import drawn_face
from latent_ofer import LatentOFER
from latent_ofer.evaluation.repair_bench import shipped_reader
from latent_ofer.recogniser.views import Fusion
from latent_ofer.weights_folder import SHIPPED, Thresholds, WeightsFolder

FACES = np.stack([drawn_face(seed=seed)[0] for seed in range(3)])
MASKS = np.zeros((3, 14, 14), dtype=np.bool_)
MASKS[0, 4:8, 3:9] = MASKS[2, :, 10] = True
VIEWS = Fusion(0.5, ((1, 0), (0, 0), (0, 0)))


@pytest.mark.parametrize("fusion", [None, VIEWS], ids=["repaired face alone", "views"])
def test_repaired_patches_are_looked_at(fusion: Fusion | None) -> None:
    backend = FakeBackend() if fusion is None else ViewsBackend()
    model = LatentOFER(backend, Thresholds(0.5, 0.5), fusion=fusion)
    weights = replace(
        WeightsFolder.open(SHIPPED), recognisers={"mine": fusion}, default_recogniser="mine"
    )
    reader = shipped_reader(model, weights, "digest")
    found = reader.read(FACES, MASKS)
    assert reader.digest == "digest" and found.shape == (3, 8)
    given = MASKS if fusion is None else np.zeros_like(MASKS)
    for row in range(3):
        expected = model.recognise(FACES[row], given[row]).probabilities
        assert found[row] == pytest.approx(list(expected.values()), abs=1e-5)
    # Another repair of the same patches is another face.
    other = FACES.copy()
    other[0, 32:64, 24:72] = 200
    assert not np.allclose(reader.read(other, MASKS)[0], found[0], atol=1e-4)
    assert np.allclose(reader.read(other, MASKS)[1], found[1], atol=1e-6)
