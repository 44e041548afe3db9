"""Training of both detectors; one file of weights holds them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.datasets.pool import FacePool, resized
from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.detector.dev import AT_ONCE, DevFaces, apply, read_dev, set_thresholds
from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.svdd import LatentSVDD, svdd_loss
from latent_ofer.detector.synthetic import Mix, Occluder
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import load_mae, to_tensor
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.occlusion.patches import border_patches, occluded_patches
from latent_ofer.training.checkpoint import (
    check_fresh,
    describe,
    load_weights,
    save_weights,
)
from latent_ofer.training.loop import Job, Resume, fit, shuffled, steps_in
from latent_ofer.training.recipe import Recipe, load_recipe

STAGE = "detector"
PAPER_RUN = "detector_paper"
NEEDS: tuple[Need, ...] = ("faces", "objects")
PARENT = "mae"


class DetectorRecipe(Recipe):
    """Recipe of both detectors; the keys that start with svdd are the paper's."""

    width: int = Field(ge=8, multiple_of=4)
    clean: float = Field(ge=0)
    objects: float = Field(ge=0)
    procedural: float = Field(ge=0)
    patchwork: float = Field(ge=0)
    """How often training faces are clean, or hidden by each of the three kinds."""
    svdd_faces: int = Field(ge=1)
    svdd_hidden: int = Field(ge=1)
    svdd_out: int = Field(ge=1)
    svdd_epochs: int = Field(ge=1)
    svdd_learning_rate: float = Field(gt=0)
    svdd_lambda: float = Field(ge=0)
    svdd_nu: float = Field(gt=0, lt=1)

    @property
    def mix(self) -> Mix:
        """The four shares."""
        return Mix(self.clean, self.objects, self.procedural, self.patchwork)

    @property
    def svdd(self) -> Recipe:
        """What the loop needs for the paper's detector; the decay is in the loss itself."""
        return Recipe(
            seed=self.seed,
            epochs=self.svdd_epochs,
            batch_size=self.batch_size,
            learning_rate=self.svdd_learning_rate,
            weight_decay=0,
            warmup=self.warmup,
            average=self.average,
            bf16=False,
        )


def patch_loss(logits: Tensor, covered: Tensor) -> Tensor:
    """Cross-entropy of patches, border patches left out.

    Parameters
    ----------
    logits : (B, N) float
    covered : (B, S, S) bool
    """
    pixels = covered.numpy()
    hidden = torch.from_numpy(occluded_patches(pixels)).flatten(1).to(logits.dtype)
    scored = torch.from_numpy(~border_patches(pixels)).flatten(1).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, hidden, scored, reduction="sum") / (
        scored.sum()
    )


def train_detector(sources: Sources, runs: Path, config: str, resume: Resume) -> Path:
    """Train both detectors; returns the path of their weights."""
    recipe = load_recipe(DetectorRecipe, config, STAGE)
    about = describe(recipe, sources.digests(*NEEDS), runs, (PARENT,))
    dev = read_dev(sources)
    pool, cutouts = sources.pool("train"), sources.cutouts("train")
    # The default detector needs neither the encoder nor the other's settings: what it has learnt
    # stays good when those change.
    svdd_keys = {key for key in DetectorRecipe.model_fields if key.startswith("svdd")}
    identity = str([recipe.model_dump(exclude=svdd_keys), about["data"]])
    regions = _train_regions(cutouts, runs / STAGE, recipe, pool, dev, identity, resume)
    mae = load_mae(runs, config)
    svdd = _train_svdd(mae, runs / PAPER_RUN, recipe, pool, dev, str(about), resume)
    tensors = {f"regions.{name}": value for name, value in regions.state_dict().items()}
    tensors |= {f"svdd.{name}": value for name, value in svdd.state_dict().items()}
    return save_weights(runs / STAGE, tensors, about)


def _train_regions(
    cutouts: list[Cutout],
    run: Path,
    recipe: DetectorRecipe,
    pool: FacePool,
    dev: dict[str, DevFaces],
    identity: str,
    resume: Resume,
) -> RegionDetector:
    occluder = Occluder(pool, cutouts, recipe.mix)
    torch.manual_seed(recipe.seed)
    model = RegionDetector(recipe.width)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in shuffled(len(pool), recipe, rng):
            samples = [occluder.sample(int(row), rng) for row in rows]
            yield (
                to_tensor(np.stack([face for face, _ in samples])),
                torch.from_numpy(np.stack([covered for _, covered in samples])),
            )

    def loss(net: nn.Module, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
        return patch_loss(net(batch[0]).float(), batch[1]), {}

    def figures(net: nn.Module) -> dict[str, float]:
        return {
            f"dev_auroc_{kind}": faces.auroc(apply(net, faces.occluded).numpy())
            for kind, faces in dev.items()
        }

    steps = steps_in(len(pool), recipe)
    job = Job(run, model, batches, steps, loss, figures, identity=identity)
    model.load_state_dict(fit(job, recipe, resume))
    model.eval()
    set_thresholds(model, model.probability, dev)
    return model


def _train_svdd(
    mae: MaskedAutoencoder,
    run: Path,
    recipe: DetectorRecipe,
    pool: FacePool,
    dev: dict[str, DevFaces],
    identity: str,
    resume: Resume,
) -> LatentSVDD:
    def encode(faces: Tensor) -> Tensor:
        return mae.encode(faces)[:, 1:]

    rows = np.random.default_rng(recipe.seed).permutation(len(pool))[: recipe.svdd_faces]
    faces = np.stack([resized(pool.native(int(row)).image) for row in rows])
    latents = apply(encode, faces).bfloat16()
    dev_latents = {kind: apply(encode, faces.occluded) for kind, faces in dev.items()}
    torch.manual_seed(recipe.seed)
    model = LatentSVDD(mae.dim, recipe.svdd_hidden, recipe.svdd_out, mae.grid**2)
    parts = torch.split(latents, AT_ONCE)
    model.set_centre(part.float() for part in parts)

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Tensor]:
        for chosen in shuffled(len(latents), recipe.svdd, rng):
            yield latents[torch.from_numpy(chosen)].float()

    def loss(net: nn.Module, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(net, LatentSVDD)
        return svdd_loss(net, batch, recipe.svdd_lambda), {}

    def figures(net: nn.Module) -> dict[str, float]:
        return {
            f"dev_auroc_{kind}": faces.auroc(net(dev_latents[kind]).numpy())
            for kind, faces in dev.items()
        }

    steps = steps_in(len(latents), recipe.svdd)
    job = Job(run, model, batches, steps, loss, figures, identity=identity)
    model.load_state_dict(fit(job, recipe.svdd, resume))
    model.eval()
    with torch.no_grad():
        distances = torch.cat([model(part.float()) for part in parts])
    model.radius.fill_(float(np.quantile(distances.numpy(), 1 - recipe.svdd_nu)))
    set_thresholds(model, lambda faces: model(encode(faces)), dev)
    return model


def load_detector(runs: Path, config: str) -> tuple[RegionDetector, LatentSVDD]:
    """Both trained detectors, in evaluation mode, frozen."""
    weights = load_weights(runs / STAGE)
    check_fresh(weights, runs)
    recipe = load_recipe(DetectorRecipe, config, STAGE)
    of_svdd = _without_prefix(weights.tensors, "svdd.")
    patches, dim = of_svdd["centre"].shape[0], of_svdd["phi.0.weight"].shape[1]
    regions = RegionDetector(recipe.width)
    svdd = LatentSVDD(dim, recipe.svdd_hidden, recipe.svdd_out, patches)
    regions.load_state_dict(_without_prefix(weights.tensors, "regions."))
    svdd.load_state_dict(of_svdd)
    return regions.eval().requires_grad_(False), svdd.eval().requires_grad_(False)


def _without_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
