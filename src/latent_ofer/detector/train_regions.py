"""Training of the `synthetic` detector on faces that our own occluders hide."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Sources
from latent_ofer.detector.dev import AT_ONCE, DevFaces, apply, dev_figures, set_thresholds
from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.scores import threshold_at
from latent_ofer.detector.synthetic import Occluder, Patches, Sample
from latent_ofer.encoder.train import to_tensor
from latent_ofer.occlusion.patches import border_patches, occluded_patches
from latent_ofer.progress import track
from latent_ofer.training.loop import Job, Resume, fit, shuffled, steps_in
from latent_ofer.training.recipe import Recipe
from latent_ofer.training.start import start_from

FIRST_RUN = "detector_first"

SURE = 3.0
"""Logit from which a patch that nothing was put before is believed to be hidden all the same."""
BORDER = 0.5
"""Weight of border patches, which count as hidden: the repair is to replace them too."""


def patch_loss(logits: Tensor, covered: Tensor, unlabelled: Tensor) -> Tensor:
    """Cross-entropy of patches, without those that have no clear label.

    Border patches of the occluder count as hidden, with less weight. Left out are patches that
    have no label of their own where nothing covers them, and those that count as clean but that
    the network is already sure of: clean training faces are not all clean, and hands and captions
    on them should not be unlearned.

    Parameters
    ----------
    logits : (B, N) float
    covered : (B, S, S) bool
    unlabelled : (B, 14, 14) bool
        Neither clean nor hidden: see `synthetic.Sample`.

    Returns
    -------
    scalar
    """
    pixels = covered.numpy()
    hidden = torch.from_numpy(occluded_patches(pixels)).flatten(1)
    border = torch.from_numpy(border_patches(pixels)).flatten(1)
    doubtful = unlabelled.flatten(1) | (logits.detach() > SURE)
    weight = (hidden | ~(border | doubtful)).to(logits.dtype) + BORDER * border.to(logits.dtype)
    target = (hidden | border).to(logits.dtype)
    loss = F.binary_cross_entropy_with_logits(logits, target, weight, reduction="sum")
    return loss / weight.sum()


def train_regions(
    sources: Sources,
    run: Path,
    recipe: DetectorRecipe,
    dev: dict[str, DevFaces],
    identity: str,
    resume: Resume,
) -> RegionDetector:
    """Train the network and set its thresholds.

    Clean training faces are not all clean, and a network that sees them long enough learns that
    real sunglasses are no occlusion. So a first network, from random weights, is trained for
    `DetectorRecipe.first_epochs` only, too short to know single faces; the patches of clean faces
    that it scores highest count as neither clean nor hidden when the network itself is trained.

    Parameters
    ----------
    run : Path
        Folder of checkpoints and log; that of the first network lies beside it.
    identity : str
        Of recipe and data; see `training.loop.Job`.
    """
    pool = sources.pool("train")
    unlabelled = pool.borders
    cutouts = sources.cutouts("train")
    if recipe.first_epochs:
        torch.manual_seed(recipe.seed)
        first = RegionDetector(recipe.width)
        occluder = Occluder(pool, unlabelled, cutouts, recipe.mix)
        _fit(first, run.with_name(FIRST_RUN), recipe.first, occluder, dev, identity, resume)
        unlabelled = unlabelled | suspects(first, pool, unlabelled, recipe.first_suspects)
    torch.manual_seed(recipe.seed)
    model = RegionDetector(recipe.width)
    start_from(model, "regions.", run.parent)
    _fit(model, run, recipe, Occluder(pool, unlabelled, cutouts, recipe.mix), dev, identity, resume)
    set_thresholds(model, model.probability, dev)
    return model


def suspects(model: RegionDetector, pool: FacePool, streaks: Patches, share: float) -> Patches:
    """The patches of clean faces that a network scores highest: (n, N) bool.

    Parameters
    ----------
    streaks : (n, N) bool
        Patches that show the replicated border of a photo: neither counted nor suspected.
    share : float
        Of the other patches, colour and grey apart.
    """
    batches = np.array_split(np.arange(len(pool)), -(-len(pool) // AT_ONCE))
    parts = [
        apply(model, pool.batch(rows)).numpy()
        for rows in track(batches, len(batches), "clean faces")
    ]
    scores = np.concatenate(parts)
    found = np.zeros_like(streaks)
    for colour in (True, False):
        kind = pool.colour == colour
        if kind.any():
            limit = threshold_at(scores[kind][~streaks[kind]], share)
            found[kind] = scores[kind] > limit
    return found & ~streaks


def _fit(
    model: RegionDetector,
    run: Path,
    recipe: Recipe,
    occluder: Occluder,
    dev: dict[str, DevFaces],
    identity: str,
    resume: Resume,
) -> None:
    """Train a network, which is left in evaluation mode with its averaged weights."""
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Sample]:
        for rows in shuffled(len(occluder.pool), recipe, rng):
            yield occluder.batch(rows, rng)

    def loss(net: nn.Module, batch: Sample) -> tuple[Tensor, dict[str, float]]:
        logits = net(to_tensor(batch.face)).float()
        covered, unlabelled = torch.from_numpy(batch.covered), torch.from_numpy(batch.unlabelled)
        return patch_loss(logits, covered, unlabelled), {}

    def figures(net: nn.Module) -> dict[str, float]:
        return {f"dev_auroc_{kind}": area for kind, area in dev_figures(net, dev).items()}

    steps = steps_in(len(occluder.pool), recipe)
    job = Job(run, model, batches, steps, loss, figures, identity=identity)
    model.load_state_dict(fit(job, recipe, resume))
    model.eval()
