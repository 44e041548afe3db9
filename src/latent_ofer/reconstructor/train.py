"""Training of the repair network on clean faces with holes."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.encoder.train import load_mae, to_tensor
from latent_ofer.occlusion.irregular import BINS, irregular_mask
from latent_ofer.occlusion.patches import GRID, touched_patches
from latent_ofer.occlusion.seeds import image_rng
from latent_ofer.occlusion.shapes import SHAPES, drawn
from latent_ofer.recogniser.attention_cnn import PlainCNN
from latent_ofer.recogniser.teacher import load_teacher
from latent_ofer.reconstructor.losses import (
    consistency_loss,
    reconstruction_loss,
    semantic_loss,
    teacher_view,
)
from latent_ofer.reconstructor.self_assembly import ConvLayer, SelfAssembly
from latent_ofer.reconstructor.unet import Reconstructor, RepairUNet, composite
from latent_ofer.training.batch import Drawn, shared_out
from latent_ofer.training.checkpoint import (
    check_fresh,
    describe,
    load_weights,
    save_weights,
)
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.loop import fit, shuffled, steps_in
from latent_ofer.training.recipe import Recipe, load_recipe
from latent_ofer.training.start import start_from

StageName = Literal["reconstructor", "reconstructor_csa", "reconstructor_conv"]
"""The repair network, and the two that only measure what its layer is worth (paper, Table 8):
one recipe for all."""
STAGE: StageName = "reconstructor"
NEEDS: tuple[Need, ...] = ("faces",)
PARENTS = ("mae", "teacher")
PREFIX = "unet."
SIZE = 112
DEV_FACES = 400
DEV_SEED = 7
DEV_BIN = (0.20, 0.30)

Inputs = tuple[Tensor, Tensor, Tensor]
"""Faces (B, 3, 112, 112) in [0, 1], hidden patches (B, 14, 14), how many a face has: (B,)."""


class ReconstructorRecipe(Recipe):
    """Recipe of the repair network."""

    widths: tuple[int, int, int, Literal[128]]
    """Channels at 112, 56, 28 and 14 px; the last as many as the teacher's features have."""
    reconstruction: float = Field(ge=0)
    consistency: float = Field(ge=0)
    semantic: float = Field(ge=0)
    """Weights of L_re, L_c and L_sc in Eq. 5."""

    def build(self, stage: StageName = STAGE) -> RepairUNet:
        """Network with random weights."""
        if stage == "reconstructor_conv":
            return RepairUNet(self.widths, ConvLayer(self.widths[-1]))
        return RepairUNet(self.widths, SelfAssembly(mirror=stage == STAGE))


def training_mask(rng: Generator) -> NDArray[np.bool_]:
    """Patches to hide: half irregular, a quarter in the shape of an object, a quarter scattered.

    Returns
    -------
    (14, 14) bool, at least one True
    """
    kind = rng.random()
    if kind < 0.5:
        return touched_patches(irregular_mask(rng, SIZE, BINS[rng.integers(len(BINS))]))
    if kind < 0.75:
        shape = SHAPES[rng.integers(len(SHAPES))](rng)
        scale = SIZE * sqrt(rng.uniform(0.03, 0.2))
        centre = rng.uniform(0.1, 0.9, 2) * SIZE
        outline = drawn(shape, scale, rng.uniform(-np.pi, np.pi), centre, SIZE)
        mask = touched_patches(np.asarray(outline) > 127)
        if mask.any():
            return mask
    scores = rng.random(GRID * GRID)
    hidden = round(rng.uniform(0.05, 0.7) * scores.size)
    return (scores.argsort().argsort() < hidden).reshape(GRID, GRID)


def repair_loss(
    unet: RepairUNet,
    parts: Reconstructor,
    teacher: PlainCNN,
    recipe: ReconstructorRecipe,
    inputs: Inputs,
) -> tuple[Tensor, dict[str, float]]:
    """Eq. 5 without its adversarial terms, and the parts of it to log."""
    faces, mask, each = inputs
    with torch.no_grad():
        coarse, filled = parts.prepare(faces, mask)
        features, true_logits = teacher_view(teacher, faces)
    repair = unet(coarse, filled, mask)
    _, logits = teacher_view(teacher, composite(faces, repair.raw, mask))
    reconstruction = reconstruction_loss(repair.raw, faces, mask, each)
    consistency = consistency_loss(repair.assembled, repair.twin, features, mask, each)
    semantic = semantic_loss(logits, true_logits)
    total = (
        recipe.reconstruction * reconstruction
        + recipe.consistency * consistency
        + recipe.semantic * semantic
    )
    return total, {
        "reconstruction": float(reconstruction.detach()),
        "consistency": float(consistency.detach()),
        "semantic": float(semantic.detach()),
    }


@dataclass(frozen=True)
class DevSet:
    """Dev faces in colour with their holes, and what goes into the network."""

    faces: Tensor
    mask: Tensor
    coarse: Tensor
    filled: Tensor

    def figures(self, unet: RepairUNet) -> dict[str, float]:
        """Mean PSNR over whole images in dB: repaired, coarse, mean colour."""
        repaired = []
        for rows in _slices(len(self.faces)):
            inputs = (self.coarse[rows], self.filled[rows], self.mask[rows])
            raw = unet(*(tensor.to(unet.stem.weight.device) for tensor in inputs)).raw.cpu()
            repaired.append(composite(self.faces[rows], raw, self.mask[rows]))
        return {
            "dev_psnr_db": mean_psnr(torch.cat(repaired), self.faces),
            "dev_psnr_coarse_db": mean_psnr(self.coarse, self.faces),
            "dev_psnr_mean_fill_db": mean_psnr(self.filled, self.faces),
        }


def read_dev(pool: FacePool, parts: Reconstructor) -> DevSet:
    """The first dev faces in colour, with irregular holes of 20-30 % of the pixels.

    Grey ones where the pool holds none in colour.
    """
    rows = np.arange(len(pool)) if pool.channels == 1 else np.flatnonzero(pool.colour)
    chosen = rows[:DEV_FACES]
    pixels = [
        irregular_mask(image_rng(DEV_SEED, "irregular", face.source, face.name), SIZE, DEV_BIN)
        for face in (pool.native(int(row)) for row in chosen)
    ]
    faces = to_tensor(pool.batch(chosen))
    mask = torch.from_numpy(touched_patches(np.stack(pixels)))
    with torch.no_grad():
        inputs = [parts.prepare(faces[rows], mask[rows]) for rows in _slices(len(faces))]
    coarse, filled = (torch.cat(part) for part in zip(*inputs, strict=True))
    return DevSet(faces, mask, coarse, filled)


def mean_psnr(images: Tensor, truth: Tensor) -> float:
    """Peak signal-to-noise ratio in dB, averaged over the images: (B, 3, S, S) in [0, 1]."""
    error = (images - truth).square().mean((1, 2, 3)).clamp(min=1e-10)
    return float((-10 * error.log10()).mean())


def _slices(count: int) -> list[slice]:
    return [slice(start, start + 50) for start in range(0, count, 50)]


def train_reconstructor(
    sources: Sources, runs: Path, config: str, how: How, stage: StageName = STAGE
) -> Path:
    """Train the repair network; returns the path of its weights, which are the U-Net's alone."""
    recipe = load_recipe(ReconstructorRecipe, config, STAGE)
    torch.manual_seed(recipe.seed)
    model = recipe.build(stage)
    if stage == STAGE:
        start_from(model, PREFIX, runs)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    parts = Reconstructor(load_mae(runs, config), model)
    teacher = load_teacher(runs, config)
    pool = sources.pool("train")
    dev_set = read_dev(sources.pool("dev"), parts)
    parts.to(how.device)
    teacher.to(how.device)

    def batches(epoch: int, rng: Generator) -> Iterator[Drawn]:
        for rows in shuffled(len(pool), recipe, rng):
            faces = pool.batch(rows)
            flip = rng.random(len(faces)) < 0.5
            faces[flip] = faces[flip, :, ::-1]
            mask = torch.from_numpy(np.stack([training_mask(rng) for _ in rows]))
            yield Drawn(rows, (to_tensor(faces), mask, shared_out(mask)))

    def loss(net: nn.Module, inputs: Inputs) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(net, RepairUNet)
        return repair_loss(net, parts, teacher, recipe, inputs)

    def dev(net: nn.Module) -> dict[str, float]:
        assert isinstance(net, RepairUNet)
        return dev_set.figures(net)

    about = describe(recipe, sources.digests(*NEEDS), runs, PARENTS)
    steps = steps_in(len(pool), recipe)
    job = Job(
        runs / stage, model, batches, steps, loss, dev, str(about), lambda row: pool.keys[row]
    )
    trained = fit(job, recipe, how)
    tensors = {PREFIX + name: tensor for name, tensor in trained.items()}
    return save_weights(runs / stage, tensors, about)


def load_reconstructor(runs: Path, config: str, stage: StageName = STAGE) -> Reconstructor:
    """The trained stage with its autoencoder, in evaluation mode, frozen."""
    weights = load_weights(runs / stage)
    check_fresh(weights, runs)
    unet = load_recipe(ReconstructorRecipe, config, STAGE).build(stage)
    unet.load_state_dict(
        {name.removeprefix(PREFIX): tensor for name, tensor in weights.tensors.items()}
    )
    return Reconstructor(load_mae(runs, config), unet).eval().requires_grad_(False)
