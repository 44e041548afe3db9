"""How much each view of a face counts, and how sure the answer is: fitted on dev faces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from latent_ofer.datasets.pool import FacePool, protocol_copy
from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.progress import track
from latent_ofer.recogniser.views import VIEWS, Fusion
from latent_ofer.training.checkpoint import check_fresh, describe, load_weights, save_weights
from latent_ofer.training.recipe import Recipe

STAGE = "fusion"
NEEDS: tuple[Need, ...] = ("labels", "objects")
DEV_SEED = 1
AT_ONCE = 32
STEPS = 100

Pixels = NDArray[np.uint8]
Views = tuple[NDArray[np.float32], NDArray[np.float64]]
"""Logits (3, B, 8) of `VIEWS`; shares (B, 2) of what is hidden, and hidden behind a hand."""
See = Callable[[Pixels], Views]


class FusionRecipe(Recipe):
    """Recipe of the fusion: of the usual keys only `epoch_images` matters.

    They are the dev faces behind objects.
    """

    objects: float = Field(default=1, ge=0)
    """Weight of a face behind a pasted object where one as it came, really covered or not, has 1.

    What a real hand covers is told in part by where the hand is; a pasted object tells nothing.
    """


@dataclass(frozen=True)
class DevViews:
    """What the recogniser makes of dev faces as they are and, after these, behind objects.

    Attributes
    ----------
    logits : (3, n, 8) float32
        Of `VIEWS`, not calibrated.
    shares : (n, 2) float32
        Of each face, what is hidden, and what is hidden behind a hand.
    labels : (n,) int64
    faces : list of (source, name)
        Of the faces as they are, m of the n.
    """

    logits: Tensor
    shares: Tensor
    labels: Tensor
    faces: list[tuple[str, str]]

    def weights(self, objects: float) -> Tensor:
        """(n,): 1 for a face as it is, `objects` for one behind an object."""
        weights = torch.full((len(self.labels),), objects)
        weights[: len(self.faces)] = 1
        return weights


def train_fusion(
    sources: Sources, runs: Path, recipe: FusionRecipe, parents: Sequence[str], see: See
) -> Path:
    """Fit on dev faces with a label, as they are and behind objects; returns the weights' path."""
    about = describe(recipe, sources.digests(*NEEDS), runs, parents)
    views = dev_views(sources, recipe.epoch_images or 0, see)
    factors = fitted(views.logits, views.shares, views.labels, views.weights(recipe.objects))
    return save_weights(runs / STAGE, factors, about)


def dev_views(sources: Sources, copies: int, see: See) -> DevViews:
    """Look at every dev face with a label, and at so many of them (0: all) behind an object."""
    pool = sources.labelled("dev")
    pool = pool.take(np.flatnonzero(pool.labels >= 0))
    copied = pool.take(np.arange(min(len(pool), copies or len(pool))))
    cutouts = sources.cutouts("dev")

    def behind_object(rows: NDArray[np.int64]) -> Pixels:
        natives = [copied.native(int(row)) for row in rows]
        return np.stack([protocol_copy(face, cutouts, DEV_SEED)[0] for face in natives])

    seen = [_seen(pool, pool.batch, see), _seen(copied, behind_object, see)]
    return DevViews(
        torch.from_numpy(np.concatenate([logits for logits, _ in seen], 1)),
        torch.from_numpy(np.concatenate([shares for _, shares in seen])).float(),
        torch.from_numpy(np.concatenate([pool.labels, copied.labels])),
        pool.keys,
    )


def _seen(pool: FacePool, faces: Callable[[NDArray[np.int64]], Pixels], see: See) -> Views:
    batches = np.array_split(np.arange(len(pool)), -(-len(pool) // AT_ONCE))
    parts = [see(faces(rows)) for rows in track(batches, len(batches), "views of dev faces")]
    return np.concatenate([v for v, _ in parts], 1), np.concatenate([s for _, s in parts])


def fitted(logits: Tensor, shares: Tensor, labels: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """Factors with the least cross-entropy.

    Parameters
    ----------
    logits : (3, n, 8) float
        Of `VIEWS`.
    shares : (n, 2) float
        Of each face, what is hidden, and what is hidden behind a hand; where the first is 0 the
        views are one.
    labels : (n,) int64
    weights : (n,) float
        How much each face counts where a part of it is hidden.

    Returns
    -------
    dict of str to Tensor
        ``before`` (), ``after`` (3, 3), as `views.Fusion` has them.
    """
    centred = logits - logits.mean(2, keepdim=True)
    before = torch.ones((), requires_grad=True)
    after = torch.zeros(len(VIEWS), 3)
    after[:, 0] = 1 / len(VIEWS)
    after.requires_grad_()
    hidden = shares[:, 0] > 0
    counts = weights[hidden] / weights[hidden].sum().clamp(min=1e-6)

    def loss() -> Tensor:
        factors = after[:, :1] + after[:, 1:] @ shares[hidden].T
        fused = (factors[..., None] * centred[:, hidden]).sum(0)
        alone = F.cross_entropy(before * centred[0], labels)
        return alone + (F.cross_entropy(fused, labels[hidden], reduction="none") * counts).sum()

    optimiser = torch.optim.LBFGS([before, after], max_iter=STEPS, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    optimiser.step(step)
    return {"before": before.detach(), "after": after.detach()}


def load_fusion(runs: Path) -> Fusion:
    """The fitted factors."""
    weights = load_weights(runs / STAGE)
    check_fresh(weights, runs)
    return Fusion.parse({name: tensor.tolist() for name, tensor in weights.tensors.items()})
