"""Training of the paper's deep SVDD on latents of clean faces (Eq. 1)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from latent_ofer.datasets.pool import resized
from latent_ofer.datasets.sources import Sources
from latent_ofer.detector.dev import AT_ONCE, DevFaces, apply, set_thresholds
from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.detector.svdd import LatentSVDD, svdd_loss
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.training.loop import Job, Resume, fit, shuffled, steps_in


def train_svdd(
    sources: Sources,
    mae: MaskedAutoencoder,
    run: Path,
    recipe: DetectorRecipe,
    dev: dict[str, DevFaces],
    identity: str,
    resume: Resume,
) -> LatentSVDD:
    """Train the network, then set its radius and its thresholds.

    Parameters
    ----------
    run : Path
        Folder of checkpoints and log.
    identity : str
        Of recipe, data and encoder; see `training.loop.Job`.
    """

    def encode(faces: Tensor) -> Tensor:
        return mae.encode(faces)[:, 1:]

    pool = sources.pool("train")
    rows = np.random.default_rng(recipe.seed).permutation(len(pool))[: recipe.svdd_faces]
    faces = np.stack([resized(pool.native(int(row)).image) for row in rows])
    latents = apply(encode, faces).bfloat16()
    dev_latents = {kind: apply(encode, faces.occluded) for kind, faces in dev.items()}
    torch.manual_seed(recipe.seed)
    model = LatentSVDD(mae.dim, recipe.svdd_hidden, recipe.svdd_out, recipe.svdd_centres)
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
