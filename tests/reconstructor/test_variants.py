"""The two repair networks of Table 8: another layer, or no mirror; all else the same."""

from pathlib import Path

import pytest
import torch

from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.reconstructor.self_assembly import ConvLayer, SelfAssembly
from latent_ofer.reconstructor.train import ReconstructorRecipe, StageName, load_reconstructor
from latent_ofer.train_all import BASELINES, STAGES
from latent_ofer.training.checkpoint import parents_of, save_weights

KEYS = {
    "widths": [8, 8, 8, 128],
    "reconstruction": 1.0,
    "consistency": 0.01,
    "semantic": 0.1,
    "epochs": 1,
    "batch_size": 2,
    "learning_rate": 0.001,
}
MAE_KEYS = {"dim": 8, "depth": 1, "heads": 1, "decoder_dim": 8, "decoder_depth": 1}
MAE_KEYS |= {"decoder_heads": 1, "epochs": 1, "batch_size": 2, "learning_rate": 0.001}
VARIANTS: tuple[StageName, ...] = ("reconstructor_csa", "reconstructor_conv")


def test_only_the_layer_differs() -> None:
    recipe = ReconstructorRecipe(**KEYS)
    shipped, csa, conv = (recipe.build(name) for name in ("reconstructor", *VARIANTS))
    assert isinstance(shipped.assembly, SelfAssembly) and shipped.assembly.mirror
    assert isinstance(csa.assembly, SelfAssembly) and not csa.assembly.mirror
    assert isinstance(conv.assembly, ConvLayer)
    names = [set(unet.state_dict()) for unet in (shipped, csa, conv)]
    assert names[0] == names[1]
    assert names[2] - names[0] == {"assembly.conv.weight", "assembly.conv.bias"}


def test_without_the_mirror_a_hidden_cell_does_not_see_the_other_side() -> None:
    torch.manual_seed(1)
    mask = torch.zeros(1, 14, 14, dtype=torch.bool)
    mask[0, 5, 2] = True
    features = torch.rand(1, 4, 14, 14)
    changed = features.clone()
    # Longer, not turned: the most similar known cell stays the same one.
    changed[..., 5, 11] *= 3
    for mirror in (True, False):
        layer = SelfAssembly(mirror=mirror)
        before, after = layer(features, mask)[..., 5, 2], layer(changed, mask)[..., 5, 2]
        known = torch.nn.functional.cosine_similarity(
            features[0, :, 5, 2, None], features[0].flatten(1), dim=0
        )
        known[5 * 14 + 2] = -1
        assert known.argmax() != 5 * 14 + 11
        assert torch.equal(before, after) != mirror


def test_a_variant_lies_in_a_folder_of_its_own_and_comes_back(tmp_path: Path) -> None:
    recipes, runs = tmp_path / "recipes", tmp_path / "runs"
    recipes.mkdir()
    for name, keys in (("reconstructor", KEYS), ("mae", MAE_KEYS)):
        lines = [f"{key}: {value}" for key, value in keys.items()]
        (recipes / f"{name}.yaml").write_text("\n".join(lines))
    torch.manual_seed(0)
    save_weights(runs / "mae", MaskedAutoencoder(112, 8, 8, 1, 1, 8, 1, 1).state_dict(), {})
    recipe = ReconstructorRecipe(**KEYS)
    for name in VARIANTS:
        unet = recipe.build(name)
        tensors = {f"unet.{key}": value for key, value in unet.state_dict().items()}
        save_weights(runs / name, tensors, {"parents": parents_of(runs, "mae")})
        loaded = load_reconstructor(runs, str(recipes), name)
        assert type(loaded.unet.assembly) is type(unet.assembly)
        assert torch.equal(loaded.unet.stem.weight, unet.stem.weight)


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_are_trained_by_name_on_what_the_repair_network_is_trained_on(name: str) -> None:
    variant, shipped = BASELINES[name], STAGES["reconstructor"]
    assert variant.recipe_of == "reconstructor" and name not in STAGES
    assert (variant.recipe, variant.needs, variant.parents) == (
        shipped.recipe,
        shipped.needs,
        shipped.parents,
    )
