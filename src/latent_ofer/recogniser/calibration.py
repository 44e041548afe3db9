"""Temperature scaling: the one number that makes probabilities mean what they say."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from latent_ofer.datasets.sources import Sources
from latent_ofer.encoder.train import load_mae
from latent_ofer.recogniser.copies import Repair, pool_with_copies
from latent_ofer.recogniser.train import (
    DEV_FACES,
    NEEDS,
    RecogniserRecipe,
    load_recogniser,
    logits_of,
)
from latent_ofer.training.checkpoint import describe, load_weights, save_weights
from latent_ofer.training.recipe import load_recipe

STAGE = "calibration_paper"
PARENTS = ("mae", "detector", "reconstructor", "recogniser_paper")
TEMPERATURES = torch.logspace(-0.7, 0.7, 281)


def best_temperature(logits: Tensor, labels: Tensor) -> float:
    """Temperature with the least cross-entropy, from 0.2 to 5.

    Parameters
    ----------
    logits : (n, 8)
    labels : (n,) int64
    """
    losses = torch.stack([F.cross_entropy(logits / t, labels) for t in TEMPERATURES])
    return float(TEMPERATURES[losses.argmin()])


def train_calibration(sources: Sources, runs: Path, config: str, repair: Repair) -> Path:
    """Fit the temperature on dev faces, clean and repaired; returns the path of its weights."""
    recipe = load_recipe(RecogniserRecipe, config, "recogniser_paper")
    mae = load_mae(runs, config)
    net = load_recogniser(runs, config, mae.dim)
    about = describe(recipe, sources.digests(*NEEDS), runs, PARENTS)
    pool = pool_with_copies(sources, "dev", about, repair, DEV_FACES, recipe.seed)
    rows = np.flatnonzero(np.concatenate([pool.labels, pool.labels[: pool.copied]]) >= 0)
    labels = torch.from_numpy(pool.labels_of(rows))
    temperature = best_temperature(logits_of(pool, rows, net, mae), labels)
    return save_weights(runs / STAGE, {"temperature": torch.tensor(temperature)}, about)


def load_temperature(runs: Path) -> Tensor:
    """The fitted temperature, a scalar."""
    return load_weights(runs / STAGE).tensors["temperature"]
