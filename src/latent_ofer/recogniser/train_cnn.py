"""Training of the recogniser's CNN: many epochs of small grey faces, moved, relit, part hidden."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.encoder.masks import HoleBank
from latent_ofer.occlusion.patches import GRID
from latent_ofer.occlusion.procedural import LUMA
from latent_ofer.recogniser.cnn import SIDE, ExpressionCNN
from latent_ofer.training.checkpoint import check_fresh, describe, load_weights, save_weights
from latent_ofer.training.loop import Job, Resume, fit, shuffled, steps_in
from latent_ofer.training.recipe import Recipe, load_recipe

STAGE = "recogniser"
NEEDS: tuple[Need, ...] = ("labels",)
DEV_BATCH = 256
DEV_HIDDEN = 0.25

Batch = tuple[Tensor, Tensor, Tensor]


class CnnRecipe(Recipe):
    """Recipe of the recogniser's CNN."""

    widths: list[int] = Field(min_length=4, max_length=4)
    """Channels of the four pairs of convolutions."""
    heads: int = Field(default=4, ge=1)
    head_width: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    small_epochs: int = Field(default=0, ge=0)
    """How many of the epochs, the first ones, show the faces smaller: at half the cost."""
    small_side: int = Field(default=42, multiple_of=GRID)
    """Pixels of a side of these."""
    rotation: float = Field(default=20, ge=0, le=90)
    """Degrees to either side."""
    shear: float = Field(default=0.15, ge=0, le=1)
    zoom: float = Field(default=0.15, ge=0, lt=1)
    shift: float = Field(default=0.15, ge=0, lt=1)
    """Share of the face's width, and of its height."""
    contrast: float = Field(default=0.4, ge=0, lt=1)
    brightness: float = Field(default=0.3, ge=0, lt=1)
    boxes: float = Field(default=0.2, ge=0, le=1)
    """Share of the faces that get a box of one tone over a part, which nobody tells the network."""
    hidden: float = Field(default=0.35, ge=0, le=1)
    """Share of the faces of which some patches are blanked, and marked as hidden."""
    hidden_share: tuple[float, float] = (0.05, 0.5)
    """Least and greatest share of the patches of such a face."""

    def build(self) -> ExpressionCNN:
        """Network with random weights."""
        return ExpressionCNN(self.widths, self.heads, self.head_width, self.dropout)


def small_faces(pool: FacePool) -> NDArray[np.uint8]:
    """All faces as the CNN looks at them: (n, 56, 56) uint8, by way of 112 px as in use."""
    small = np.empty((len(pool), SIDE, SIDE), dtype=np.uint8)
    for start in range(0, len(pool), DEV_BATCH):
        rows = np.arange(start, min(start + DEV_BATCH, len(pool)))
        faces = pool.batch(rows)
        grey = faces[..., 0] if pool.channels == 1 else np.rint(faces @ LUMA)[..., 0]
        for row, face in zip(rows, grey.astype(np.uint8), strict=True):
            small[row] = np.asarray(Image.fromarray(face).reduce(face.shape[0] // SIDE))
    return small


def train_cnn(sources: Sources, runs: Path, config: str, resume: Resume) -> Path:
    """Train the CNN; returns the path of its weights."""
    recipe = load_recipe(CnnRecipe, config, STAGE)
    torch.manual_seed(recipe.seed)
    model = recipe.build().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    about = describe(recipe, sources.digests(*NEEDS), runs, ())
    pool, dev_pool = sources.labelled("train"), sources.labelled("dev")
    faces = torch.from_numpy(small_faces(pool))[:, None]
    targets = torch.from_numpy(pool.targets)
    dev_rows = np.flatnonzero(dev_pool.labels >= 0)
    dev_faces = torch.from_numpy(small_faces(dev_pool.take(dev_rows)))[:, None]
    dev_labels = torch.from_numpy(dev_pool.labels[dev_rows])
    bank = HoleBank(GRID, np.random.default_rng(recipe.seed))
    dev_hidden = patch_masks(
        bank, np.random.default_rng(1), np.full(len(dev_rows), round(DEV_HIDDEN * GRID**2))
    )

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Batch]:
        side = recipe.small_side if epoch < recipe.small_epochs else SIDE
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        for rows in shuffled(len(pool), recipe, rng):
            chosen = torch.from_numpy(rows)
            batch = augmented(faces[chosen].float() / 255, side, recipe, generator)
            low, high = recipe.hidden_share
            count = rng.uniform(low, high, len(rows)) * (rng.random(len(rows)) < recipe.hidden)
            masks = patch_masks(bank, rng, np.rint(count * GRID**2).astype(np.int64))
            yield batch, masks, targets[chosen]

    def loss(net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        logits, _ = net(batch[0], batch[1])
        right = (logits.argmax(1) == batch[2].argmax(1)).float().mean()
        return F.cross_entropy(logits, batch[2]), {"accuracy": float(right)}

    def dev(net: nn.Module) -> dict[str, float]:
        nothing = torch.zeros_like(dev_hidden)
        return {
            name: float((_labels(net, dev_faces, masks) == dev_labels).float().mean())
            for name, masks in (("dev_accuracy", nothing), ("dev_accuracy_hidden", dev_hidden))
        }

    job = Job(runs / STAGE, model, batches, steps_in(len(pool), recipe), loss, dev, str(about))
    return save_weights(runs / STAGE, fit(job, recipe, resume), about)


def _labels(net: nn.Module, faces: Tensor, masks: Tensor) -> Tensor:
    parts = zip(faces.split(DEV_BATCH), masks.split(DEV_BATCH), strict=True)
    return torch.cat([net(part.float() / 255, mask)[0].argmax(1) for part, mask in parts])


def patch_masks(bank: HoleBank, rng: np.random.Generator, counts: NDArray[np.int64]) -> Tensor:
    """Holes of the given numbers of patches: (n, 14, 14) bool, True = hidden."""
    orders = bank.orders[rng.integers(len(bank.orders), size=len(counts))]
    masks = np.zeros(orders.shape, dtype=np.bool_)
    np.put_along_axis(masks, orders, np.arange(GRID**2) < counts[:, None], axis=1)
    return torch.from_numpy(masks.reshape(-1, GRID, GRID))


def augmented(faces: Tensor, side: int, recipe: CnnRecipe, generator: torch.Generator) -> Tensor:
    """Flip, turn, shear, zoom, shift and relight faces, and put a box over some.

    Parameters
    ----------
    faces : (B, 1, 56, 56) float in [0, 1]
    side : int
        Pixels of a side of the result.

    Returns
    -------
    (B, 1, side, side) float in [0, 1]
    """
    b = len(faces)

    def between(limit: float) -> Tensor:
        return (torch.rand(b, generator=generator) * 2 - 1) * limit

    angle, zoom = between(math.radians(recipe.rotation)), 1 + between(recipe.zoom)
    shear, flip = between(recipe.shear), torch.where(between(1) < 0, -1.0, 1.0)
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    # A shift is a share of the width; the grid's coordinates run from -1 to 1.
    first = torch.stack([flip * cosine, shear - sine, 2 * between(recipe.shift)], 1)
    second = torch.stack([flip * sine, cosine, 2 * between(recipe.shift)], 1)
    grid = F.affine_grid(torch.stack([first, second], 1), [b, 1, side, side], align_corners=False)
    moved = F.grid_sample(faces, grid, padding_mode="border", align_corners=False)
    contrast = (1 + between(recipe.contrast))[:, None, None, None]
    light = (1 + between(recipe.brightness))[:, None, None, None]
    mean = moved.mean((1, 2, 3), keepdim=True)
    return _boxes(((moved - mean) * contrast + mean * light).clamp(0, 1), recipe.boxes, generator)


def _boxes(faces: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Put a box with sides of 16-54 % of the face's over a share of the faces."""
    b, _, side, _ = faces.shape

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(b, generator=generator)

    half_width, half_height = uniform(0.08, 0.27), uniform(0.08, 0.27)
    x, y = uniform(0, 1), uniform(0, 1)
    # Clipping light at 1 leaves few tones: the box takes any.
    tone = uniform(0, 1)[:, None, None, None]
    place = (torch.arange(side) + 0.5) / side
    across = (place[None] - x[:, None]).abs() < half_width[:, None]
    down = (place[None] - y[:, None]).abs() < half_height[:, None]
    chosen = uniform(0, 1) < share
    box = down[:, :, None] & across[:, None] & chosen[:, None, None]
    return torch.where(box[:, None], tone.expand_as(faces), faces)


def load_cnn(runs: Path, config: str) -> ExpressionCNN:
    """The trained CNN, in evaluation mode, frozen."""
    weights = load_weights(runs / STAGE)
    check_fresh(weights, runs)
    model = load_recipe(CnnRecipe, config, STAGE).build()
    model.load_state_dict(weights.tensors)
    return model.eval().requires_grad_(False)
