"""Training of the `synthetic` detector on faces that our own occluders hide."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from latent_ofer.datasets.pool import Covered, FacePool
from latent_ofer.datasets.sources import Sources
from latent_ofer.detector.dev import AT_ONCE, DevFaces, apply, dev_figures, set_thresholds
from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.scores import threshold_at
from latent_ofer.detector.synthetic import Occluder, Patches
from latent_ofer.encoder.train import to_tensor
from latent_ofer.occlusion.patches import border_patches, occluded_patches
from latent_ofer.progress import track
from latent_ofer.training.batch import Drawn, shared_out
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.loop import fit, shuffled, steps_in
from latent_ofer.training.recipe import Recipe
from latent_ofer.training.start import start_from

FIRST_RUN = "detector_first"

SURE = 3.0
"""Logit from which a patch that nothing was put before is believed to be hidden all the same."""
BORDER = 0.5
"""Weight of border patches, which count as hidden: the repair is to replace them too."""


class Known(NamedTuple):
    """What is known of the patches of a batch.

    Attributes
    ----------
    hidden : (B, N) float
        1 where hidden, 0 where clean.
    weight : (B, N) float
        How much that counts: `BORDER` for border patches, which count as hidden, and nothing for
        those that have no label of their own where nothing covers them.
    each : (B,) float
        The weight that a face has on average over the batch.
    """

    hidden: Tensor
    weight: Tensor
    each: Tensor

    @classmethod
    def of(cls, covered: Covered, unlabelled: Patches) -> "Known":
        """From (B, S, S) and (B, 14, 14) bool, as `synthetic.Sample` has them."""
        hidden = torch.from_numpy(occluded_patches(covered)).flatten(1)
        border = torch.from_numpy(border_patches(covered)).flatten(1)
        left_out = torch.from_numpy(unlabelled).flatten(1)
        weight = (hidden | ~(border | left_out)).float() + BORDER * border.float()
        return cls((hidden | border).float(), weight, shared_out(weight))


def patch_loss(logits: Tensor, known: Known) -> Tensor:
    """Cross-entropy of the patches (B, N) that have a clear label.

    Nothing is learned from those that count as clean but that the network is already sure of:
    clean training faces are not all clean, and hands and captions on them should not be unlearned.
    """
    doubtful = (known.hidden == 0) & (logits.detach() > SURE)
    weight = torch.where(doubtful, 0, known.weight)
    loss = F.binary_cross_entropy_with_logits(logits, known.hidden, weight, reduction="sum")
    return loss / known.each.sum()


def train_regions(
    sources: Sources,
    run: Path,
    recipe: DetectorRecipe,
    dev: dict[str, DevFaces],
    identity: str,
    how: How,
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
        _fit(first, run.with_name(FIRST_RUN), recipe.first, occluder, dev, identity, how)
        unlabelled = unlabelled | suspects(first, pool, unlabelled, recipe.first_suspects)
    torch.manual_seed(recipe.seed)
    model = RegionDetector(recipe.width)
    start_from(model, "regions.", run.parent)
    _fit(model, run, recipe, Occluder(pool, unlabelled, cutouts, recipe.mix), dev, identity, how)
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
    how: How,
) -> None:
    """Train a network, which is left in evaluation mode with its averaged weights."""
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Drawn]:
        for rows in shuffled(len(occluder.pool), recipe, rng):
            face, covered, unlabelled = occluder.batch(rows, rng)
            yield Drawn(rows, (to_tensor(face), *Known.of(covered, unlabelled)))

    def loss(net: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, dict[str, float]]:
        return patch_loss(net(inputs[0]).float(), Known(*inputs[1:])), {}

    def figures(net: nn.Module) -> dict[str, float]:
        return {f"dev_auroc_{kind}": area for kind, area in dev_figures(net, dev).items()}

    steps = steps_in(len(occluder.pool), recipe)
    pool = occluder.pool
    job = Job(run, model, batches, steps, loss, figures, identity, lambda row: pool.keys[row])
    model.load_state_dict(fit(job, recipe, how))
    model.eval()
