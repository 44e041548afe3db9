"""Covers to put over small grey faces: made once from whole pictures, pasted anew every epoch."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from latent_ofer.occlusion.procedural import LUMA
from latent_ofer.progress import track
from latent_ofer.recogniser.cnn import LEAST_SPREAD, SIDE

Cover = Callable[[int, Generator], tuple[NDArray[np.uint8], NDArray[np.bool_]]]
"""Row of a face -> that face with something before it (112, 112, 3), what is covered (112, 112)."""
TURN, STRETCH, SHIFT = 0.35, 0.15, 0.2
"""Limits of what moves a cover: radians, share of its size, share of half a face's width."""


class CoverBank:
    """Layers of what covers a face, each with its opacity.

    Parameters
    ----------
    faces : (n, 56, 56) uint8
        Faces with something before them.
    opacity : (n, 56, 56) float32 in [0, 1]
        How much of each pixel is covered.
    """

    def __init__(self, faces: NDArray[np.uint8], opacity: NDArray[np.float32]) -> None:
        layers = torch.from_numpy(faces)[:, None].float() / 255
        covers = torch.from_numpy(opacity)[:, None]
        mean, spread = _tone(layers, 1 - covers)
        # In units of the visible face: it takes the light of any other one.
        self._layers = ((layers - mean) / spread).half()
        self._opacity = (covers * 255).round().byte()

    def __len__(self) -> int:
        return len(self._layers)

    def over(self, faces: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Put one cover over each face, flipped, turned, stretched and shifted a little.

        Parameters
        ----------
        faces : (B, 1, 56, 56) float in [0, 1]

        Returns
        -------
        faces : (B, 1, 56, 56) float in [0, 1]
        opacity : (B, 1, 56, 56) float in [0, 1]
        """
        b = len(faces)

        def between(limit: float) -> Tensor:
            return (torch.rand(b, generator=generator) * 2 - 1) * limit

        chosen = torch.randint(len(self), (b,), generator=generator)
        angle, flip = between(TURN), torch.where(between(1) < 0, -1.0, 1.0)
        cosine, sine = angle.cos() * (1 + between(STRETCH)), angle.sin()
        first = torch.stack([flip * cosine, -sine, between(SHIFT)], 1)
        second = torch.stack([flip * sine, cosine, between(SHIFT)], 1)
        grid = F.affine_grid(
            torch.stack([first, second], 1), [b, 1, SIDE, SIDE], align_corners=False
        )
        layers, opacity = (
            F.grid_sample(part, grid, padding_mode="border", align_corners=False)
            for part in (self._layers[chosen].float(), self._opacity[chosen].float() / 255)
        )
        mean, spread = _tone(faces, torch.ones_like(faces))
        return torch.lerp(faces, (layers * spread + mean).clamp(0, 1), opacity), opacity


def _tone(faces: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of what is seen of each face: (B, 1, 1, 1) each."""
    count = seen.sum((1, 2, 3), keepdim=True).clamp(min=1)
    mean = (faces * seen).sum((1, 2, 3), keepdim=True) / count
    variance = ((faces - mean).square() * seen).sum((1, 2, 3), keepdim=True) / count
    return mean, variance.sqrt() + LEAST_SPREAD


def made_covers(
    cover: Cover, rows: NDArray[np.int64], rng: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Make a cover over each face of `rows`, as `CoverBank` takes them."""
    faces = np.empty((len(rows), SIDE, SIDE), dtype=np.uint8)
    opacity = np.empty((len(rows), SIDE, SIDE), dtype=np.float32)
    for place, row in enumerate(track(rows, len(rows), "covers")):
        face, covered = cover(int(row), rng)
        faces[place] = np.rint(_halved(face.astype(np.float32) @ LUMA[:, 0]))
        opacity[place] = _halved(covered.astype(np.float32))
    return faces, opacity


def outlined_covers(
    faces: NDArray[np.uint8], outlines: Sequence[NDArray[np.bool_]]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """What really covers faces, cut out along its patches with a soft edge.

    Parameters
    ----------
    faces : (n, 56, 56) uint8
    outlines : n of (14, 14) bool
        True = covered.
    """
    masks = torch.from_numpy(np.stack(outlines))[:, None].float()
    soft = F.interpolate(masks, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return faces, soft[:, 0].numpy()


def _halved(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of every 2 x 2 pixels: (112, 112) to (56, 56)."""
    halved: NDArray[np.float32] = picture.reshape(SIDE, 2, SIDE, 2).mean((1, 3))
    return halved
