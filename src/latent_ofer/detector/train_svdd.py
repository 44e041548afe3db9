"""The paper's detector (Eq. 1), fitted to latents of clean faces in closed form.

With the latents' covariance C_p at place p, Eq. 1 reads
``sum_p tr(W_p C_p W_p') + lambda / 2 |W_p|^2``. Where ``sum_p log |det W_p|`` is held fixed, it is
least where ``W_p (C_p + lambda / 2 I) W_p'`` is the same multiple of the identity at all places:
W_p is a whitening, and the decay of Eq. 1 its shrinkage. Phi as a deep network without that
condition contracts; `benchmarks/paper_svdd.py` measures it.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.detector.clean import clean_faces
from latent_ofer.detector.dev import apply, dev_figures, read_dev, set_thresholds
from latent_ofer.detector.one_class import KINDS
from latent_ofer.detector.svdd import LatentSVDD
from latent_ofer.encoder.train import load_mae
from latent_ofer.training.checkpoint import check_fresh, describe, load_weights, save_weights
from latent_ofer.training.recipe import Settings, load_recipe

STAGE = "detector_paper"
NEEDS: tuple[Need, ...] = ("faces", "objects", "covers")
PARENTS = ("mae",)


class PaperRecipe(Settings):
    """Recipe of the paper's detector: fitted in closed form, it takes no steps."""

    faces: int = Field(ge=2)
    """Clean training faces of each kind, colour and grey."""
    kept: int = Field(ge=1)
    """Dimensions that the latents are projected to, at random."""
    decay: float = Field(gt=0)
    """lambda of Eq. 1, where latents have unit variance."""
    nu: float = Field(gt=0, lt=1)
    """Share of clean patches beyond the radius."""


def train_paper(sources: Sources, runs: Path, config: str, how: object = None) -> Path:
    """Fit the detector; returns the path of its weights."""
    del how  # it takes minutes, on the processor
    recipe = load_recipe(PaperRecipe, config, STAGE)
    about = describe(recipe, sources.digests(*NEEDS), runs, PARENTS)
    mae = load_mae(runs, config)
    dev = read_dev(sources)
    kinds = [clean_faces(sources, kind, recipe.faces, recipe.seed) for kind in KINDS]

    def encode(faces: Tensor) -> Tensor:
        return mae.encode(faces)[:, 1:]

    latents = torch.cat([apply(encode, faces.pixels) for faces in kinds])
    model = fit_svdd(latents, np.concatenate([faces.photo for faces in kinds]), recipe)

    def score(faces: Tensor) -> Tensor:
        distances: Tensor = model(encode(faces))
        return distances

    set_thresholds(model, score, dev)
    about["dev_auroc"] = dev_figures(score, dev)
    return save_weights(runs / STAGE, model.state_dict(), about)


@torch.no_grad()
def fit_svdd(latents: Tensor, photo: NDArray[np.bool_], recipe: PaperRecipe) -> LatentSVDD:
    """Fit Phi and the radius to clean faces.

    Parameters
    ----------
    latents : (n, N, D)
    photo : (n, N) bool
        Patches that count: not the replicated border of a photo.
    """
    model = LatentSVDD(latents.shape[-1], recipe.kept, round(latents.shape[1] ** 0.5))
    generator = np.random.default_rng(recipe.seed)
    axes = np.linalg.qr(generator.standard_normal((latents.shape[-1], recipe.kept)))[0]
    some = slice(None, None, len(latents) // 64 + 1)
    spread = latents[some][torch.from_numpy(photo[some])].std(0)
    model.projection.copy_(torch.from_numpy(axes).float() / (spread[:, None] + 1e-6))
    kept = (latents @ model.projection).numpy()
    for place in range(kept.shape[1]):
        seen = photo[:, place] if photo[:, place].any() else slice(None)
        mean, weights = least_phi(kept[seen, place], recipe.decay)
        model.mean[place] = torch.from_numpy(mean)
        model.weights[place] = torch.from_numpy(weights)
    distances = torch.cat([model.distances(part) for part in latents.split(64)])
    outside = np.quantile(distances.numpy()[photo], 1 - recipe.nu)
    model.radius.fill_(float(outside))
    return model


def least_phi(
    latents: NDArray[np.float32], decay: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What Eq. 1 is least for at one place, up to a factor that all places share.

    Parameters
    ----------
    latents : (n, K)
    decay : float
        lambda.

    Returns
    -------
    mean : (K,)
    weights : (K, K)
        W with ``W (C + lambda / 2 I) W' = I``, lower triangular.
    """
    values = latents.astype(np.float64)
    mean = values.mean(axis=0)
    covariance = (values - mean).T @ (values - mean) / len(values)
    covariance += decay / 2 * np.eye(values.shape[1])
    weights: NDArray[np.float64] = np.linalg.inv(np.linalg.cholesky(covariance))
    return mean, weights


def load_paper(runs: Path, config: str) -> LatentSVDD:
    """The fitted detector, in evaluation mode, frozen."""
    weights = load_weights(runs / STAGE)
    check_fresh(weights, runs)
    recipe = load_recipe(PaperRecipe, config, STAGE)
    dim, places = weights.tensors["projection"].shape[0], len(weights.tensors["mean"])
    model = LatentSVDD(dim, recipe.kept, round(places**0.5))
    model.load_state_dict(weights.tensors)
    return model.eval()
