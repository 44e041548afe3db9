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
from latent_ofer.encoder.mae import STD, MaskedAutoencoder
from latent_ofer.training.checkpoint import check_fresh, describe, load_weights, save_weights
from latent_ofer.training.loop import Job, Resume, fit, shuffled, steps_in
from latent_ofer.training.recipe import Recipe, load_recipe

STAGE = "mae"
NEEDS: tuple[Need, ...] = ("faces",)
DEV_FACES = 512
DEV_KEPT_SHARE = 0.7

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
    hidden: tuple[Share, Share] = Field(default=(0.5, 0.75))
    """Range of the hidden share, drawn once per batch."""

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
        )


def to_tensor(faces: NDArray[np.uint8]) -> Tensor:
    """(B, S, S, 3) uint8 -> (B, 3, S, S) float in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(faces.transpose(0, 3, 1, 2))).float() / 255


def draw_kept(rng: np.random.Generator, batch: int, grid: int, kept: int) -> NDArray[np.int64]:
    """Visible patches of a batch: half the faces lose scattered patches, half lose regions.

    A region is where smooth noise is high, so that holes look like objects, yet each face
    keeps the same number of patches.

    Returns
    -------
    (batch, kept) int64, sorted along the second axis
    """
    noise = rng.random((batch, grid, grid))
    coarse = rng.random((batch, 5, 5))
    at = np.linspace(0, 4, grid)
    low = np.clip(np.floor(at).astype(int), 0, 3)
    part = at - low
    rows = coarse[:, low] * (1 - part)[:, None] + coarse[:, low + 1] * part[:, None]
    smooth = rows[:, :, low] * (1 - part) + rows[:, :, low + 1] * part
    regions = (np.arange(batch) % 2 == 1)[:, None, None]
    score = np.where(regions, smooth + 0.05 * noise, noise).reshape(batch, -1)
    return np.sort(np.argsort(score, axis=1)[:, :kept], axis=1)


def hidden_error(model: MaskedAutoencoder, faces: Tensor, kept: Tensor) -> Tensor:
    """Mean squared error over hidden pixels, in normalised units (the MAE loss)."""
    predicted, mask = model.reconstruct_kept(faces, kept)
    pixels = model.mask_pixels(mask)
    error = ((predicted - faces) / STD).square() * pixels
    return error.sum() / (3 * pixels.sum())


def train_mae(sources: Sources, runs: Path, config: str, resume: Resume) -> Path:
    """Train the masked autoencoder; returns the path of its weights."""
    recipe = load_recipe(MaeRecipe, config, STAGE)
    torch.manual_seed(recipe.seed)
    model = recipe.build()
    pool, dev_pool = sources.pool("train"), sources.pool("dev")
    rng = np.random.default_rng(0)
    dev_rows = rng.permutation(len(dev_pool))[:DEV_FACES]
    patches = model.grid**2
    dev_kept = draw_kept(rng, len(dev_rows), model.grid, int(DEV_KEPT_SHARE * patches))

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in shuffled(len(pool), recipe, rng):
            faces = pool.batch(rows)
            flip = rng.random(len(faces)) < 0.5
            faces[flip] = faces[flip, :, ::-1]
            kept = round(patches * (1 - rng.uniform(*recipe.hidden)))
            yield (
                to_tensor(faces),
                torch.from_numpy(draw_kept(rng, len(faces), model.grid, kept)),
            )

    def loss(net: nn.Module, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(net, MaskedAutoencoder)
        return hidden_error(net, *batch), {}

    def dev(net: nn.Module) -> dict[str, float]:
        assert isinstance(net, MaskedAutoencoder)
        errors = []
        for start in range(0, len(dev_rows), 64):
            faces = to_tensor(dev_pool.batch(dev_rows[start : start + 64]))
            kept = torch.from_numpy(dev_kept[start : start + 64])
            errors.append(hidden_error(net, faces, kept) * STD**2)
        return {"dev_psnr_hidden_db": float(-10 * torch.log10(torch.stack(errors).mean()))}

    about = describe(recipe, sources.digests(*NEEDS), runs, ())
    job = Job(
        runs / STAGE, model, batches, steps_in(len(pool), recipe), loss, dev, identity=str(about)
    )
    return save_weights(runs / STAGE, fit(job, recipe, resume), about)


def load_mae(runs: Path, config: str) -> MaskedAutoencoder:
    """The trained autoencoder, in evaluation mode, frozen."""
    weights = load_weights(runs / STAGE)
    check_fresh(weights, runs)
    model = load_recipe(MaeRecipe, config, STAGE).build()
    model.load_state_dict(weights.tensors)
    return model.eval().requires_grad_(False)
