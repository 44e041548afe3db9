from pathlib import Path

import pytest
import torch

from archives import write_archives
from latent_ofer.datasets.sources import Sources
from latent_ofer.errors import WeightsError
from latent_ofer.recogniser.baselines import PlainReader, load_baseline
from latent_ofer.recogniser.train_cnn import CnnRecipe
from latent_ofer.train_all import BASELINES
from latent_ofer.training.how import How
from latent_ofer.training.recipe import load_recipe

RECIPE = """
widths: [4, 4, 8, 8]
heads: 1
head_width: 4
hidden: 0
epochs: 1
batch_size: 4
learning_rate: 0.001
"""


def tiny() -> PlainReader:
    torch.manual_seed(0)
    recipe = CnnRecipe(
        **{"widths": [4, 4, 8, 8], "head_width": 4, "epochs": 1},
        **{"batch_size": 4, "learning_rate": 0.1},  # type: ignore[arg-type]
    )
    return PlainReader(recipe.build()).eval()


def test_a_face_has_the_same_answer_alone_in_a_batch_and_in_the_mirror() -> None:
    reader, faces = tiny(), torch.rand(3, 3, 112, 112)
    with torch.inference_mode():
        together = reader(faces)
        alone = torch.cat([reader(face[None]) for face in faces])
        mirrored = reader(faces.flip(3))
    assert together.shape == (3, 8)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together, mirrored)


def test_a_trained_judge_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    data = write_archives(tmp_path / "data")
    config = tmp_path / "recipes"
    config.mkdir()
    (config / "judge.yaml").write_text(RECIPE)
    sources = Sources(data, tmp_path / "cache")
    BASELINES["judge"].train(sources, tmp_path / "runs", str(config), How())
    first = load_baseline("judge", tmp_path / "runs", str(config))
    again = load_baseline("judge", tmp_path / "runs", str(config))
    faces = torch.rand(2, 3, 112, 112)
    torch.testing.assert_close(first(faces), again(faces))
    assert not first.training and not any(p.requires_grad for p in first.parameters())


def test_without_training_the_message_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="train judge"):
        load_baseline("judge", tmp_path, "small")


@pytest.mark.parametrize("config", ["small", "small-tune"])
def test_they_are_trained_as_the_recogniser_is_but_for_what_they_are_told(config: str) -> None:
    recogniser = load_recipe(CnnRecipe, config, "recogniser")
    shipped = load_recipe(CnnRecipe, "small-tune", "recogniser")
    for name in ("plain", "plain_occluded"):
        recipe = load_recipe(CnnRecipe, config, name)
        assert recipe.hidden == 0 and (recipe.covered == 0 or recipe.told == 0)
        assert recipe.covered == (shipped.covered if name == "plain_occluded" else 0)
        told = {"hidden", "hidden_share", "told", "covered", "kinds", "outlined"}
        assert recipe.model_dump(exclude=told) == recogniser.model_dump(exclude=told)
    judge = load_recipe(CnnRecipe, config, "judge")
    rounds = [load_recipe(CnnRecipe, one, "recogniser").epochs for one in ("small", "small-tune")]
    assert judge.afresh and judge.seed != recogniser.seed and judge.widths != recogniser.widths
    assert judge.epochs == sum(rounds)
