"""Training of the masked autoencoder on all clean faces."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.encoder.mae import STD, MaskedAutoencoder, resized
from latent_ofer.encoder.masks import HoleBank
from latent_ofer.encoder.vit import Stem
from latent_ofer.training.batch import Drawn
from latent_ofer.training.checkpoint import (
    check_fresh,
    describe,
    is_trained,
    load_weights,
    save_weights,
)
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.loop import fit, shuffled, steps_in
from latent_ofer.training.recipe import Recipe, load_recipe
from latent_ofer.training.start import start_from

STAGE = "mae"
PREFIX = "mae."
"""Of the tensors in released weights."""
NEEDS: tuple[Need, ...] = ("faces",)
DEV_FACES = 512
DEV_KEPT_SHARE = 0.7
LUMA = torch.tensor([0.299, 0.587, 0.114])

Share = Annotated[float, Field(ge=0.01, le=0.99)]


class MaeRecipe(Recipe):
    """Recipe of the masked autoencoder."""

    image_size: int = 112
    patch_size: int = 8
    dim: int
    depth: int
    heads: int
    decoder_dim: int
    decoder_depth: int
    decoder_heads: int
    stem: Stem = "linear"
    hidden: tuple[Share, Share] = Field(default=(0.1, 0.75))
    """Range of the hidden share, drawn once per batch."""
    grey: float = Field(default=0.2, ge=0, le=1)
    """Share of the faces whose colours are taken away."""

    def draw_kept(self, rng: np.random.Generator) -> int:
        """Draw how many patches of a batch stay visible.

        Most often few, for such batches are quick; and as many as so many rows of the grid have,
        since the matrix library keeps kernels of its own for every number that comes up.
        """
        low, high = self.hidden
        grid = self.image_size // self.patch_size
        visible = 1 - high + (high - low) * float(rng.random()) ** 2
        return grid * max(1, round(grid * visible))

    def build(self) -> MaskedAutoencoder:
        """Network with random weights."""
        return MaskedAutoencoder(
            self.image_size,
            self.patch_size,
            self.dim,
            self.depth,
            self.heads,
            self.decoder_dim,
            self.decoder_depth,
            self.decoder_heads,
            self.stem,
        )


def to_tensor(faces: NDArray[np.uint8]) -> Tensor:
    """(B, S, S, 3) uint8 -> (B, 3, S, S) float in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(faces.transpose(0, 3, 1, 2))).float() / 255


def greyed(faces: Tensor, chosen: Tensor) -> Tensor:
    """The chosen (B,) bool of the faces (B, 3, S, S) without their colours."""
    luma = (faces * LUMA[:, None, None]).sum(1, keepdim=True)
    return torch.where(chosen[:, None, None, None], luma, faces)


def hidden_error(model: MaskedAutoencoder, faces: Tensor, kept: Tensor) -> Tensor:
    """Mean squared error over hidden pixels, in normalised units (the MAE loss).

    Of each face as many are hidden, so it is a mean over the faces too.
    """
    predicted, mask = model.reconstruct_kept(faces, kept)
    pixels = model.mask_pixels(mask)
    error = ((predicted - resized(faces, model.image_size)) / STD).square() * pixels
    return error.sum() / (3 * pixels.sum())


def train_mae(sources: Sources, runs: Path, config: str, how: How) -> Path:
    """Train the masked autoencoder; returns the path of its weights."""
    recipe = load_recipe(MaeRecipe, config, STAGE)
    torch.manual_seed(recipe.seed)
    model = recipe.build()
    start_from(model, PREFIX, runs)
    pool, dev_pool = sources.pool("train"), sources.pool("dev")
    rng = np.random.default_rng(0)
    dev_rows = rng.permutation(len(dev_pool))[:DEV_FACES]
    patches = model.grid**2
    holes = HoleBank(model.grid, rng)
    dev_kept = holes.draw_kept(rng, len(dev_rows), int(DEV_KEPT_SHARE * patches))

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Drawn]:
        for rows in shuffled(len(pool), recipe, rng):
            faces = pool.batch(rows)
            flip = rng.random(len(faces)) < 0.5
            faces[flip] = faces[flip, :, ::-1]
            kept = recipe.draw_kept(rng)
            grey = torch.from_numpy(rng.random(len(faces)) < recipe.grey)
            visible = torch.from_numpy(holes.draw_kept(rng, len(faces), kept))
            yield Drawn(rows, (greyed(to_tensor(faces), grey), visible))

    def loss(net: nn.Module, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(net, MaskedAutoencoder)
        return hidden_error(net, *inputs), {}

    def dev(net: nn.Module) -> dict[str, float]:
        assert isinstance(net, MaskedAutoencoder)
        errors = []
        for start in range(0, len(dev_rows), 64):
            faces = to_tensor(dev_pool.batch(dev_rows[start : start + 64]))
            kept = torch.from_numpy(dev_kept[start : start + 64])
            of = net.cls_token.device
            errors.append(hidden_error(net, faces.to(of), kept.to(of)) * STD**2)
        return {"dev_psnr_hidden_db": float(-10 * torch.log10(torch.stack(errors).mean()))}

    about = describe(recipe, sources.digests(*NEEDS), runs, ())
    steps = steps_in(len(pool), recipe)
    job = Job(
        runs / STAGE, model, batches, steps, loss, dev, str(about), lambda row: pool.keys[row]
    )
    return save_weights(runs / STAGE, fit(job, recipe, how), about)


def load_mae(runs: Path, config: str) -> MaskedAutoencoder:
    """The trained autoencoder, or that of the start weights; in evaluation mode, frozen."""
    model = load_recipe(MaeRecipe, config, STAGE).build()
    if is_trained(runs, STAGE) or not start_from(model, PREFIX, runs):
        weights = load_weights(runs / STAGE)
        check_fresh(weights, runs)
        model.load_state_dict(weights.tensors)
    return model.eval().requires_grad_(False)
