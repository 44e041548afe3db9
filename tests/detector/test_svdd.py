"""The paper's detector against slow versions of its parts, and its fit against Eq. 1."""

from pathlib import Path

import numpy as np
import pytest
import torch

from archives import write_archives, write_recipes
from latent_ofer.datasets.sources import Sources
from latent_ofer.detector.clean import clean_faces
from latent_ofer.detector.dev import FALSE_POSITIVES, apply, read_dev
from latent_ofer.detector.one_class import KINDS
from latent_ofer.detector.svdd import SIGMA, LatentSVDD
from latent_ofer.detector.train_svdd import (
    STAGE,
    PaperRecipe,
    fit_svdd,
    least_phi,
    load_paper,
    train_paper,
)
from latent_ofer.encoder.train import load_mae, train_mae
from latent_ofer.errors import StaleError, WeightsError
from latent_ofer.training.checkpoint import load_weights, save_weights
from latent_ofer.training.how import How
from latent_ofer.training.start import keep_start


@pytest.fixture(scope="module")
def model() -> LatentSVDD:
    torch.manual_seed(0)
    svdd = LatentSVDD(dim=6, kept=4)
    for name in ("projection", "mean", "weights"):
        buffer = getattr(svdd, name)
        buffer.copy_(torch.randn_like(buffer))
    svdd.radius.fill_(2.5)
    return svdd


def test_scores_are_distances_of_a_patch_and_its_neighbours_in_radii(model: LatentSVDD) -> None:
    latents = torch.randn(2, 196, 6, generator=torch.Generator().manual_seed(1))
    scores = model(latents)
    for face in range(2):
        squared = np.zeros((14, 14))
        for place in range(196):
            kept = latents[face, place] @ model.projection
            phi = model.weights[place] @ (kept - model.mean[place])
            squared[place // 14, place % 14] = float(phi.square().sum())
        squared /= squared.mean()
        weights = np.exp(-(np.arange(-2, 3) ** 2) / (2 * SIGMA**2))
        kernel = np.outer(weights, weights) / weights.sum() ** 2
        padded = np.pad(squared, 2, mode="edge")
        for row, column in ((0, 0), (5, 9), (13, 6)):
            around = (padded[row : row + 5, column : column + 5] * kernel).sum()
            expected = np.sqrt(around) / 2.5
            assert float(scores[face, 14 * row + column]) == pytest.approx(expected, rel=1e-3)


def eq_1(weights: np.ndarray, covariances: np.ndarray, decay: float) -> float:
    """The data term and the decay of Eq. 1 for a linear Phi at each place."""
    traces = [np.trace(w @ c @ w.T) for w, c in zip(weights, covariances, strict=True)]
    return float(sum(traces) + decay / 2 * np.square(weights).sum())


def test_no_other_phi_of_the_same_volume_has_a_smaller_loss() -> None:
    rng = np.random.default_rng(0)
    decay = 0.3
    mixed = rng.normal(0, 1, (2, 5, 5)) * np.array([1, 3])[:, None, None]
    values = np.stack([rng.normal(0, 1, (4000, 5)) @ one + 2 for one in mixed]).astype(np.float32)
    fitted = [least_phi(here, decay) for here in values]
    covariances = np.stack([np.cov(here, rowvar=False, ddof=0) for here in values])
    weights = np.stack([w for _, w in fitted])
    for (mean, w), here, covariance in zip(fitted, values, covariances, strict=True):
        assert mean == pytest.approx(here.mean(axis=0), abs=1e-3)
        whole = w @ (covariance + decay / 2 * np.eye(5)) @ w.T
        assert whole == pytest.approx(np.eye(5), abs=1e-3)
    least = eq_1(weights, covariances, decay)
    for _ in range(20):
        other = weights + rng.normal(0, 0.05, weights.shape)
        volume = np.abs(np.linalg.det(other)).prod() / np.abs(np.linalg.det(weights)).prod()
        assert eq_1(other / volume ** (1 / 10), covariances, decay) > least


def test_the_radius_leaves_a_share_of_nu_of_the_clean_patches_outside() -> None:
    rng = np.random.default_rng(0)
    latents = torch.from_numpy(rng.normal(0, 1, (40, 196, 5)).astype(np.float32))
    photo = rng.random((40, 196)) < 0.8
    photo[:, 7] = False
    recipe = PaperRecipe(faces=40, kept=3, decay=0.01, nu=0.2)
    svdd = fit_svdd(latents, photo, recipe)
    assert float((svdd(latents).numpy()[photo] > 1).mean()) == pytest.approx(0.2, abs=0.005)
    # What does not count changes nothing in Phi.
    latents[:, 0][~photo[:, 0]] = 9
    altered = fit_svdd(latents, photo, recipe)
    assert torch.equal(altered.mean, svdd.mean) and torch.equal(altered.weights, svdd.weights)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sources, Path, str]:
    folder = tmp_path_factory.mktemp("paper")
    sources = Sources(write_archives(folder / "data"), folder / "cache")
    runs, config = folder / "runs", str(write_recipes(folder / "tiny"))
    train_mae(sources, runs, config, How())
    train_paper(sources, runs, config)
    return sources, runs, config


def test_it_is_fitted_to_clean_training_faces_and_its_thresholds_to_clean_dev_faces(
    trained: tuple[Sources, Path, str],
) -> None:
    sources, runs, config = trained
    svdd, mae = load_paper(runs, config), load_mae(runs, config)
    assert not svdd.training
    dev = read_dev(sources)
    for kind, limit in (("colour", svdd.threshold_colour), ("grey", svdd.threshold_grey)):
        scores = apply(lambda x: svdd(mae.encode(x)[:, 1:]), dev[kind].clean).numpy()
        photo = ~dev[kind].clean_streaks
        above = int((scores[photo] > float(limit)).sum())
        assert above == pytest.approx(FALSE_POSITIVES[kind] * photo.sum(), abs=1)
    kinds = [clean_faces(sources, kind, 8, 0) for kind in KINDS]
    assert all(len(faces.pixels) == 8 for faces in kinds)
    recipe = PaperRecipe(faces=8, kept=6, decay=0.01, nu=0.25)
    latents = torch.cat([apply(lambda x: mae.encode(x)[:, 1:], some.pixels) for some in kinds])
    again = fit_svdd(latents, np.concatenate([some.photo for some in kinds]), recipe)
    assert torch.equal(again.weights, svdd.weights) and torch.equal(again.radius, svdd.radius)
    about = load_weights(runs / STAGE).about
    assert list(about["parents"]) == ["mae"] and set(about["dev_auroc"]) == set(KINDS)


def test_a_detector_of_another_encoder_is_refused(trained: tuple[Sources, Path, str]) -> None:
    _, runs, config = trained
    weights = load_weights(runs / "mae")
    changed = {name: value + 0.5 for name, value in weights.tensors.items()}
    try:
        save_weights(runs / "mae", changed, weights.about)
        with pytest.raises(StaleError, match="train detector_paper"):
            load_paper(runs, config)
    finally:
        save_weights(runs / "mae", weights.tensors, weights.about)


def test_the_encoder_of_start_weights_serves_until_another_one_is_trained(
    trained: tuple[Sources, Path, str], tmp_path: Path
) -> None:
    from safetensors.torch import save_file

    sources, runs, config = trained
    with pytest.raises(WeightsError, match="train mae"):
        train_paper(sources, tmp_path / "none", config)
    tensors = {f"mae.{name}": tensor for name, tensor in load_weights(runs / "mae").tensors.items()}
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "manifest.json").write_text("{}")
    other = tmp_path / "runs"
    keep_start(tmp_path / "model.safetensors", other)
    train_paper(sources, other, config)
    assert torch.allclose(load_paper(other, config).weights, load_paper(runs, config).weights)
    (other / "mae").symlink_to(runs / "mae")
    with pytest.raises(StaleError, match="another 'mae'"):
        load_paper(other, config)
