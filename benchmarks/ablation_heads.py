"""Table 10: what CNN, latents and their selection are each worth, on one frozen attention CNN."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from baseline_detectors import TRAIN
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.datasets.sources import Sources
from latent_ofer.encoder.train import load_mae
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.recogniser.attention_cnn import FEATURES, AttentionCNN
from latent_ofer.recogniser.copies import Seen, augmented, pool_with_copies
from latent_ofer.recogniser.fusion import GRID, LatentBranch, attention_grid, pick
from latent_ofer.recogniser.train import (
    CNN_RUN,
    DEV_FACES,
    NEEDS,
    WATCHED_FACES,
    RecogniserRecipe,
)
from latent_ofer.train_all import repair_with
from latent_ofer.training.batch import Drawn
from latent_ofer.training.checkpoint import check_fresh, describe, load_weights, save_weights
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.loop import fit, steps_in
from latent_ofer.training.recipe import load_recipe

STAGE = "ablation"
PARENTS = ("mae", "detector", "reconstructor", CNN_RUN)

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


class Head(nn.Module):
    """One row of Table 10: a classifier on some of what the recogniser sees.

    Parameters
    ----------
    inputs : str
    latent_dim : int
        Width of a latent.
    recipe : RecogniserRecipe
        Widths and dropout are the recogniser's.
    """

    def __init__(self, inputs: Inputs, latent_dim: int, recipe: RecogniserRecipe) -> None:
        super().__init__()
        self.uses_cnn = inputs.startswith("cnn")
        self.selects = inputs.endswith("selected")
        self.latents: LatentBranch | None = None
        width = FEATURES if self.uses_cnn else 0
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
        seen : (B, 512)
            Features of the attention CNN.
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
    """All rows of Table 10 on one attention CNN, which is not trained.

    Parameters
    ----------
    cnn : AttentionCNN
        Trained before.
    latent_dim : int
    recipe : RecogniserRecipe
    """

    def __init__(self, cnn: AttentionCNN, latent_dim: int, recipe: RecogniserRecipe) -> None:
        super().__init__()
        self.cnn = cnn.requires_grad_(False)
        self.picks = round(recipe.share * GRID**2)
        self.heads = nn.ModuleDict({name: Head(name, latent_dim, recipe) for name in INPUTS})

    def train(self, mode: bool = True) -> Self:
        """Switch the heads; the CNN always stays in evaluation mode."""
        super().train(mode)
        self.cnn.eval()
        return self

    def forward(self, faces: Tensor, latents: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Logits (B, 8) of every row, by name.

        Parameters
        ----------
        faces : (B, 3, S, S) float in [0, 1]
        latents : (B, 196, D)
        mask : (B, 14, 14) bool
            Patches that were repaired.
        """
        with torch.no_grad():
            seen, maps = self.cnn(faces)
            picked = pick(attention_grid(maps).flatten(1), self.picks)
        hidden = mask.flatten(1)
        return {name: head(seen, latents, picked, hidden) for name, head in self.heads.items()}


def train_ablation(sources: Sources, runs: Path, config: str, how: How) -> Path:
    """Train all rows on the same batches, as long as the recogniser; returns the weights' path."""
    repair = repair_with(runs, config)
    recipe = load_recipe(RecogniserRecipe, config, "recogniser_paper")
    torch.manual_seed(recipe.seed)
    mae = load_mae(runs, config).to(how.device)
    model = build(runs, recipe, mae.dim)
    about = describe(recipe, sources.digests(*NEEDS), runs, PARENTS)
    train = pool_with_copies(sources, "train", about, repair, recipe.copies, recipe.seed)
    dev = pool_with_copies(sources, "dev", about, repair, DEV_FACES, recipe.seed)

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Drawn]:
        return augmented(train, recipe, recipe.erase, rng)

    def loss(net: nn.Module, inputs: Seen) -> tuple[Tensor, dict[str, float]]:
        faces, masks, targets = inputs
        with torch.no_grad():
            latents = mae.encode(faces)[:, 1:]
        losses = {
            name: F.cross_entropy(logits, targets)
            for name, logits in net(faces, latents, masks).items()
        }
        # The rows share no weight; what they share is the limit on the norm of the gradient.
        total = torch.stack(list(losses.values())).sum()
        return total, {name: float(value.detach()) for name, value in losses.items()}

    def figures(net: nn.Module) -> dict[str, float]:
        rows = np.flatnonzero(dev.labels >= 0)[:WATCHED_FACES]
        right = dict.fromkeys(INPUTS, 0)
        for start in range(0, len(rows), 64):
            chosen = rows[start : start + 64]
            faces, masks, _ = dev.batch(chosen)
            faces = faces.to(how.device).expand(-1, 3, -1, -1)
            labels = torch.from_numpy(dev.labels_of(chosen)).to(how.device)
            latents = mae.encode(faces)[:, 1:]
            for name, logits in net(faces, latents, masks.to(how.device)).items():
                right[name] += int((logits.argmax(1) == labels).sum())
        return {f"dev_{name}": count / len(rows) for name, count in right.items()}

    run = runs / STAGE
    steps = steps_in(len(train), recipe)
    job = Job(run, model, batches, steps, loss, figures, str(about), train.key_of)
    trained = fit(job, recipe, how)
    heads = {name: value for name, value in trained.items() if not name.startswith("cnn.")}
    return save_weights(run, heads, about)


def build(runs: Path, recipe: RecogniserRecipe, latent_dim: int) -> Ablation:
    """The frozen attention CNN of its run, with heads of random weights."""
    cnn = AttentionCNN(recipe.heads, recipe.head_width)
    cnn.load_state_dict(load_weights(runs / CNN_RUN).tensors)
    model = Ablation(cnn, latent_dim, recipe)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def load_ablation(runs: Path, config: str, latent_dim: int) -> Ablation:
    """The trained rows, in evaluation mode, frozen."""
    weights = load_weights(runs / STAGE, TRAIN)
    check_fresh(weights, runs)
    model = build(runs, load_recipe(RecogniserRecipe, config, "recogniser_paper"), latent_dim)
    model.load_state_dict(weights.tensors, strict=False)
    return model.eval().requires_grad_(False)
