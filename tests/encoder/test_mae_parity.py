"""The same numbers as the public masked autoencoder, given the same weights."""

import pytest
import torch
from torch import Tensor
from transformers import ViTMAEConfig, ViTMAEForPreTraining

from latent_ofer.encoder.mae import MEAN, STD, MaskedAutoencoder
from latent_ofer.encoder.train import hidden_error

BATCH, PATCHES, KEPT = 3, 16, 5
NAMES = {
    "vit.embeddings.position_embeddings": "pos_embed",
    "vit.embeddings.patch_embeddings.projection": "patch_embed.proj",
    "vit.embeddings.": "",
    "vit.layers.": "blocks.",
    "vit.layernorm": "norm",
    "decoder.decoder_layers.": "decoder_blocks.",
    "decoder.": "",
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "attention.o_proj": "attn.proj",
    "attention.": "attn.",
}


def public_config(**sizes: int) -> ViTMAEConfig:
    # The public code has this epsilon; the library's default is another.
    return ViTMAEConfig(**sizes, layer_norm_eps=1e-6, norm_pix_loss=False)


def our_names(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename; queries, keys and values stand in one matrix in our layout."""
    renamed = {}
    for name, value in theirs.items():
        for old, new in NAMES.items():
            name = name.replace(old, new)
        renamed[name] = value
    for name in [name for name in renamed if "q_proj" in name]:
        parts = [
            renamed.pop(name.replace("q_proj", part)) for part in ("q_proj", "k_proj", "v_proj")
        ]
        renamed[name.replace("q_proj", "qkv")] = torch.cat(parts)
    return renamed


@pytest.fixture(scope="module")
def theirs() -> ViTMAEForPreTraining:
    torch.manual_seed(0)
    config = public_config(
        image_size=32,
        patch_size=8,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        decoder_hidden_size=16,
        decoder_num_hidden_layers=2,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=64,
    )
    model = ViTMAEForPreTraining(config).eval()
    # The library leaves the positions at zero unless weights are loaded, and so has its own
    # functions for them called here.
    for module in model.modules():
        module.__dict__.pop("_is_hf_initialized", None)
    model.vit.embeddings.initialize_weights()
    model.decoder.initialize_weights(PATCHES)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


@pytest.fixture(scope="module")
def ours(theirs: ViTMAEForPreTraining) -> MaskedAutoencoder:
    model = MaskedAutoencoder(32, 8, 32, 2, 4, 16, 2, 2)
    fresh = {name: model.state_dict()[name].clone() for name in ("pos_embed", "decoder_pos_embed")}
    model.load_state_dict(our_names(theirs.state_dict()))
    for name, value in fresh.items():
        assert torch.allclose(value, model.state_dict()[name], atol=1e-6), name
    return model.eval()


@pytest.fixture(scope="module")
def faces() -> Tensor:
    return torch.rand(BATCH, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def kept() -> Tensor:
    generator = torch.Generator().manual_seed(2)
    order = torch.rand(BATCH, PATCHES, generator=generator).argsort(1)
    return order[:, :KEPT].sort(1).values


def noise_that_keeps(kept: Tensor) -> Tensor:
    """The library keeps the patches of the lowest noise, in the order of the noise."""
    ranks = torch.arange(1.0, KEPT + 1).expand(len(kept), -1) / (2 * KEPT)
    return torch.ones(len(kept), PATCHES).scatter(1, kept, ranks)


def normalised(faces: Tensor) -> Tensor:
    return (faces - MEAN) / STD


def test_latents_of_whole_faces_are_the_same(
    theirs: ViTMAEForPreTraining, ours: MaskedAutoencoder, faces: Tensor
) -> None:
    in_order = torch.linspace(0, 1, PATCHES).expand(BATCH, -1)
    theirs.config.mask_ratio = 0.0
    with torch.no_grad():
        expected = theirs.vit(normalised(faces), noise=in_order).last_hidden_state
        assert torch.allclose(ours.encode(faces), expected, atol=1e-5)
    assert expected.std() > 0.1


def test_latents_predictions_and_loss_of_partly_hidden_faces_are_the_same(
    theirs: ViTMAEForPreTraining, ours: MaskedAutoencoder, faces: Tensor, kept: Tensor
) -> None:
    theirs.config.mask_ratio = 1 - KEPT / PATCHES
    noise = noise_that_keeps(kept)
    with torch.no_grad():
        latents = theirs.vit(normalised(faces), noise=noise).last_hidden_state
        answer = theirs(normalised(faces), noise=noise)
        assert latents.shape == (BATCH, 1 + KEPT, 32)
        assert torch.allclose(ours.encode_kept(faces, kept), latents, atol=1e-5)
        predicted, mask = ours.reconstruct_kept(faces, kept)
        assert torch.equal(mask.float(), answer.mask)
        expected = theirs.unpatchify(answer.logits) * STD + MEAN
        assert torch.allclose(predicted, expected, atol=1e-5)
        assert torch.allclose(hidden_error(ours, faces, kept), answer.loss, atol=1e-5)


def test_the_paper_configuration_has_the_names_and_shapes_of_the_public_base_model() -> None:
    with torch.device("meta"):
        theirs = ViTMAEForPreTraining(public_config(num_hidden_layers=2))
        ours = MaskedAutoencoder(224, 16, 768, 2, 12, 512, 8, 16)
    expected = {name: tuple(value.shape) for name, value in our_names(theirs.state_dict()).items()}
    assert {name: tuple(value.shape) for name, value in ours.state_dict().items()} == expected
