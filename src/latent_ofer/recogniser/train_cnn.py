"""Training of the recogniser's CNN: many epochs of small grey faces, moved, relit, covered."""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.datasets.covers import shipped_covers, shipped_outlines
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.encoder.masks import HoleBank
from latent_ofer.errors import WeightsError
from latent_ofer.occlusion.cutouts import Cutout
from latent_ofer.occlusion.patches import GRID
from latent_ofer.progress import track
from latent_ofer.recogniser.cnn import SIDE, ExpressionCNN
from latent_ofer.recogniser.dev_faces import AT_ONCE, DevFaces, patch_masks, small_faces
from latent_ofer.recogniser.pasted import Cover, CoverBank, made_covers, outlined_covers
from latent_ofer.training.batch import Drawn
from latent_ofer.training.checkpoint import check_fresh, describe, load_weights, save_weights
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.loop import fit, shuffled, steps_in
from latent_ofer.training.recipe import Recipe, load_recipe
from latent_ofer.training.start import start_from

STAGE = "recogniser"
NEEDS: tuple[Need, ...] = ("labels", "objects", "covers")
PREFIX = "cnn."
"""Of the network's tensors in released weights."""
HIDDEN_FROM = 0.3
"""Share of a patch from which on it is told to be hidden where a cover lies over it."""
DROPPED, ADDED = 0.1, 0.01
"""Shares of the hidden and of the visible patches that are told wrongly, as a detector errs."""

Inputs = tuple[Tensor, Tensor, Tensor]
CoverOf = Callable[[FacePool, list[Cutout], Mapping[str, float]], Cover]


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
    covered: float = Field(default=0, ge=0, le=1)
    """Share of the faces that something is put over; `boxes` and `hidden` are for the others."""
    told: float = Field(default=0.5, ge=0, le=1)
    """Share of these of which the network is told what is hidden."""
    covers: int = Field(default=12000, ge=1)
    """Covers that are made for it, over faces with nothing over them."""
    kinds: dict[str, float] = Field(default_factory=dict)
    """How often each kind of these is drawn, as the fields of `detector.synthetic.Mix`."""
    outlined: int = Field(default=0, ge=0)
    """How often each real cover that was outlined by eye stands beside them."""
    teacher: float = Field(default=0, ge=0, le=1)
    """Weight of what the start weights make of the clean face, against its votes."""
    start_share: float = Field(default=0, ge=0, lt=1)
    """Share of the start weights in what ships, the rest is what was trained: the average of both
    keeps what the former knew of whole faces (WiSE-FT, Wortsman and others, 2022)."""
    afresh: bool = False
    """From random weights, whatever the other stages of the folder start from."""

    def build(self) -> ExpressionCNN:
        """Network with random weights."""
        return ExpressionCNN(self.widths, self.heads, self.head_width, self.dropout)


def train_cnn(
    sources: Sources, runs: Path, config: str, how: How, cover_of: CoverOf, stage: str = STAGE
) -> Path:
    """Train the CNN; returns the path of its weights.

    Parameters
    ----------
    cover_of : callable
        ``cover_of(pool, cutouts, kinds)`` puts something over a face of a pool.
    stage : str
        What it is trained as: the recogniser, or a network to measure it against.

    Raises
    ------
    WeightsError
        When the recipe wants a teacher, and training starts from no weights that hold one.
    """
    recipe = load_recipe(CnnRecipe, config, stage)
    torch.manual_seed(recipe.seed)
    model = recipe.build().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    started = not recipe.afresh and start_from(model, PREFIX, runs)
    if recipe.teacher and not started:
        raise WeightsError(
            f"{config}: the recipe of {stage} wants a teacher, which the weights that training "
            "starts from are. Name some with --from, or set `teacher: 0`."
        )
    about = describe(recipe, sources.digests(*NEEDS), runs, ())
    pool, dev_pool = sources.labelled("train"), sources.labelled("dev")
    pixels = small_faces(pool)
    faces, targets = torch.from_numpy(pixels)[:, None], torch.from_numpy(pool.targets)
    if recipe.teacher:
        targets = torch.lerp(targets, taught(model, faces), recipe.teacher)
    bank = HoleBank(GRID, np.random.default_rng(recipe.seed))
    pasted = _bank(sources, pool, pixels, recipe, cover_of) if recipe.covered else None
    dev_sets = DevFaces(sources, dev_pool, bank)

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Drawn]:
        side = recipe.small_side if epoch < recipe.small_epochs else SIDE
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        for rows in shuffled(len(pool), recipe, rng):
            chosen = torch.from_numpy(rows)
            batch = faces[chosen].float() / 255
            low, high = recipe.hidden_share
            count = rng.uniform(low, high, len(rows)) * (rng.random(len(rows)) < recipe.hidden)
            masks = patch_masks(bank, rng, np.rint(count * GRID**2).astype(np.int64))
            if pasted is None:
                moved = augmented(batch, side, recipe, generator)
                yield Drawn(rows, (moved, masks, targets[chosen]))
                continue
            here = torch.from_numpy(rng.random(len(rows)) < recipe.covered)[:, None, None, None]
            over, opacity = pasted.over(batch, generator)
            both = torch.cat([torch.where(here, over, batch), torch.where(here, opacity, 0)], 1)
            moved = augmented(both, side, recipe, generator, ~here)
            told = torch.from_numpy(rng.random(len(rows)) < recipe.told)[:, None, None]
            known = told_patches(moved[:, 1:], generator) & told
            masks = torch.where(here[:, 0], known, masks)
            yield Drawn(rows, (moved[:, :1], masks, targets[chosen]))

    def loss(net: nn.Module, inputs: Inputs) -> tuple[Tensor, dict[str, float]]:
        seen, masks, targets = inputs
        logits, _ = net(seen, masks)
        right = (logits.argmax(1) == targets.argmax(1)).float().mean()
        return F.cross_entropy(logits, targets), {"accuracy": float(right)}

    job = Job(
        runs / stage,
        model,
        batches,
        steps_in(len(pool), recipe),
        loss,
        dev_sets.figures,
        str(about),
        lambda row: pool.keys[row],
    )
    trained = fit(job, recipe, how)
    if recipe.start_share and started:
        start_from(model, PREFIX, runs)
        trained = averaged(trained, model.state_dict(), recipe.start_share)
    return save_weights(runs / stage, trained, about)


def averaged(
    weights: Mapping[str, Tensor], others: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Weights of two networks of one shape, of which the others count by `share`.

    What counts steps is of the first.
    """
    return {
        name: torch.lerp(own, others[name].to(own), share) if own.is_floating_point() else own
        for name, own in weights.items()
    }


def _bank(
    sources: Sources, pool: FacePool, pixels: NDArray[np.uint8], recipe: CnnRecipe, of: CoverOf
) -> CoverBank:
    """Covers made over faces with nothing over them, and those that were outlined by eye."""
    rng = np.random.default_rng(recipe.seed)
    covers, outlines = shipped_covers(), shipped_outlines()
    named = [face in covers and bool(covers[face].named) for face in pool.keys]
    rows = rng.choice(np.flatnonzero(~np.array(named)), recipe.covers)
    made = made_covers(of(pool, sources.cutouts("train"), recipe.kinds), rows, rng)
    real = [(row, outlines[face]) for row, face in enumerate(pool.keys) if face in outlines]
    if real and recipe.outlined:
        places, masks = zip(*real, strict=True)
        cut = outlined_covers(pixels[list(places)], masks)
        made = (
            np.concatenate([made[0], *[cut[0]] * recipe.outlined]),
            np.concatenate([made[1], *[cut[1]] * recipe.outlined]),
        )
    return CoverBank(*made)


def told_patches(opacity: Tensor, generator: torch.Generator) -> Tensor:
    """What a detector that errs now and then would say is hidden.

    Parameters
    ----------
    opacity : (B, 1, S, S) float in [0, 1]

    Returns
    -------
    (B, 14, 14) bool
    """
    hidden = F.avg_pool2d(opacity, opacity.shape[-1] // GRID)[:, 0] > HIDDEN_FROM
    chance = torch.rand(hidden.shape, generator=generator)
    return torch.where(hidden, chance > DROPPED, chance < ADDED)


@torch.inference_mode()
def taught(model: nn.Module, faces: Tensor) -> Tensor:
    """What a network makes of whole faces, mean over both mirror images: (n, 8) that sum to 1."""
    training = model.training
    model.eval()
    parts = []
    for part in track(faces.split(AT_ONCE), -(-len(faces) // AT_ONCE), "teacher"):
        nothing = torch.zeros(len(part), GRID, GRID, dtype=torch.bool)
        views = (part.float() / 255, part.flip(3).float() / 255)
        parts.append(sum(model(view, nothing)[0].softmax(1) for view in views) / 2)
    model.train(training)
    return torch.cat(parts).clone()


def augmented(
    faces: Tensor,
    side: int,
    recipe: CnnRecipe,
    generator: torch.Generator,
    boxed: Tensor | None = None,
) -> Tensor:
    """Flip, turn, shear, zoom, shift and relight faces, and put a box over some.

    Parameters
    ----------
    faces : (B, 1 + C, 56, 56) float in [0, 1]
        Other channels than the first are moved and nothing else.
    side : int
        Pixels of a side of the result.
    boxed : (B, 1, 1, 1) bool, optional
        Faces that may get a box; all by default.

    Returns
    -------
    (B, 1 + C, side, side) float in [0, 1]
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
    both = F.grid_sample(faces, grid, padding_mode="border", align_corners=False)
    contrast = (1 + between(recipe.contrast))[:, None, None, None]
    light = (1 + between(recipe.brightness))[:, None, None, None]
    moved = both[:, :1]
    mean = moved.mean((1, 2, 3), keepdim=True)
    lit = ((moved - mean) * contrast + mean * light).clamp(0, 1)
    boxes = _boxes(lit, recipe.boxes, generator)
    return torch.cat([boxes if boxed is None else torch.where(boxed, boxes, lit), both[:, 1:]], 1)


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


def load_cnn(runs: Path, config: str, stage: str = STAGE) -> ExpressionCNN:
    """The trained CNN, in evaluation mode, frozen."""
    weights = load_weights(runs / stage)
    check_fresh(weights, runs)
    model = load_recipe(CnnRecipe, config, stage).build()
    model.load_state_dict(weights.tensors)
    return model.eval().requires_grad_(False)
