"""Training of the `one-class` detector: clean faces, and no picture of anything else."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latent_ofer.datasets.sources import Sources
from latent_ofer.detector.clean import clean_faces
from latent_ofer.detector.dev import DevFaces, apply, dev_figures, set_thresholds
from latent_ofer.detector.one_class import KINDS, OneClassDetector
from latent_ofer.detector.place import (
    LEFT_OUT,
    PlaceNetwork,
    elsewhere,
    place_loss,
    places,
    relit,
    shifted,
)
from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import greyed, to_tensor
from latent_ofer.training.batch import Drawn, shared_out
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.loop import fit, shuffled, steps_in
from latent_ofer.training.start import start_from

Floats = NDArray[np.float64]
GREY = 0.2
"""Share of the faces that lose their colours."""
ALTERED = 0.375
"""Faces that are shown altered as well, as a share of a batch."""
SHRINKAGE = 0.003
"""Of covariances, towards a multiple of the identity."""
LEAST_VARIANCE = 1e-6
"""Where clean faces are all alike, as in corners cut off, in units of the features' variance."""
LEAST_SCALE = 0.05
SCALED_BY = 256
"""Faces that the features are scaled by."""


def train_place(
    sources: Sources,
    run: Path,
    recipe: DetectorRecipe,
    dev: dict[str, DevFaces],
    identity: str,
    how: How,
) -> PlaceNetwork:
    """Train the network that says where on a face a window comes from.

    Parameters
    ----------
    run : Path
        Folder of checkpoints and log.
    identity : str
        Of recipe and data; see `training.loop.Job`.
    """
    pool = sources.pool("train")
    streaks = pool.borders.reshape(len(pool), 14, 14)
    torch.manual_seed(recipe.seed)
    model = PlaceNetwork(recipe.place_width)
    start_from(model, "one_class.place.", run.parent)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Drawn]:
        for rows in shuffled(len(pool), recipe.place, rng):
            faces, left_out = pool.batch(rows), streaks[rows]
            flip = rng.random(len(rows)) < 0.5
            faces[flip], left_out[flip] = faces[flip, :, ::-1], left_out[flip, :, ::-1]
            grey = torch.from_numpy(rng.random(len(rows)) < GREY)
            shown = shifted(relit(greyed(to_tensor(faces), grey), rng), rng)
            altered = elsewhere(shown[: max(1, int(ALTERED * len(rows)))], rng)
            of = places(torch.from_numpy(left_out).flatten(1), len(altered))
            yield Drawn(
                np.concatenate([rows, rows[: len(altered)]]),
                (torch.cat([shown, altered]), of, shared_out(of != LEFT_OUT)),
            )

    def loss(net: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, dict[str, float]]:
        faces, of, each = inputs
        return place_loss(net(faces).float(), of, each), {}

    def figures(net: nn.Module) -> dict[str, float]:
        assert isinstance(net, PlaceNetwork)
        areas = dev_figures(net.surprise, dev)
        return {f"dev_auroc_{kind}": area for kind, area in areas.items()}

    steps = steps_in(len(pool), recipe.place)
    job = Job(run, model, batches, steps, loss, figures, identity, lambda row: pool.keys[row])
    model.load_state_dict(fit(job, recipe.place, how))
    return model.eval()


@torch.no_grad()
def fit_one_class(
    sources: Sources,
    mae: MaskedAutoencoder,
    place: PlaceNetwork,
    recipe: DetectorRecipe,
    dev: dict[str, DevFaces],
) -> OneClassDetector:
    """Fit the Gaussians to clean training faces; calibrate on clean dev faces."""

    def early(faces: Tensor) -> Tensor:
        return mae.encode_early(faces, recipe.gaussian_blocks)

    model = recipe.one_class(place, mae.dim, mae.grid).eval()
    clean = [clean_faces(sources, kind, recipe.gaussian_faces, recipe.seed) for kind in KINDS]
    some = np.concatenate([faces.pixels[: SCALED_BY // len(KINDS)] for faces in clean])
    features = apply(lambda x: model.features(x, early(x)), some)
    length, kept = model.projection.shape
    noise = np.random.default_rng(recipe.seed).standard_normal((length, kept))
    axes = np.linalg.qr(noise)[0]
    model.projection.copy_(
        torch.from_numpy(axes / (features.flatten(0, 1).std(0).numpy()[:, None] + 1e-6))
    )
    for number, kind in enumerate(KINDS):
        vectors = apply(lambda x: model.vectors(x, early(x)), clean[number].pixels).numpy()
        _fit_gaussians(model, number, vectors, clean[number].photo)
        faces = dev[kind]
        # The batch comes first in what `apply` joins.
        opinions = apply(lambda x: model.opinions(x, early(x)).permute(2, 1, 0, 3), faces.clean)
        of_kind_opinions = opinions[:, number].transpose(0, 1).numpy()
        _calibrate(model, number, of_kind_opinions, ~faces.clean_streaks)
    set_thresholds(model, lambda x: model(x, early(x)), dev)
    return model


def _fit_gaussians(
    model: OneClassDetector,
    kind: int,
    vectors: NDArray[np.float32],
    used: NDArray[np.bool_],
) -> None:
    """From vectors (n, N, K) of clean faces, where `used` (n, N)."""
    used = _somewhere(used)
    for place in range(vectors.shape[1]):
        mean, whitening = _gaussian(vectors[used[:, place], place])
        model.mean[kind, place] = torch.from_numpy(mean)
        model.whitening[kind, place] = torch.from_numpy(whitening)
    mean, whitening = _gaussian(vectors[::4][used[::4]])
    model.any_mean[kind] = torch.from_numpy(mean)
    model.any_whitening[kind] = torch.from_numpy(whitening)


def _gaussian(vectors: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Mean (K,) and inverse Cholesky factor (K, K) of the covariance of vectors (n, K)."""
    values = vectors.astype(np.float64)
    kept = values.shape[1]
    covariance = np.cov(values, rowvar=False, ddof=0).reshape(kept, kept)
    covariance += (SHRINKAGE * np.trace(covariance) / kept + LEAST_VARIANCE) * np.eye(kept)
    inverse: Floats = np.linalg.inv(np.linalg.cholesky(covariance))
    return values.mean(axis=0), inverse


def _calibrate(
    model: OneClassDetector,
    kind: int,
    opinions: NDArray[np.float32],
    used: NDArray[np.bool_],
) -> None:
    """From opinions (2, n, N) on clean faces, where `used` (n, N)."""
    values = opinions.astype(np.float64)
    weights = np.broadcast_to(_somewhere(used), values.shape)
    centre = np.average(values, axis=1, weights=weights)
    squares = (values - centre[:, None]) ** 2
    scale = np.average(squares, axis=1, weights=weights) ** 0.5
    model.centre[:, kind] = torch.from_numpy(centre)
    model.scale[:, kind] = torch.from_numpy(np.maximum(scale, LEAST_SCALE))


def _somewhere(used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`used` (n, N), but all faces at places that none would be used at."""
    everywhere: NDArray[np.bool_] = used | ~used.any(axis=0)
    return everywhere
