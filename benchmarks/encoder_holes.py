"""How near the autoencoder's filling comes to the truth, by kind and size of hole (paper, 3.2)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latent_ofer.datasets.pool import FacePool
from latent_ofer.encoder.mae import STD, MaskedAutoencoder
from latent_ofer.encoder.masks import KINDS, Order
from latent_ofer.encoder.train import to_tensor
from latent_ofer.evaluation.bootstrap import measured, resample_counts, resampled_ratio
from latent_ofer.occlusion.seeds import image_rng
from latent_ofer.progress import track

PROTOCOL = "encoder"
HOLES = tuple(kind.__name__.removesuffix("_order") for kind in KINDS)
SHARES = (0.15, 0.3, 0.5, 0.7)
BATCH = 64
LEAST_ERROR = 1e-10

Values = NDArray[np.float64]
Counts = NDArray[np.float32]


def holes_of(seed: int, source: str, name: str, grid: int) -> Order:
    """The holes that belong to one face, whatever other faces there are.

    Returns
    -------
    (kinds, N) int64
        A row for each of `HOLES`: an order of the patches, of which the first are hidden.
    """
    rng = image_rng(seed, PROTOCOL, source, name)
    return np.stack([kind(rng, grid) for kind in KINDS])


def filling_figures(
    model: MaskedAutoencoder, pool: FacePool, seed: int, bf16: bool
) -> dict[str, Any]:
    """Errors over the hidden pixels of all faces of a pool.

    Parameters
    ----------
    model : MaskedAutoencoder
    pool : FacePool
        n faces of one kind.
    seed : int
        Of the holes and of the resamples.
    bf16 : bool
        Multiply in bfloat16, as training did.

    Returns
    -------
    dict
        ``"n"`` and ``"holes"``, one dict a kind of hole and share: ``"hole"``,
        ``"hidden_share"``, ``"hidden_patches"``; ``"trained"`` and ``"mean_colour"``, each with
        ``"loss"``, the mean squared error in the normalised units of the training loss, and
        ``"psnr_db"``, the mean over faces; and ``"gain_db"``, paired. Each measured value is
        ``{"value", "low", "high"}`` with its 95 % interval over faces.
    """
    natives = [pool.native(row) for row in range(len(pool))]
    orders = np.stack([holes_of(seed, face.source, face.name, model.grid) for face in natives])
    counts = resample_counts(len(pool), np.random.default_rng(seed), people=pool.people)
    cells = [(kind, share) for kind in range(len(HOLES)) for share in SHARES]
    holes = []
    for kind, share in track(cells, len(cells), "holes filled"):
        hidden = round(share * model.grid**2)
        errors = [
            hole_errors(model, faces, orders[rows, kind], hidden, bf16)
            for rows, faces in _batches(pool)
        ]
        about = {"hole": HOLES[kind], "hidden_share": share, "hidden_patches": hidden}
        holes.append(about | _figures(np.concatenate(errors), counts))
    return {"n": len(pool), "holes": holes}


@torch.inference_mode()
def hole_errors(
    model: MaskedAutoencoder, faces: Tensor, orders: Order, hidden: int, bf16: bool
) -> Values:
    """Mean squared error over the hidden pixels of each face, in normalised units.

    Parameters
    ----------
    faces : (B, 3, S, S) float in [0, 1]
    orders : (B, N) int64
        Of each face's patches; the first `hidden` are hidden.

    Returns
    -------
    (B, 3) float
        Of the autoencoder as the training loss has it; of the same clipped to [0, 1], as a
        picture shows it; of the mean colour of the visible pixels.
    """
    kept = torch.from_numpy(np.sort(orders[:, hidden:], axis=1))
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        predicted, mask = model.reconstruct_kept(faces, kept)
    pixels = model.mask_pixels(mask)
    visible = (faces * ~pixels).sum((2, 3)) / (~pixels).sum((2, 3))
    fillings = (predicted, predicted.clamp(0, 1), visible[..., None, None])
    errors = [_over_hole((filling - faces) / STD, pixels) for filling in fillings]
    return torch.stack(errors, dim=1).double().numpy()


def _over_hole(error: Tensor, pixels: Tensor) -> Tensor:
    return (error.square() * pixels).sum((1, 2, 3)) / (3 * pixels.sum((1, 2, 3)))


def _batches(pool: FacePool) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    rows = np.arange(len(pool))
    for start in range(0, len(pool), BATCH):
        some = rows[start : start + BATCH]
        yield some, to_tensor(pool.batch(some))


def _figures(errors: Values, counts: Counts) -> dict[str, Any]:
    loss, clipped, mean_colour = errors.T
    ours, theirs = _decibels(clipped), _decibels(mean_colour)
    return {
        "trained": {"loss": _mean(loss, counts), "psnr_db": _mean(ours, counts)},
        "mean_colour": {"loss": _mean(mean_colour, counts), "psnr_db": _mean(theirs, counts)},
        "gain_db": _mean(ours - theirs, counts),
    }


def _decibels(error: Values) -> Values:
    """PSNR of errors in normalised units; data range 1."""
    decibels: Values = -10 * np.log10(np.maximum(error * STD**2, LEAST_ERROR))
    return decibels


def _mean(values: Values, counts: Counts) -> dict[str, float]:
    return measured(values.mean(), resampled_ratio(counts, values, np.ones(len(values))))
