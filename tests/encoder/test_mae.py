"""The masked autoencoder against slow, obvious versions of itself."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.masks import HoleBank
from latent_ofer.encoder.train import MaeRecipe, greyed, hidden_error
from latent_ofer.encoder.vit import PatchEmbed, Stem, sincos_positions

PATCHES = 16


@pytest.fixture(scope="module")
def mae() -> MaskedAutoencoder:
    torch.manual_seed(0)
    model = MaskedAutoencoder(32, 8, 24, 2, 2, 16, 1, 2).eval()
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn_like(parameter)
    return model


def some_faces(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def mask_of(kept: Tensor) -> Tensor:
    mask = torch.ones(len(kept), PATCHES, dtype=torch.bool)
    for row, indices in enumerate(kept.tolist()):
        mask[row, indices] = False
    return mask


@pytest.mark.parametrize("hidden", [0, 1, 7, 15])
def test_hiding_patches_is_the_same_as_leaving_them_out(
    mae: MaskedAutoencoder, hidden: int
) -> None:
    faces = some_faces(3)
    rng = np.random.default_rng(hidden)
    kept = torch.from_numpy(HoleBank(4, rng, each=3).draw_kept(rng, 3, PATCHES - hidden))
    with torch.no_grad():
        short = mae.encode_kept(faces, kept)
        long = mae.encode(faces, mask_of(kept))
    assert torch.allclose(long[:, 0], short[:, 0], atol=1e-5)
    for row, indices in enumerate(kept.tolist()):
        for position, patch in enumerate(indices):
            assert torch.allclose(long[row, 1 + patch], short[row, 1 + position], atol=1e-5)


def test_what_stands_in_hidden_patches_changes_nothing(mae: MaskedAutoencoder) -> None:
    faces, others = some_faces(2), some_faces(2, seed=9)
    mask = torch.rand(2, PATCHES, generator=torch.Generator().manual_seed(1)) < 0.5
    swapped = torch.where(mae.mask_pixels(mask), others, faces)
    with torch.no_grad():
        first, second = mae.fill(faces, mask), mae.fill(swapped, mask)
    assert torch.allclose(first, second, atol=1e-6)
    assert not torch.equal(faces, swapped)


def test_a_fill_leaves_visible_pixels_alone_and_predicts_the_hidden_ones(
    mae: MaskedAutoencoder,
) -> None:
    faces = some_faces(3)
    mask = torch.zeros(3, PATCHES, dtype=torch.bool)
    mask[1, 5:8] = True
    mask[2] = True
    with torch.no_grad():
        filled = mae.fill(faces, mask)
        predicted = mae.decode(mae.encode(faces, mask), mask).clamp(0, 1)
    hidden = mae.mask_pixels(mask).expand_as(faces)
    assert torch.equal(filled[~hidden], faces[~hidden])
    assert torch.equal(filled[hidden], predicted[hidden])
    assert torch.equal(filled[0], faces[0])
    assert filled.min() >= 0 and filled.max() <= 1


def test_a_face_alone_is_filled_as_in_a_batch_of_other_masks(mae: MaskedAutoencoder) -> None:
    faces = some_faces(4)
    mask = torch.zeros(4, PATCHES, dtype=torch.bool)
    for row, hidden in enumerate((0, 3, 12, PATCHES)):
        mask[row, :hidden] = True
    with torch.no_grad():
        together = mae.fill(faces, mask)
        alone = [mae.fill(faces[row : row + 1], mask[row : row + 1])[0] for row in range(4)]
    assert torch.isfinite(together).all()
    assert torch.allclose(together, torch.stack(alone), atol=1e-5)


def test_both_ways_of_hiding_predict_the_same(mae: MaskedAutoencoder) -> None:
    faces = some_faces(2)
    kept = torch.tensor([[0, 3, 4, 9], [1, 2, 14, 15]])
    with torch.no_grad():
        predicted, mask = mae.reconstruct_kept(faces, kept)
        assert torch.equal(mask, mask_of(kept))
        assert torch.allclose(predicted, mae.decode(mae.encode(faces, mask), mask), atol=1e-5)


def test_the_loss_is_the_mean_over_hidden_pixels(mae: MaskedAutoencoder) -> None:
    faces = some_faces(2)
    kept = torch.tensor([[0, 3, 4, 9], [1, 2, 14, 15]])
    with torch.no_grad():
        predicted, mask = mae.reconstruct_kept(faces, kept)
        errors = [
            float((predicted - faces)[b, c, y, x] / 0.25) ** 2
            for b in range(2)
            for c in range(3)
            for y in range(32)
            for x in range(32)
            if mask[b, (y // 8) * 4 + x // 8]
        ]
        assert float(hidden_error(mae, faces, kept)) == pytest.approx(np.mean(errors), rel=1e-4)


def test_gradients_reach_every_trained_parameter() -> None:
    torch.manual_seed(0)
    model = MaskedAutoencoder(32, 8, 24, 2, 2, 16, 1, 2)
    hidden_error(model, some_faces(2), torch.tensor([[0, 3, 4, 9], [1, 2, 14, 15]])).backward()
    for name, parameter in model.named_parameters():
        if name in ("pos_embed", "decoder_pos_embed"):
            assert not parameter.requires_grad
        else:
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_unpatchify_is_the_slow_loop(mae: MaskedAutoencoder) -> None:
    patches = torch.rand(2, PATCHES, 8 * 8 * 3)
    image = mae.unpatchify(patches)
    for y in range(32):
        for x in range(32):
            inside = ((y % 8) * 8 + x % 8) * 3
            expected = patches[:, (y // 8) * 4 + x // 8, inside : inside + 3]
            assert torch.equal(image[:, :, y, x], expected)


def test_mask_pixels_is_the_slow_loop(mae: MaskedAutoencoder) -> None:
    mask = torch.arange(PATCHES)[None] % 3 == 0
    pixels = mae.mask_pixels(mask)
    for y in range(32):
        for x in range(32):
            assert pixels[0, 0, y, x] == mask[0, (y // 8) * 4 + x // 8]


def test_positions_are_sines_and_cosines_of_column_then_row() -> None:
    table = sincos_positions(16, 5)[0]
    assert table.shape == (26, 16) and not table[0].any()
    for row in range(5):
        for column in range(5):
            scales = [10000 ** (-k / 4) for k in range(4)]
            expected = [f(v * s) for v in (column, row) for f in (np.sin, np.cos) for s in scales]
            assert np.allclose(table[1 + 5 * row + column], expected, atol=1e-6)


@pytest.mark.parametrize("stem", ["linear", "two-layer"])
def test_a_token_is_of_its_own_patch_alone(stem: Stem) -> None:
    torch.manual_seed(0)
    embed = PatchEmbed(8, 24, stem)
    faces = some_faces(1).requires_grad_()
    embed(faces)[0, 5].sum().backward()
    assert faces.grad is not None
    reached = faces.grad[0].abs().sum(0).reshape(4, 8, 4, 8).sum((1, 3)).flatten()
    assert reached[5] > 0 and reached.sum() == reached[5]


def test_only_the_chosen_faces_lose_their_colours() -> None:
    faces = some_faces(3)
    grey = greyed(faces, torch.tensor([True, False, True]))
    assert torch.equal(grey[1], faces[1])
    by_hand = 0.299 * faces[0, 0] + 0.587 * faces[0, 1] + 0.114 * faces[0, 2]
    for channel in grey[0]:
        assert torch.allclose(channel, by_hand, atol=1e-6)


def test_batches_keep_whole_rows_worth_of_patches_within_the_range() -> None:
    recipe = MaeRecipe(
        **{"dim": 24, "depth": 1, "heads": 2, "decoder_dim": 16, "decoder_depth": 1},
        **{"decoder_heads": 2, "epochs": 1, "batch_size": 4, "learning_rate": 1e-3},
        hidden=(0.1, 0.75),
    )
    rng = np.random.default_rng(0)
    kept = np.array([recipe.draw_kept(rng) for _ in range(500)])
    assert (kept % 14 == 0).all()
    assert 0.25 * 196 - 7 <= kept.min() < 0.3 * 196
    assert 0.85 * 196 < kept.max() <= 0.9 * 196 + 7
    assert np.median(kept) < 0.5 * 196


def test_an_encoder_of_another_size_looks_at_faces_in_its_own() -> None:
    torch.manual_seed(0)
    own = MaskedAutoencoder(64, 16, 24, 1, 2, 16, 1, 2).eval()
    small = torch.rand(2, 3, 32, 32)
    large = F.interpolate(small, scale_factor=2.0, mode="bilinear")
    with torch.no_grad():
        assert torch.equal(own.encode(small), own.encode(large))
        mask = torch.zeros(2, 16, dtype=torch.bool)
        mask[:, 5] = True
        filled = own.fill(small, mask)
        coarse = own.fill(large, mask)
    hidden = torch.zeros(32, 32, dtype=torch.bool)
    hidden[8:16, 8:16] = True
    assert torch.equal(filled[..., ~hidden], small[..., ~hidden])
    assert torch.allclose(filled[..., hidden], F.avg_pool2d(coarse, 2)[..., hidden], atol=1e-6)
    kept = torch.arange(15).expand(2, -1)
    assert torch.equal(hidden_error(own, small, kept), hidden_error(own, large, kept))
