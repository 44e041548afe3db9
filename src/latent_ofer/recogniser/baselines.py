"""Recognisers to measure against: plain CNNs without and with occlusion, and the judge.

None of them is part of the pipeline, and no loss or choice of it ever sees them.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from latent_ofer.datasets.pool import SIZE, FacePool
from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.encoder.mae import MEAN, STD
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.occlusion.objects import Cutout, paste_object
from latent_ofer.recogniser.attention_cnn import PlainCNN
from latent_ofer.recogniser.teacher import STAGE as TEACHER
from latent_ofer.recogniser.teacher import Change, clean_faces_job, load_teacher
from latent_ofer.training.checkpoint import check_fresh, describe, load_weights, save_weights
from latent_ofer.training.how import How
from latent_ofer.training.loop import fit
from latent_ofer.training.recipe import Recipe, load_recipe

BaselineName = Literal["plain", "plain_occluded", "judge"]
JUDGE_SIZE = 64


class BaselineRecipe(Recipe):
    """Recipe of a recogniser to measure against."""

    network: Literal["plain", "judge"]
    """`plain` is the teacher's ResNet-18, trained on from the teacher's weights."""
    sizes: list[int] = Field(min_length=1)
    """Side of the training faces in pixels, epoch by epoch; the last one stays."""
    dropout: float = Field(default=0.3, ge=0, lt=1)
    erase: float = Field(default=0.2, ge=0, le=1)
    occluded: float = Field(default=0.0, ge=0, le=1)
    """Share of the training faces that get a `train` object, a new one each time."""

    def build(self) -> nn.Module:
        """Network with random weights."""
        return PlainCNN(self.dropout) if self.network == "plain" else JudgeCNN(self.dropout)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What it is trained on."""
        return ("labels", "objects") if self.occluded else ("labels",)

    @property
    def parents(self) -> tuple[str, ...]:
        """Stages whose weights it starts from."""
        return (TEACHER,) if self.network == "plain" else ()


class JudgeCNN(nn.Module):
    """A plain stack of 3x3 convolutions: nothing of the pipeline is built like it."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_convolutions(3, 32, 2),
            nn.MaxPool2d(2),
            *_convolutions(32, 64, 2),
            nn.MaxPool2d(2),
            *_convolutions(64, 128, 3),
            nn.MaxPool2d(2),
            *_convolutions(128, 256, 3),
        )
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(256, len(EXPRESSIONS))

    def forward(self, faces: Tensor) -> Tensor:
        """(B, 3, S, S) float in [0, 1], S any, shrunk to 64 -> logits (B, 8)."""
        if faces.shape[-1] != JUDGE_SIZE:
            faces = nn.functional.interpolate(
                faces, size=(JUDGE_SIZE, JUDGE_SIZE), mode="bilinear", antialias=True
            )
        x = ((faces - MEAN) / STD).contiguous(memory_format=torch.channels_last)
        out: Tensor = self.fc(self.dropout(self.features(x).mean((2, 3))))
        return out


def _convolutions(inputs: int, outputs: int, count: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for _ in range(count):
        layers += [
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
        inputs = outputs
    return layers


def train_baseline(name: BaselineName, sources: Sources, runs: Path, config: str, how: How) -> Path:
    """Train one of them; returns the path of its weights."""
    recipe = load_recipe(BaselineRecipe, config, name)
    torch.manual_seed(recipe.seed)
    model = recipe.build()
    if recipe.network == "plain":
        model.load_state_dict(load_teacher(runs, config).state_dict())
    about = describe(recipe, sources.digests(*recipe.needs), runs, recipe.parents)
    change = None
    if recipe.occluded:
        change = objects_on(sources.labelled("train"), sources.cutouts("train"), recipe.occluded)
    job = clean_faces_job(
        runs / name, model, sources, recipe, recipe.sizes, recipe.erase, str(about), change
    )
    return save_weights(runs / name, fit(job, recipe, how), about)


def objects_on(pool: FacePool, cutouts: list[Cutout], share: float) -> Change:
    """Lay cut-outs over a share of each batch of the pool."""

    def change(
        faces: NDArray[np.uint8], rows: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        changed = faces.copy()
        for place in np.flatnonzero(rng.random(len(rows)) < share):
            face = pool.native(int(rows[place]))
            cutout = cutouts[int(rng.integers(len(cutouts)))]
            pasted, _ = paste_object(
                face.image, face.landmarks, cutout, rng, size=SIZE, grey=face.grey
            )
            changed[place] = pasted[..., : faces.shape[-1]]
        return changed

    return change


def load_baseline(name: BaselineName, runs: Path, config: str) -> nn.Module:
    """A trained one, in evaluation mode, frozen; faces (B, 3, 112, 112) to logits (B, 8)."""
    weights = load_weights(runs / name)
    check_fresh(weights, runs)
    model = load_recipe(BaselineRecipe, config, name).build()
    model.load_state_dict(weights.tensors)
    return model.eval().requires_grad_(False)
