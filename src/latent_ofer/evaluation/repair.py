"""The repair test: irregular masks in six bins, the true mask given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from latent_ofer.datasets.archives import read_faces, read_ferplus
from latent_ofer.datasets.pool import FacePool
from latent_ofer.occlusion.irregular import BINS, irregular_mask
from latent_ofer.occlusion.patches import patch_pixels, touched_patches
from latent_ofer.occlusion.seeds import image_rng
from latent_ofer.progress import track

SEED = 7
RESAMPLES = 1000
BATCH = 32

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Values = NDArray[np.float64]
Reconstruct = Callable[[Pixels, Mask], Pixels]
"""(n, 112, 112, 3) uint8 RGB and (n, 14, 14) bool, True = hidden -> repaired faces."""


@dataclass(frozen=True)
class Quality:
    """How near images are to the truth; every attribute (n,) float.

    Attributes
    ----------
    psnr, psnr_hole : decibels
        Over the whole image, and over the hole alone.
    ssim, ssim_hole : -1 to 1
        Gaussian window of 11 px, sigma 1.5.
    """

    psnr: Values
    psnr_hole: Values
    ssim: Values
    ssim_hole: Values


def repair_test(
    data: Path,
    cache: Path,
    reconstruct: Reconstruct,
    *,
    limit: int | None = None,
    bins: Sequence[tuple[float, float]] = BINS,
) -> dict[str, Any]:
    """Repair and mean fill on validation faces, colour and FERPlus' grey ones apart.

    Parameters
    ----------
    data, cache : Path
        Folder of the archives, and of their decoded copies.
    reconstruct : callable
        Any engine's repair.
    limit : int, optional
        Use so many faces of each source only, evenly spread.
    bins : sequence of (low, high)
        Shares of hidden pixels.

    Returns
    -------
    dict
        Plain values: ``{"seed", "split", "colour": [one dict a bin], "grey": [...]}``.
    """
    faces = read_faces(data, "val", cache)
    colour = _spread(np.flatnonzero(faces.colour), limit)
    ferplus = read_ferplus(data, "val", cache)
    grey = _spread(np.arange(len(ferplus)), limit)
    enlarged = FacePool([ferplus]).batch(grey)
    sources = {
        "colour": (faces.images[colour], [faces.names[row] for row in colour], "faces"),
        "grey": (enlarged, [ferplus.names[row] for row in grey], "ferplus"),
    }
    return {
        "protocol": "repair test, irregular masks, true mask given",
        "split": "validation",
        "seed": SEED,
    } | {
        kind: [measure(reconstruct, images, names, source, share) for share in bins]
        for kind, (images, names, source) in sources.items()
    }


def measure(
    reconstruct: Reconstruct,
    faces: Pixels,
    names: Sequence[str],
    source: str,
    share: tuple[float, float],
) -> dict[str, Any]:
    """One bin: repaired faces and mean-filled ones with the same holes.

    Parameters
    ----------
    faces : (n, S, S, 3) uint8 RGB
    names : sequence of n str
        Seed each face's mask, with `source`.
    share : (low, high)
        Of pixels under the mask; repair gets every patch that the mask touches.

    Returns
    -------
    dict
        Per figure of :class:`Quality`: ``repaired``, ``mean_fill`` and ``gain``, each a mean
        with a 95 % interval (``gain`` paired).
    """
    masks = np.stack([_mask(source, name, faces.shape[1], share) for name in names])
    starts = range(0, len(faces), BATCH)
    repaired = np.concatenate(
        [
            reconstruct(faces[i : i + BATCH], masks[i : i + BATCH])
            for i in track(starts, len(starts), "repair")
        ]
    )
    ours, theirs = quality(repaired, faces, masks), quality(mean_fill(faces, masks), faces, masks)
    result: dict[str, Any] = {
        "bin": list(share),
        "n": len(faces),
        "hidden_patches": float(masks.mean()),
    }
    for figure in vars(ours):
        one, other = getattr(ours, figure), getattr(theirs, figure)
        result[figure] = {
            "repaired": with_interval(one),
            "mean_fill": with_interval(other),
            "gain": with_interval(one - other),
        }
    return result


def mean_fill(faces: Pixels, masks: Mask) -> Pixels:
    """Hidden patches in the mean colour of the visible pixels; mid-grey where none is.

    Parameters
    ----------
    faces : (n, S, S, 3) uint8
    masks : (n, 14, 14) bool, True = hidden
    """
    hole = patch_pixels(masks, faces.shape[1])
    filled = faces.copy()
    for image, hidden in zip(filled, hole, strict=True):
        visible = image[~hidden]
        image[hidden] = np.rint(visible.mean(axis=0)) if len(visible) else 128
    return filled


def quality(images: Pixels, truth: Pixels, masks: Mask) -> Quality:
    """PSNR and SSIM of every image against the truth; each mask hides at least one patch.

    Parameters
    ----------
    images, truth : (n, S, S, 3) uint8
    masks : (n, 14, 14) bool, True = hidden
    """
    hole = patch_pixels(masks, truth.shape[1])
    rows = []
    for image, true, hidden in zip(images / 255, truth / 255, hole, strict=True):
        ssim, at = structural_similarity(  # type: ignore[no-untyped-call]
            image,
            true,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1,
            full=True,
        )
        error = (image - true) ** 2
        rows.append([_decibels(error), _decibels(error[hidden]), ssim, at[hidden].mean()])
    return Quality(*np.array(rows).T)


def with_interval(values: Values) -> dict[str, float]:
    """Mean of (n,) values and its 95 % percentile bootstrap over the images."""
    rng = np.random.default_rng(SEED)
    means = [rng.choice(values, len(values)).mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}


def _mask(source: str, name: str, size: int, share: tuple[float, float]) -> Mask:
    rng = image_rng(SEED, "irregular", source, name)
    return touched_patches(irregular_mask(rng, size, share))


def _decibels(squared_error: Values) -> float:
    return float(-10 * np.log10(max(squared_error.mean(), 1e-10)))


def _spread(rows: NDArray[np.int64], limit: int | None) -> NDArray[np.int64]:
    if limit is None or limit >= len(rows):
        return rows
    spread: NDArray[np.int64] = rows[np.linspace(0, len(rows) - 1, limit).round().astype(int)]
    return spread
