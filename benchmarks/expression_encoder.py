"""The encoder tuned for expressions, whose latents Table 10 reads beside the CNN (paper, 3.4).

It starts from the autoencoder's weights and learns on clean faces and on occluded, detected,
repaired copies, from their votes and from what the recogniser's CNN makes of the clean face. The
pipeline does not have it: detection and repair keep the autoencoder's own latents.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from baseline_detectors import TRAIN
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.backends.networks import RecogniseViews
from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import load_mae
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.recogniser.cnn import ExpressionCNN
from latent_ofer.recogniser.copies import Pool, augmented, pool_with_copies
from latent_ofer.recogniser.dev_faces import small_faces
from latent_ofer.recogniser.train import DEV_FACES, WATCHED_FACES
from latent_ofer.recogniser.train_cnn import taught
from latent_ofer.train_all import pipeline_of
from latent_ofer.trained import VIEWS, trained_networks
from latent_ofer.training.batch import Drawn
from latent_ofer.training.checkpoint import check_fresh, describe, load_weights, save_weights
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.loop import fit, steps_in
from latent_ofer.training.recipe import Recipe, load_recipe

STAGE = "expression_encoder"
NEEDS: tuple[Need, ...] = ("labels", "objects")
DETECTORS = ("detector", "detector_paper", "detector_labelled")
PARENTS = ("mae", *DETECTORS, "reconstructor", "recogniser")

Inputs = tuple[Tensor, Tensor, Tensor]


class EncoderRecipe(Recipe):
    """Recipe of the tuned encoder."""

    dropout: float = Field(default=0.1, ge=0, lt=1)
    erase: float = Field(default=0.2, ge=0, le=1)
    copies: int = Field(ge=0)
    """How many training faces have an occluded, repaired copy."""
    kept: float = Field(default=0.6, gt=0, le=1)
    """Share of the patches that are looked at in training, others each time."""
    teacher: float = Field(default=0.5, ge=0, le=1)
    """Weight of what the recogniser's CNN makes of the clean face, against its votes."""


class ExpressionEncoder(nn.Module):
    """The autoencoder's encoder, read by the mean of its latents.

    Parameters
    ----------
    mae : MaskedAutoencoder
        Only its encoder is used, and trained.
    dropout : float
    """

    def __init__(self, mae: MaskedAutoencoder, dropout: float) -> None:
        super().__init__()
        self.mae = mae.requires_grad_(False)
        for part in (mae.patch_embed, mae.cls_token, mae.blocks, mae.norm):
            part.requires_grad_(True)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(mae.dim, len(EXPRESSIONS))

    def forward(self, faces: Tensor, kept: Tensor) -> Tensor:
        """Logits (B, 8) of faces (B, 3, S, S) float in [0, 1], of which K patches are seen.

        Parameters
        ----------
        kept : (B, K) int64
        """
        seen = self.mae.encode_kept(faces, kept)[:, 1:].mean(1)
        out: Tensor = self.fc(self.dropout(seen))
        return out.float()

    def latents(self, faces: Tensor) -> Tensor:
        """Latents (B, 196, D) of all patches."""
        return self.mae.encode(faces)[:, 1:]


def kept_patches(repaired: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """Draw the patches of each face that are looked at; repaired ones are the first to go.

    Parameters
    ----------
    repaired : (B, 14, 14) bool
    share : float

    Returns
    -------
    (B, K) int64, ascending in each row
    """
    hidden = repaired.flatten(1).numpy()
    order = np.argsort(hidden + rng.random(hidden.shape), axis=1)
    kept = np.sort(order[:, : round(share * hidden.shape[1])], axis=1)
    return torch.from_numpy(kept)


def train_expression_encoder(sources: Sources, runs: Path, config: str, how: How) -> Path:
    """Tune the encoder; returns the path of its weights."""
    recipe = load_recipe(EncoderRecipe, config, STAGE)
    about = describe(recipe, sources.digests(*NEEDS), runs, PARENTS)
    train, dev = seen_pools(sources, runs, config, about, recipe.copies, recipe.seed)
    torch.manual_seed(recipe.seed)
    model = ExpressionEncoder(load_mae(runs, config), recipe.dropout)
    targets = torch.from_numpy(train.clean.targets)
    if recipe.teacher:
        clean = torch.from_numpy(small_faces(train.clean))[:, None]
        targets = torch.lerp(targets, taught(cnn_of(runs, config), clean), recipe.teacher)

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Drawn]:
        for drawn in augmented(train, recipe, recipe.erase, rng):
            faces, repaired, _ = drawn.inputs
            kept = kept_patches(repaired, recipe.kept, rng)
            votes = targets[torch.from_numpy(train.source(drawn.rows))]
            yield Drawn(drawn.rows, (faces.expand(-1, 3, -1, -1), kept, votes))

    def loss(net: nn.Module, inputs: Inputs) -> tuple[Tensor, dict[str, float]]:
        faces, kept, votes = inputs
        logits = net(faces, kept)
        right = (logits.argmax(1) == votes.argmax(1)).float().mean()
        return F.cross_entropy(logits, votes), {"accuracy": float(right)}

    def figures(net: nn.Module) -> dict[str, float]:
        assert isinstance(net, ExpressionEncoder)
        clean, repaired = dev.first(WATCHED_FACES)
        return {
            "dev_accuracy": _accuracy(net, dev, clean, how),
            "dev_accuracy_repaired": _accuracy(net, dev, repaired, how),
        }

    run = runs / STAGE
    steps = steps_in(len(train), recipe)
    job = Job(run, model, batches, steps, loss, figures, str(about), train.key_of)
    return save_weights(run, fit(job, recipe, how), about)


def seen_pools(
    sources: Sources, runs: Path, config: str, about: dict[str, Any], copies: int, seed: int
) -> tuple[Pool, Pool]:
    """Training and dev faces, with copies that the pipeline of these runs has repaired."""
    # Where the copies are kept from another run, nothing is loaded to make them.
    pipeline = cache(lambda: pipeline_of(sources, runs, config))

    def repair(faces: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        return pipeline().repair(faces)

    return (
        pool_with_copies(sources, "train", about, repair, copies, seed),
        pool_with_copies(sources, "dev", about, repair, DEV_FACES, seed),
    )


def _accuracy(net: ExpressionEncoder, dev: Pool, rows: NDArray[np.int64], how: How) -> float:
    right = 0
    for start in range(0, len(rows), 64):
        chosen = rows[start : start + 64]
        faces = dev.batch(chosen)[0].to(how.device).expand(-1, 3, -1, -1)
        every = torch.arange(net.mae.grid**2, device=how.device).expand(len(chosen), -1)
        found = net(faces, every).argmax(1).cpu().numpy()
        right += int((found == dev.labels_of(chosen)).sum())
    return right / len(rows)


def cnn_of(runs: Path, config: str) -> ExpressionCNN:
    """The recogniser's CNN, in evaluation mode, frozen."""
    reads = trained_networks(runs, config).recognisers[VIEWS]
    assert isinstance(reads, RecogniseViews)
    return reads.cnn


def load_expression_encoder(runs: Path, config: str) -> ExpressionEncoder:
    """The tuned encoder, in evaluation mode, frozen.

    Raises
    ------
    WeightsError
        When it has not been trained.
    StaleError
        When it was trained on other networks than those in `runs`.
    """
    weights = load_weights(runs / STAGE, TRAIN)
    check_fresh(weights, runs)
    recipe = load_recipe(EncoderRecipe, config, STAGE)
    model = ExpressionEncoder(load_mae(runs, config), recipe.dropout)
    model.load_state_dict(weights.tensors)
    return model.eval().requires_grad_(False)
