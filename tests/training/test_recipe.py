"""Recipes: what is refused, and how it is said."""

from pathlib import Path

import pytest
from pydantic import Field

from archives import RECIPES
from latent_ofer.encoder.train import MaeRecipe
from latent_ofer.errors import RecipeError
from latent_ofer.recogniser.train import RecogniserRecipe
from latent_ofer.training.recipe import Recipe, load_recipe


class Small(Recipe):
    width: int = Field(ge=1)


GOOD = "width: 4\nepochs: 3\nbatch_size: 2\nlearning_rate: 0.1\n"


def load(folder: Path, text: str) -> Small:
    (folder / "net.yaml").write_text(text)
    return load_recipe(Small, str(folder), "net")


def test_a_good_recipe_is_read_with_its_defaults(tmp_path: Path) -> None:
    recipe = load(tmp_path, GOOD)
    assert (recipe.width, recipe.epochs, recipe.learning_rate, recipe.seed) == (4, 3, 0.1, 0)


def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"net\.yaml: unknown key 'warm_up'; .* 'warmup'\?"):
        load(tmp_path, GOOD + "warm_up: 0.1\n")


def test_a_misspelt_required_key_is_not_reported_as_missing(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="unknown key 'epoch'; did you mean 'epochs'"):
        load(tmp_path, GOOD.replace("epochs", "epoch"))


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("epochs: 0", "epochs"),
        ("width: 0", "width"),
        ("warmup: 1.5", "warmup"),
        ("seed: a", "seed"),
    ],
)
def test_a_value_out_of_range_is_named(tmp_path: Path, line: str, key: str) -> None:
    kept = [row for row in GOOD.splitlines() if not row.startswith(f"{key}:")]
    with pytest.raises(RecipeError, match=f"'{key}': Input should be"):
        load(tmp_path, "\n".join([*kept, line]))


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="'width': Field required"):
        load(tmp_path, GOOD.replace("width: 4\n", ""))


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2\n"])
def test_what_is_not_a_list_of_keys_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(RecipeError, match=r"net\.yaml: (not valid YAML|expected)"):
        load(tmp_path, text)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"nowhere/net\.yaml: no such recipe"):
        load_recipe(Small, str(tmp_path / "nowhere"), "net")


@pytest.mark.parametrize("hidden", ["[0.5, 1.2]", "[0, 0.5]", "[-0.1, 0.5]"])
def test_a_share_of_hidden_patches_that_cannot_be_is_refused(tmp_path: Path, hidden: str) -> None:
    (tmp_path / "mae.yaml").write_text(f"{RECIPES['mae']}hidden: {hidden}\n")
    with pytest.raises(RecipeError, match="hidden"):
        load_recipe(MaeRecipe, str(tmp_path), "mae")


@pytest.mark.parametrize("share", [0.001, 0.999, 1])
def test_a_recogniser_picks_some_latents_and_not_all(tmp_path: Path, share: float) -> None:
    (tmp_path / "recogniser_paper.yaml").write_text(
        f"{RECIPES['recogniser_paper']}share: {share}\n"
    )
    with pytest.raises(RecipeError, match="share"):
        load_recipe(RecogniserRecipe, str(tmp_path), "recogniser_paper")


@pytest.mark.parametrize("config", ["small", "small-tune", "paper"])
def test_the_shipped_recipes_are_good(config: str) -> None:
    from latent_ofer.train_all import STAGES, stage_recipe

    assert all(stage_recipe(name, config).seed == 0 for name in STAGES)


def test_the_digest_follows_the_content_and_not_the_text(tmp_path: Path) -> None:
    first = load(tmp_path, GOOD).digest()
    assert load(tmp_path, "# a comment\nseed: 0\n" + GOOD).digest() == first
    assert load(tmp_path, GOOD.replace("width: 4", "width: 5")).digest() != first
