"""Table 10: what CNN, latents and their selection are each worth, on one frozen CNN and encoder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from baseline_detectors import TRAIN
from expression_encoder import PARENTS as ENCODER_PARENTS
from expression_encoder import STAGE as ENCODER
from expression_encoder import (
    ExpressionEncoder,
    cnn_of,
    load_expression_encoder,
    seen_pools,
)
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.recogniser.cnn import ExpressionCNN
from latent_ofer.recogniser.copies import Seen, augmented
from latent_ofer.recogniser.fusion import GRID, LatentBranch, attention_grid, pick
from latent_ofer.recogniser.train import WATCHED_FACES
from latent_ofer.training.batch import Drawn
from latent_ofer.training.checkpoint import check_fresh, describe, load_weights, save_weights
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.loop import fit, steps_in
from latent_ofer.training.recipe import Recipe, load_recipe

STAGE = "ablation"
NEEDS: tuple[Need, ...] = ("labels", "objects")
PARENTS = (*ENCODER_PARENTS, ENCODER)

Inputs = Literal[
    "latents_all", "latents_selected", "cnn", "cnn_latents_all", "cnn_latents_selected"
]
INPUTS: tuple[Inputs, ...] = (
    "latents_all",
    "latents_selected",
    "cnn",
    "cnn_latents_all",
    "cnn_latents_selected",
)
"""The rows of Table 10."""


class AblationRecipe(Recipe):
    """Recipe of the heads."""

    seeds: int = Field(default=3, ge=1)
    """How often each row is trained, from other random weights, on the same batches."""
    latent_width: int
    latent_outputs: int
    hidden: int
    share: float = Field(default=0.5, ge=0.01, le=0.99)
    """Of the latents that attention picks."""
    dropout: float = Field(default=0.3, ge=0, lt=1)
    erase: float = Field(default=0.2, ge=0, le=1)
    copies: int = Field(ge=0)
    """How many training faces have an occluded, repaired copy."""


class Head(nn.Module):
    """One row of Table 10: a classifier on some of what is there to be read.

    Parameters
    ----------
    inputs : str
    features, latent_dim : int
        Length of the CNN's vector and width of a latent.
    recipe : AblationRecipe
        Gives widths and dropout.
    """

    def __init__(
        self, inputs: Inputs, features: int, latent_dim: int, recipe: AblationRecipe
    ) -> None:
        super().__init__()
        self.uses_cnn = inputs.startswith("cnn")
        self.selects = inputs.endswith("selected")
        self.latents: LatentBranch | None = None
        width = features if self.uses_cnn else 0
        if inputs != "cnn":
            self.latents = LatentBranch(latent_dim, recipe.latent_width, recipe.latent_outputs)
            width += recipe.latent_outputs
        self.join = nn.Linear(width, recipe.hidden)
        self.dropout = nn.Dropout(recipe.dropout)
        self.fc = nn.Linear(recipe.hidden, len(EXPRESSIONS))

    def forward(self, seen: Tensor, latents: Tensor, picked: Tensor, mask: Tensor) -> Tensor:
        """Classify.

        Parameters
        ----------
        seen : (B, C)
            What the CNN's heads see together.
        latents : (B, 196, D)
        picked : (B, 196) float in [0, 1]
        mask : (B, 196) bool
            Patches that were repaired.

        Returns
        -------
        (B, 8) logits
        """
        parts = [seen] if self.uses_cnn else []
        if self.latents is not None:
            chosen = picked if self.selects else torch.ones_like(picked)
            parts.append(self.latents(latents, chosen, mask).to(seen.dtype))
        out: Tensor = self.fc(self.dropout(self.join(torch.cat(parts, 1)).relu()))
        return out.float()


class Ablation(nn.Module):
    """All rows of Table 10, each from several seeds, on a CNN and an encoder that stay as they are.

    Parameters
    ----------
    cnn : ExpressionCNN
        The recogniser's.
    encoder : ExpressionEncoder
    recipe : AblationRecipe
    """

    def __init__(
        self, cnn: ExpressionCNN, encoder: ExpressionEncoder, recipe: AblationRecipe
    ) -> None:
        super().__init__()
        self.cnn, self.encoder = cnn.requires_grad_(False), encoder.requires_grad_(False)
        self.picks = round(recipe.share * GRID**2)
        sizes = cnn.fc.in_features, encoder.mae.dim
        self.rows = nn.ModuleList()
        for seed in range(recipe.seeds):
            torch.manual_seed(recipe.seed + seed)
            self.rows.append(nn.ModuleDict({name: Head(name, *sizes, recipe) for name in INPUTS}))

    def train(self, mode: bool = True) -> Self:
        """Switch the heads; what they read with always stays in evaluation mode."""
        super().train(mode)
        self.cnn.eval()
        self.encoder.eval()
        return self

    def forward(self, faces: Tensor, mask: Tensor) -> Tensor:
        """Logits (B, seeds, 5, 8), rows in the order of `INPUTS`.

        Parameters
        ----------
        faces : (B, 3, S, S) float in [0, 1]
        mask : (B, 14, 14) bool
            Patches that were repaired.
        """
        with torch.no_grad():
            seen, maps = self.cnn.attend(self.cnn.features(faces, torch.zeros_like(mask)))
            latents = self.encoder.latents(faces)
            picked = pick(attention_grid(maps).flatten(1), self.picks)
        read = seen.float(), latents, picked, mask.flatten(1)
        found = [torch.stack([row[name](*read) for name in INPUTS], 1) for row in self.rows]  # type: ignore[index]
        return torch.stack(found, 1)


def train_ablation(sources: Sources, runs: Path, config: str, how: How) -> Path:
    """Train all rows on the same batches; returns the path of their weights."""
    recipe = load_recipe(AblationRecipe, config, STAGE)
    model = Ablation(cnn_of(runs, config), load_expression_encoder(runs, config), recipe)
    about = describe(recipe, sources.digests(*NEEDS), runs, PARENTS)
    train, dev = seen_pools(sources, runs, config, about, recipe.copies, recipe.seed)

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Drawn]:
        for drawn in augmented(train, recipe, recipe.erase, rng):
            faces, repaired, targets = drawn.inputs
            yield Drawn(drawn.rows, (faces.expand(-1, 3, -1, -1), repaired, targets))

    def loss(net: nn.Module, inputs: Seen) -> tuple[Tensor, dict[str, float]]:
        faces, repaired, targets = inputs
        logits = net(faces, repaired)
        votes = targets[:, None, None].expand(-1, *logits.shape[1:3], -1)
        each = F.cross_entropy(logits.movedim(3, 1), votes.movedim(3, 1), reduction="none")
        rows = each.mean(0)
        # The rows share no weight; what they share is the limit on the norm of the gradient.
        said = zip(INPUTS, rows.detach().mean(0), strict=True)
        return rows.sum(), {name: float(value) for name, value in said}

    def figures(net: nn.Module) -> dict[str, float]:
        rows, _ = dev.first(WATCHED_FACES)
        right = torch.zeros(len(INPUTS))
        for start in range(0, len(rows), 64):
            chosen = rows[start : start + 64]
            faces, repaired, _ = dev.batch(chosen)
            faces = faces.expand(-1, 3, -1, -1).to(how.device)
            found = net(faces, repaired.to(how.device)).argmax(3).cpu()
            labels = torch.from_numpy(dev.labels_of(chosen))[:, None, None]
            right += (found == labels).float().mean(1).sum(0)
        return {
            f"dev_{name}": float(one) / len(rows) for name, one in zip(INPUTS, right, strict=True)
        }

    run = runs / STAGE
    steps = steps_in(len(train), recipe)
    job = Job(run, model, batches, steps, loss, figures, str(about), train.key_of)
    trained = fit(job, recipe, how)
    heads = {name: value for name, value in trained.items() if name.startswith("rows.")}
    return save_weights(run, heads, about)


def load_ablation(runs: Path, config: str) -> Ablation:
    """The trained rows, in evaluation mode, frozen.

    Raises
    ------
    WeightsError, StaleError
        When they are not trained, or on other networks.
    """
    weights = load_weights(runs / STAGE, TRAIN)
    check_fresh(weights, runs)
    recipe = load_recipe(AblationRecipe, config, STAGE)
    model = Ablation(cnn_of(runs, config), load_expression_encoder(runs, config), recipe)
    model.load_state_dict(weights.tensors, strict=False)
    return model.eval().requires_grad_(False)
