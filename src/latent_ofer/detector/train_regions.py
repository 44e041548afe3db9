"""Training of the `synthetic` detector on faces that our own occluders hide."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.datasets.sources import Sources
from latent_ofer.datasets.streak_cache import pool_streaks
from latent_ofer.detector.dev import DevFaces, dev_figures, set_thresholds
from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.synthetic import Occluder, Sample
from latent_ofer.encoder.train import to_tensor
from latent_ofer.occlusion.patches import border_patches, occluded_patches
from latent_ofer.training.loop import Job, Resume, fit, shuffled, steps_in
from latent_ofer.training.start import start_from

SURE = 3.0
"""Logit from which a patch that nothing was put before is believed to be hidden all the same."""


def patch_loss(logits: Tensor, covered: Tensor, streaks: Tensor) -> Tensor:
    """Cross-entropy of patches, without those that have no clear label.

    Left out are border patches of the occluder, the photo's replicated border where nothing
    covers it, and patches that count as clean but that the network is already sure of: clean
    training faces are not all clean, and hands and captions on them should not be unlearned.

    Parameters
    ----------
    logits : (B, N) float
    covered : (B, S, S) bool
    streaks : (B, 14, 14) bool

    Returns
    -------
    scalar
    """
    pixels = covered.numpy()
    hidden = torch.from_numpy(occluded_patches(pixels)).flatten(1)
    border = torch.from_numpy(border_patches(pixels)).flatten(1)
    doubtful = streaks.flatten(1) | (logits.detach() > SURE)
    used = (hidden | ~(border | doubtful)).to(logits.dtype)
    loss = F.binary_cross_entropy_with_logits(
        logits, hidden.to(logits.dtype), used, reduction="sum"
    )
    return loss / used.sum()


def train_regions(
    sources: Sources,
    run: Path,
    recipe: DetectorRecipe,
    dev: dict[str, DevFaces],
    identity: str,
    resume: Resume,
) -> RegionDetector:
    """Train the network and set its thresholds.

    Parameters
    ----------
    run : Path
        Folder of checkpoints and log.
    identity : str
        Of recipe and data; see `training.loop.Job`.
    """
    pool = sources.pool("train")
    streaks = pool_streaks(pool, sources.cache)
    occluder = Occluder(pool, streaks, sources.cutouts("train"), recipe.mix)
    torch.manual_seed(recipe.seed)
    model = RegionDetector(recipe.width)
    start_from(model, "regions.", run.parent)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Sample]:
        for rows in shuffled(len(pool), recipe, rng):
            yield Sample(
                *(
                    np.stack(parts)
                    for parts in zip(*(occluder.sample(int(row), rng) for row in rows), strict=True)
                )
            )

    def loss(net: nn.Module, batch: Sample) -> tuple[Tensor, dict[str, float]]:
        logits = net(to_tensor(batch.face)).float()
        covered, streaks = torch.from_numpy(batch.covered), torch.from_numpy(batch.streaks)
        return patch_loss(logits, covered, streaks), {}

    def figures(net: nn.Module) -> dict[str, float]:
        return {f"dev_auroc_{kind}": area for kind, area in dev_figures(net, dev).items()}

    steps = steps_in(len(pool), recipe)
    job = Job(run, model, batches, steps, loss, figures, identity=identity)
    model.load_state_dict(fit(job, recipe, resume))
    model.eval()
    set_thresholds(model, model.probability, dev)
    return model
