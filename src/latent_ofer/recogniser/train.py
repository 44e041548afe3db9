"""Training of the recogniser on clean faces and on occluded, detected, repaired copies."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.datasets.pool import SIZE
from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import load_mae
from latent_ofer.recogniser.attention_cnn import AttentionClassifier, AttentionCNN
from latent_ofer.recogniser.copies import Pool, Repair, Seen, augmented, pool_with_copies
from latent_ofer.recogniser.fusion import Recogniser
from latent_ofer.recogniser.teacher import NEEDS as CNN_NEEDS
from latent_ofer.recogniser.teacher import STAGE as TEACHER
from latent_ofer.recogniser.teacher import clean_faces_job, load_teacher
from latent_ofer.training.batch import Drawn
from latent_ofer.training.checkpoint import (
    WEIGHTS,
    check_fresh,
    describe,
    load_weights,
    save_weights,
)
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.loop import fit, steps_in
from latent_ofer.training.recipe import Recipe, load_recipe
from latent_ofer.training.start import start_from

STAGE = "recogniser_paper"
CNN_RUN = "recogniser_cnn"
CNN_KEYS = ("heads", "head_width", "dropout", "erase")
NEEDS: tuple[Need, ...] = ("labels", "objects")
PARENTS = ("mae", "detector", "teacher", "reconstructor")
DEV_FACES = 1500
WATCHED_FACES = 700


class RecogniserRecipe(Recipe):
    """Recipe of the recogniser."""

    heads: int = 4
    head_width: int
    latent_width: int
    latent_outputs: int
    hidden: int
    share: float = Field(default=0.5, ge=0.01, le=0.99)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    erase: float = Field(default=0.2, ge=0, le=1)
    copies: int = Field(ge=0)
    """How many training faces have an occluded, repaired copy."""
    cnn_epochs: int = Field(ge=1)
    cnn_learning_rate: float = Field(gt=0)
    cnn_average: float = Field(default=0.998, ge=0, lt=1)
    """Of the attention CNN alone on clean faces, before the fusion."""

    @property
    def cnn(self) -> Recipe:
        """What the loop needs for the attention CNN alone."""
        return Recipe(
            seed=self.seed,
            epochs=self.cnn_epochs,
            batch_size=self.batch_size,
            learning_rate=self.cnn_learning_rate,
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            average=self.cnn_average,
            bf16=self.bf16,
        )

    def build(self, latent_dim: int) -> Recogniser:
        """Network with random weights."""
        return Recogniser(
            latent_dim,
            self.heads,
            self.head_width,
            self.latent_width,
            self.latent_outputs,
            self.hidden,
            self.share,
            self.dropout,
        )


def train_cnn(sources: Sources, runs: Path, config: str, how: How) -> AttentionCNN:
    """Train the attention CNN alone on clean faces, from the teacher's or the start weights.

    Kept in its own run: it needs no repaired faces, and is trained again only when its own
    recipe, the data or the teacher change.
    """
    recipe = load_recipe(RecogniserRecipe, config, STAGE)
    torch.manual_seed(recipe.seed)
    cnn = AttentionCNN(recipe.heads, recipe.head_width)
    shape = {key: getattr(recipe, key) for key in CNN_KEYS}
    about = {**describe(recipe.cnn, sources.digests(*CNN_NEEDS), runs, (TEACHER,)), "cnn": shape}
    run = runs / CNN_RUN
    if (run / WEIGHTS).exists() and load_weights(run).about == about:
        cnn.load_state_dict(load_weights(run).tensors)
        return cnn
    if not start_from(cnn, "recogniser.cnn.", runs):
        cnn.backbone.load_state_dict(load_teacher(runs, config).backbone.state_dict())
    job = clean_faces_job(
        run,
        AttentionClassifier(cnn, recipe.dropout),
        sources,
        recipe.cnn,
        [SIZE],
        recipe.erase,
        str(about),
    )
    trained = fit(job, recipe.cnn, replace(how, resume="if same" if how.resume else False))
    prefix = "cnn."
    tensors = {
        name.removeprefix(prefix): value
        for name, value in trained.items()
        if name.startswith(prefix)
    }
    save_weights(run, tensors, about)
    cnn.load_state_dict(tensors)
    return cnn


def train_recogniser(sources: Sources, runs: Path, config: str, how: How, repair: Repair) -> Path:
    """Train the recogniser, the attention CNN first; returns the path of its weights."""
    recipe = load_recipe(RecogniserRecipe, config, STAGE)
    mae = load_mae(runs, config).to(how.device)
    cnn = train_cnn(sources, runs, config, how)
    torch.manual_seed(recipe.seed)  # here: what was drawn before depends on where it was resumed
    model = recipe.build(mae.dim)
    start_from(model, "recogniser.", runs)
    model.temperature.fill_(1)
    model.cnn.load_state_dict(cnn.state_dict())
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    about = describe(recipe, sources.digests(*NEEDS), runs, PARENTS)
    train = pool_with_copies(sources, "train", about, repair, recipe.copies, recipe.seed)
    dev = pool_with_copies(sources, "dev", about, repair, DEV_FACES, recipe.seed)

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Drawn]:
        return augmented(train, recipe, recipe.erase, rng)

    def loss(net: nn.Module, inputs: Seen) -> tuple[Tensor, dict[str, float]]:
        faces, masks, targets = inputs
        with torch.no_grad():
            latents = mae.encode(faces)[:, 1:]
        logits, _ = net(faces, latents, masks)
        right = (logits.argmax(1) == targets.argmax(1)).float().mean()
        return F.cross_entropy(logits, targets), {"accuracy": float(right)}

    def figures(net: nn.Module) -> dict[str, float]:
        assert isinstance(net, Recogniser)
        clean, repaired = dev.first(WATCHED_FACES)
        return {
            "dev_accuracy": accuracy(dev, clean, net, mae),
            "dev_accuracy_repaired": accuracy(dev, repaired, net, mae),
        }

    job = Job(
        runs / STAGE,
        model,
        batches,
        steps_in(len(train), recipe),
        loss,
        figures,
        str(about),
        train.key_of,
    )
    return save_weights(runs / STAGE, fit(job, recipe, how), about)


def logits_of(
    pool: Pool, rows: NDArray[np.int64], net: Recogniser, mae: MaskedAutoencoder
) -> Tensor:
    """Logits (n, 8) of some rows of a pool."""
    out, device = [], mae.cls_token.device
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16):
        for start in range(0, len(rows), 64):
            faces, masks, _ = pool.batch(rows[start : start + 64])
            faces = faces.to(device).expand(-1, 3, -1, -1)
            logits, _ = net(faces, mae.encode(faces)[:, 1:], masks.to(device))
            out.append(logits.float().cpu())
    return torch.cat(out)


def accuracy(pool: Pool, rows: NDArray[np.int64], net: Recogniser, mae: MaskedAutoencoder) -> float:
    """Share of faces whose majority label comes first."""
    predicted = logits_of(pool, rows, net, mae).argmax(1).numpy()
    return float((predicted == pool.labels_of(rows)).mean())


def load_recogniser(runs: Path, config: str, latent_dim: int) -> Recogniser:
    """The trained recogniser, not yet calibrated, in evaluation mode, frozen."""
    weights = load_weights(runs / STAGE)
    check_fresh(weights, runs)
    model = load_recipe(RecogniserRecipe, config, STAGE).build(latent_dim)
    model.load_state_dict(weights.tensors)
    return model.eval().requires_grad_(False)
