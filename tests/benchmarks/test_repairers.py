"""Each way to repair does what its row says; what is not trained is a note, never a failure."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import repairers
import torch
from quality import mean_fill
from repairers import (
    CONVOLUTION,
    CSA,
    REPAIRERS,
    Repair,
    Way,
    open_repairs,
    repaired_by,
)

from fakes import FakeBackend, ViewsBackend, fake_model
from helpers import drawn_face
from latent_ofer import LatentOFER
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import to_tensor
from latent_ofer.occlusion.patches import patch_pixels
from latent_ofer.recogniser.views import Fusion
from latent_ofer.reconstructor.train import ReconstructorRecipe, StageName
from latent_ofer.reconstructor.unet import Reconstructor
from latent_ofer.training.checkpoint import parents_of, save_weights
from latent_ofer.weights_folder import SHIPPED, Thresholds, WeightsFolder

RECIPES = {
    "reconstructor": """
widths: [8, 8, 8, 128]
reconstruction: 1.0
consistency: 0.01
semantic: 0.1
epochs: 1
batch_size: 2
learning_rate: 0.001
""",
    "mae": """
dim: 8
depth: 1
heads: 1
decoder_dim: 8
decoder_depth: 1
decoder_heads: 1
epochs: 1
batch_size: 2
learning_rate: 0.001
""",
}
FACES = np.stack([drawn_face(seed=seed)[0] for seed in range(3)])
MASK = np.zeros((3, 14, 14), bool)
MASK[0, 4:8, 3:9] = MASK[2, :, 10] = True
WEIGHTS = WeightsFolder.open(SHIPPED)


@pytest.fixture(scope="module")
def mae_only() -> Repair:
    return repairers.coarse_fill(WEIGHTS)


@pytest.fixture
def runs(tmp_path: Path, mae_only: Repair, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An autoencoder with random weights, and recipes in `recipes` beside its folder."""
    # The shipped networks take half a second to load.
    monkeypatch.setattr(repairers, "coarse_fill", lambda _: mae_only)
    (tmp_path / "recipes").mkdir()
    for name, text in RECIPES.items():
        (tmp_path / "recipes" / f"{name}.yaml").write_text(text)
    torch.manual_seed(0)
    mae = MaskedAutoencoder(112, 8, 8, 1, 1, 8, 1, 1)
    save_weights(tmp_path / "runs" / "mae", mae.state_dict(), {})
    return tmp_path / "runs"


def opened(runs: Path, model: LatentOFER | None = None) -> dict[str, Way]:
    config = str(runs.parent / "recipes")
    found = open_repairs(model or fake_model()[0], WEIGHTS, "synthetic", "views", runs, config)
    return {one.name: one for one in found.repairers}


def repaired(way: Way) -> tuple[np.ndarray, np.ndarray]:
    assert not way.note
    return repaired_by(way, FACES, MASK)


def test_what_is_not_trained_names_its_command_and_the_rest_goes_on(runs: Path) -> None:
    found = opened(runs)
    assert tuple(found) == REPAIRERS
    for name, stage in ((CONVOLUTION, "reconstructor_conv"), (CSA, "reconstructor_csa")):
        note = f"not trained: latent-ofer train {stage} --data DIR"
        assert found[name] == Way(name, note=note)
    working = [one for one in found.values() if not one.note]
    assert len(working) == 4


def test_none_leaves_the_faces_and_counts_no_patch_as_repaired(runs: Path) -> None:
    faces, patches = repaired(opened(runs)["none"])
    assert np.array_equal(faces, FACES) and not patches.any()


def test_mean_fill_is_that_of_the_repair_test_and_its_patches_count(runs: Path) -> None:
    faces, patches = repaired(opened(runs)["mean fill"])
    assert np.array_equal(faces, mean_fill(FACES, MASK)) and np.array_equal(patches, MASK)


def test_the_shipped_one_is_the_pipelines_own_and_sees_only_faces_with_a_hole(runs: Path) -> None:
    model, backend = fake_model()
    faces, _ = repaired(opened(runs, model)["self-assembly (shipped)"])
    assert backend.repaired == 2
    assert np.array_equal(faces[1], FACES[1])
    assert np.array_equal(faces[[0, 2]], model.reconstruct(FACES[[0, 2]], MASK[[0, 2]]))


def test_mae_only_is_the_coarse_fill_of_the_shipped_weights(runs: Path) -> None:
    from latent_ofer.backends.torch import load_networks

    faces, _ = repaired(opened(runs)["MAE only"])
    mae = load_networks(WEIGHTS).mae.eval()
    with torch.no_grad():
        coarse = mae.fill(to_tensor(FACES), torch.from_numpy(MASK).flatten(1))
    expected = (coarse * 255).round().permute(0, 2, 3, 1).numpy()
    hole = patch_pixels(MASK, 112)
    assert np.array_equal(faces[~hole], FACES[~hole])
    assert np.abs(faces - expected).max() <= 1 and not np.array_equal(faces[hole], FACES[hole])


@pytest.mark.parametrize(
    ("name", "stage"), [(CONVOLUTION, "reconstructor_conv"), (CSA, "reconstructor_csa")]
)
def test_a_variant_repairs_with_its_own_layer_and_is_refused_when_stale(
    runs: Path, name: str, stage: StageName
) -> None:
    unet = ReconstructorRecipe.model_validate(
        {"widths": (8, 8, 8, 128), "reconstruction": 1, "consistency": 0, "semantic": 0}
        | {"epochs": 1, "batch_size": 2, "learning_rate": 0.001}
    ).build(stage)
    torch.nn.init.normal_(unet.out.weight, std=0.1)
    tensors = {f"unet.{key}": value for key, value in unet.state_dict().items()}
    save_weights(runs / stage, tensors, {"parents": parents_of(runs, "mae")})
    faces, _ = repaired(opened(runs)[name])

    torch.manual_seed(0)
    network = Reconstructor(MaskedAutoencoder(112, 8, 8, 1, 1, 8, 1, 1), unet).eval()
    with torch.no_grad():
        planes = network(to_tensor(FACES), torch.from_numpy(MASK))
    expected = (planes * 255).round().permute(0, 2, 3, 1).numpy().astype(np.uint8)
    assert np.array_equal(faces, expected)

    save_weights(runs / "mae", {"other": torch.zeros(1)}, {})
    stale = opened(runs)[name]
    assert stale.note.startswith("out of date: ") and f"train {stage}" in stale.note


VIEWS = Fusion(0.5, ((1, 0, 0), (0, 0, 0), (0, 0, 0)))


@pytest.mark.parametrize("fusion", [None, VIEWS], ids=["repaired face alone", "views"])
def test_repaired_patches_are_looked_at(fusion: Fusion | None, runs: Path) -> None:
    backend = FakeBackend() if fusion is None else ViewsBackend()
    model = LatentOFER(backend, Thresholds(0.5, 0.5), fusion=fusion)
    weights = replace(WEIGHTS, recognisers={"mine": fusion})
    repairs = open_repairs(model, weights, "synthetic", "mine", runs, str(runs.parent / "recipes"))
    read = repairs.readers["recogniser"].call
    assert read is not None
    found = read(FACES, MASK)
    assert found.shape == (3, 8)
    given = MASK if fusion is None else np.zeros_like(MASK)
    for row in range(3):
        expected = model.recognise(FACES[row], given[row]).probabilities
        assert found[row] == pytest.approx(list(expected.values()), abs=1e-5)
    # Another repair of the same patches is another face.
    other = FACES.copy()
    other[0, 32:64, 24:72] = 200
    assert not np.allclose(read(other, MASK)[0], found[0], atol=1e-4)
    assert np.allclose(read(other, MASK)[1], found[1], atol=1e-6)
