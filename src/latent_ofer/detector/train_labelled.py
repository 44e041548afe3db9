"""Training of the `labelled` detector: on real covers that were looked at, and on pasted ones."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from latent_ofer.datasets.covers import (
    COVERS,
    TYPES,
    Cover,
    read_covers,
    shipped_covers,
    shipped_outlines,
)
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.detector.dev import apply, dev_figures, read_dev, set_thresholds
from latent_ofer.detector.labelled import Batch, LabelledFaces, Shares, labelled_loss
from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.scores import auroc, threshold_at
from latent_ofer.detector.synthetic import Mix, Occluder
from latent_ofer.occlusion.patches import GRID
from latent_ofer.training.batch import Drawn
from latent_ofer.training.checkpoint import check_fresh, describe, load_weights, save_weights
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.loop import fit
from latent_ofer.training.recipe import Recipe, load_recipe
from latent_ofer.training.start import start_from

STAGE = "detector_labelled"
NEEDS: tuple[Need, ...] = ("faces", "objects", "covers")
START_PREFIX = "labelled."
"""Of this network's tensors in released weights."""
FACE_RANK = 4
"""A face counts as covered by the score of its fourth highest patch."""
DEV_REAL = 1000
"""Dev faces that nothing hides to tell the others from; of those there are few, and all count."""


class LabelledRecipe(Recipe):
    """Recipe of the `labelled` detector; an epoch has `epoch_images` / `batch_size` batches."""

    width: int = Field(ge=8, multiple_of=4)
    clean: int = Field(ge=0)
    clean_colour: int = Field(ge=0)
    harmless: int = Field(ge=0)
    covered: int = Field(ge=0)
    pasted: int = Field(ge=0)
    pasted_colour: int = Field(ge=0)
    """Faces of each kind in a batch; see `labelled.Shares`."""
    objects: float = Field(ge=0)
    procedural: float = Field(ge=0)
    patchwork: float = Field(ge=0)
    hands: float = Field(default=0, ge=0)
    blanks: float = Field(default=0, ge=0)
    wearables: float = Field(default=0, ge=0)
    cloth: float = Field(default=0, ge=0)
    hair: float = Field(default=0, ge=0)
    """How often pasted faces are hidden by each of these."""
    sure: float = 3.0
    """Logit from which a patch that counts as visible is no longer unlearned."""

    @property
    def shares(self) -> Shares:
        """Faces of each kind in a batch."""
        return Shares(*(getattr(self, key) for key in Shares.__dataclass_fields__))

    @property
    def mix(self) -> Mix:
        """How often each kind of made-up cover is drawn."""
        kinds = [key for key in Mix.__dataclass_fields__ if key != "clean"]
        return Mix(0, *(getattr(self, key) for key in kinds))

    def build(self) -> RegionDetector:
        """Network with random weights."""
        return RegionDetector(self.width, types=len(TYPES))


def train_labelled(sources: Sources, runs: Path, config: str, how: How) -> Path:
    """Train the network; returns the path of its weights."""
    recipe = load_recipe(LabelledRecipe, config, STAGE)
    torch.manual_seed(recipe.seed)
    model = recipe.build()
    start_from(model, START_PREFIX, runs)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    about = describe(recipe, sources.digests(*NEEDS), runs, ())
    pool = sources.pool("train")
    # The replicated border of photos is no cover: it is learnt as what is visible.
    nothing = np.zeros((len(pool), GRID**2), dtype=np.bool_)
    occluder = Occluder(pool, nothing, sources.cutouts("train"), recipe.mix)
    faces = LabelledFaces(pool, occluder, shipped_covers(), shipped_outlines())
    pasted = read_dev(sources)
    real = real_dev(sources)
    steps = (recipe.epoch_images or len(pool)) // recipe.batch_size

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Drawn]:
        del epoch
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        return (faces.batch(recipe.shares, rng, generator) for _ in range(steps))

    def loss(net: nn.Module, inputs: Batch) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(net, RegionDetector)
        scores, types = net.typed(inputs.faces)
        return labelled_loss(scores.float(), types.float(), inputs, recipe.sure), {}

    def dev(net: nn.Module) -> dict[str, float]:
        found = {f"dev_auroc_{kind}": area for kind, area in dev_figures(net, pasted).items()}
        return found | (real.figures(net) if real else {})

    job = Job(
        runs / STAGE, model, batches, steps, loss, dev, str(about), lambda row: pool.keys[row]
    )
    model.load_state_dict(fit(job, recipe, how))
    model.eval()
    set_thresholds(model, model.probability, pasted)
    about["dev_auroc"] = dev_figures(model.probability, pasted)
    return save_weights(runs / STAGE, model.state_dict(), about)


def real_dev(sources: Sources) -> "RealDev | None":
    """Dev faces whose covers are known; None where there is no table of them beside the data."""
    path = sources.data / COVERS
    return RealDev(sources.pool("dev"), read_covers(path, "dev")) if path.exists() else None


class RealDev:
    """Dev faces with their covers: what is reported after each epoch.

    Parameters
    ----------
    pool : FacePool
        Of dev.
    covers : mapping of (source, name) to Cover
    """

    def __init__(self, pool: FacePool, covers: Mapping[tuple[str, str], Cover]) -> None:
        known = [covers.get(face) for face in pool.keys]
        order = np.random.default_rng(1).permutation(len(known))
        hides = np.array([cover is not None and cover.hides for cover in known])[order]
        others = np.array([cover is not None for cover in known])[order] & ~hides
        rows = np.concatenate([order[hides], order[others][:DEV_REAL]])
        chosen = [cover for row in rows if (cover := known[row]) is not None]
        self.faces = pool.batch(rows)
        self.nothing = np.array([not cover.named for cover in chosen])
        self.of = {
            name: np.array([name in cover.agreed for cover in chosen])
            for name in ("hand", "glasses")
        }
        self.of["others"] = np.array(
            [not cover.agreed.isdisjoint({"object", "cloth", "hair"}) for cover in chosen]
        )
        self.hiding = np.array([cover.hides for cover in chosen])

    def figures(self, net: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """AUROC of faces by cover against nothing, and the share found where 5 % are flagged."""
        scores = face_scores(apply(net, self.faces).numpy())
        limit = threshold_at(scores[self.nothing], 0.05)
        found = {}
        for name, here in self.of.items():
            if here.any() and self.nothing.any():
                both = here | self.nothing
                found[f"dev_{name}"] = auroc(scores[both], here[both])
                found[f"dev_{name}_found"] = float((scores[here] > limit).mean())
        return found

    def auroc(self, net: Callable[[Tensor], Tensor]) -> float:
        """Of really hidden faces against those with nothing over them."""
        scores = face_scores(apply(net, self.faces).numpy())
        both = self.hiding | self.nothing
        return auroc(scores[both], self.hiding[both])


def face_scores(patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """The fourth highest of each face's patches: (B, N) -> (B,)."""
    ranked: NDArray[np.float32] = np.sort(patches, axis=1)[:, -FACE_RANK]
    return ranked


def load_labelled(runs: Path, config: str) -> RegionDetector:
    """The trained network, in evaluation mode, frozen."""
    weights = load_weights(runs / STAGE)
    check_fresh(weights, runs)
    model = load_recipe(LabelledRecipe, config, STAGE).build()
    model.load_state_dict(weights.tensors)
    return model.eval().requires_grad_(False)
