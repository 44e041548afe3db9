"""Fitting of the views: which faces are asked for, and what is kept."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from archives import write_archives, write_recipes
from latent_ofer.datasets.pool import protocol_copy
from latent_ofer.datasets.sources import Sources
from latent_ofer.errors import StaleError, WeightsError
from latent_ofer.recogniser.train_fusion import (
    DEV_SEED,
    STAGE,
    FusionRecipe,
    Views,
    load_fusion,
    train_fusion,
)
from latent_ofer.recogniser.views import Fusion
from latent_ofer.training.checkpoint import load_weights, save_weights
from latent_ofer.training.recipe import load_recipe


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    folder = tmp_path_factory.mktemp("data")
    return Sources(write_archives(folder), folder / "cache")


@pytest.fixture
def recipe(tmp_path: Path) -> FusionRecipe:
    return load_recipe(FusionRecipe, str(write_recipes(tmp_path / "tiny")), STAGE)


class Seen:
    """Views that favour the right label a little, and keeps the faces that it was asked about."""

    def __init__(self) -> None:
        self.faces: list[NDArray[np.uint8]] = []

    def __call__(self, faces: NDArray[np.uint8]) -> Views:
        self.faces += list(faces)
        rng = np.random.default_rng(len(self.faces))
        logits = rng.normal(size=(3, len(faces), 8)).astype(np.float32)
        return logits, np.full((len(faces), 2), 0.25)


def fitted(sources: Sources, runs: Path, recipe: FusionRecipe) -> Seen:
    seen = Seen()
    save_weights(runs / "recogniser", {"weight": torch.zeros(1)}, {})
    train_fusion(sources, runs, recipe, ["recogniser"], seen)
    return seen


def test_labelled_dev_faces_are_seen_as_they_are_and_some_behind_an_object(
    sources: Sources, tmp_path: Path, recipe: FusionRecipe
) -> None:
    seen = fitted(sources, tmp_path, recipe)
    pool = sources.labelled("dev")
    rows = np.flatnonzero(pool.labels >= 0)
    cutouts = sources.cutouts("dev")
    assert recipe.epoch_images == 1 < len(rows)
    copies = [protocol_copy(pool.native(int(row)), cutouts, DEV_SEED)[0] for row in rows[:1]]
    assert np.array_equal(np.stack(seen.faces), np.concatenate([pool.batch(rows), copies]))


def test_what_is_fitted_is_kept_with_its_parents(
    sources: Sources, tmp_path: Path, recipe: FusionRecipe
) -> None:
    fitted(sources, tmp_path, recipe)
    weights = load_weights(tmp_path / STAGE)
    assert list(weights.about["parents"]) == ["recogniser"]
    assert sorted(weights.about["data"]) == ["ferplus.zip", "occluders.zip"]
    fusion = load_fusion(tmp_path)
    assert isinstance(fusion, Fusion)
    assert fusion.before == pytest.approx(float(weights.tensors["before"]))
    assert np.array(fusion.after) == pytest.approx(weights.tensors["after"].numpy())


def test_a_fusion_of_another_network_is_refused(
    sources: Sources, tmp_path: Path, recipe: FusionRecipe
) -> None:
    with pytest.raises(WeightsError, match="train fusion"):
        load_fusion(tmp_path)
    fitted(sources, tmp_path, recipe)
    save_weights(tmp_path / "recogniser", {"weight": torch.ones(1)}, {})
    with pytest.raises(StaleError, match="another 'recogniser'.*train fusion"):
        load_fusion(tmp_path)
