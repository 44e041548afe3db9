"""Faces as the recogniser's CNN looks at them, and what it makes of those of dev."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from latent_ofer.datasets.covers import shipped_covers
from latent_ofer.datasets.pool import FacePool, protocol_copy
from latent_ofer.datasets.sources import Sources
from latent_ofer.encoder.masks import HoleBank
from latent_ofer.occlusion.patches import GRID, occluded_patches
from latent_ofer.occlusion.procedural import LUMA
from latent_ofer.recogniser.cnn import SIDE

AT_ONCE = 256
DEV_HIDDEN = 0.25
DEV_SEED = 1


def small_faces(pool: FacePool) -> NDArray[np.uint8]:
    """All faces as the CNN looks at them: (n, 56, 56) uint8, by way of 112 px as in use."""
    small = np.empty((len(pool), SIDE, SIDE), dtype=np.uint8)
    for start in range(0, len(pool), AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, len(pool)))
        for row, face in zip(rows, pool.batch(rows), strict=True):
            small[row] = _halved_grey(face)
    return small


def _halved_grey(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(112, 112, 3) or (112, 112, 1) to (56, 56)."""
    grey = face[..., 0] if face.shape[-1] == 1 else np.rint(face @ LUMA)[..., 0].astype(np.uint8)
    return np.asarray(Image.fromarray(grey).reduce(face.shape[0] // SIDE))


class DevFaces:
    """Dev faces as they are, with patches blanked, behind objects, and those really covered."""

    def __init__(self, sources: Sources, pool: FacePool, bank: HoleBank) -> None:
        pool = pool.take(np.flatnonzero(pool.labels >= 0))
        self._labels = torch.from_numpy(pool.labels)
        self._faces = torch.from_numpy(small_faces(pool))[:, None]
        covers = shipped_covers()
        hides = [face in covers and covers[face].hides for face in pool.keys]
        self._covered = torch.tensor(hides, dtype=torch.bool)
        count = np.full(len(pool), round(DEV_HIDDEN * GRID**2))
        self._holes = patch_masks(bank, np.random.default_rng(1), count)
        self._nothing = torch.zeros_like(self._holes)
        cutouts = sources.cutouts("dev")
        copies = [protocol_copy(pool.native(row), cutouts, DEV_SEED) for row in range(len(pool))]
        behind = np.stack([_halved_grey(face) for face, _, _ in copies])
        self._behind = torch.from_numpy(behind)[:, None]
        hidden = np.stack([occluded_patches(covered) for _, covered, _ in copies])
        self._objects = torch.from_numpy(hidden)

    def figures(self, net: nn.Module) -> dict[str, float]:
        """Share of them that are read right."""
        whole = self._right(net, self._faces, self._nothing)
        found = {
            "dev_accuracy": whole,
            "dev_accuracy_hidden": self._right(net, self._faces, self._holes),
            "dev_objects": self._right(net, self._behind, self._nothing),
            "dev_objects_told": self._right(net, self._behind, self._objects),
        }
        if self._covered.any():
            found["dev_covered"] = whole[self._covered]
        return {name: float(right.float().mean()) for name, right in found.items()}

    def _right(self, net: nn.Module, faces: Tensor, masks: Tensor) -> Tensor:
        return _labels(net, faces, masks) == self._labels


def _labels(net: nn.Module, faces: Tensor, masks: Tensor) -> Tensor:
    device = next(net.parameters()).device
    found = []
    for part, mask in zip(faces.split(AT_ONCE), masks.split(AT_ONCE), strict=True):
        logits, _ = net(part.to(device).float() / 255, mask.to(device))
        found.append(logits.argmax(1).cpu())
    return torch.cat(found)


def patch_masks(bank: HoleBank, rng: np.random.Generator, counts: NDArray[np.int64]) -> Tensor:
    """Holes of the given numbers of patches: (n, 14, 14) bool, True = hidden."""
    orders = bank.orders[rng.integers(len(bank.orders), size=len(counts))]
    masks = np.zeros(orders.shape, dtype=np.bool_)
    np.put_along_axis(masks, orders, np.arange(GRID**2) < counts[:, None], axis=1)
    return torch.from_numpy(masks.reshape(-1, GRID, GRID))
