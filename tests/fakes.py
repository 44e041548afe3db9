"""Deterministic stand-ins for the networks and the face finder: no weights, no engine."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latent_ofer.backends.protocol import Floats, Mask, no_types
from latent_ofer.pipeline import LatentOFER
from latent_ofer.results import COVER_TYPES
from latent_ofer.weights_folder import Thresholds

RED = np.array([255, 0, 0], dtype=np.uint8)
"""A patch painted in this colour counts as hidden for the fake detector."""


def patches(faces: Floats) -> Floats:
    """(B, 3, 112, 112) to (B, 196, 192): each patch's pixels in a row."""
    grid = faces.reshape(len(faces), 3, 14, 8, 14, 8).transpose(0, 2, 4, 1, 3, 5)
    return np.ascontiguousarray(grid.reshape(len(faces), 196, 192))


class FakeBackend:
    """Answers from the pixels alone, and counts its calls."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.repaired = 0

    def encode(self, faces: Floats) -> Floats:
        return patches(faces)

    @property
    def detects_on_latents(self) -> bool:
        return False

    @property
    def recognises_on_latents(self) -> bool:
        return True

    def detect(self, faces: Floats, latents: Floats) -> tuple[Floats, Floats]:
        self.batches.append(len(faces))
        cells = patches(faces)
        red, green = cells[:, :, :64].mean(axis=2), cells[:, :, 64:128].mean(axis=2)
        scores = np.clip(red - green, 0, 1)
        return scores, no_types(scores)

    def reconstruct(self, faces: Floats, mask: Mask) -> Floats:
        self.repaired += len(faces)
        pixels = mask.repeat(8, axis=1).repeat(8, axis=2)[:, None]
        return np.where(pixels, np.float32(0.5), faces)

    def recognise(self, faces: Floats, latents: Floats, mask: Mask) -> tuple[Floats, Floats]:
        levels = faces.reshape(len(faces), 3, 8, -1).mean(axis=(1, 3))
        logits = 8 * levels + mask.mean(axis=(1, 2), dtype=np.float32)[:, None] * np.arange(8)
        attention = latents.mean(axis=2).reshape(-1, 14, 14)
        return logits.astype(np.float32), attention


class ViewsBackend(FakeBackend):
    """One whose recogniser reads no latents and does not look at the patches of the mask."""

    @property
    def recognises_on_latents(self) -> bool:
        return False

    def encode(self, faces: Floats) -> Floats:
        raise AssertionError("nobody reads latents")

    def recognise(self, faces: Floats, latents: Floats, mask: Mask) -> tuple[Floats, Floats]:
        assert not latents.size
        pixels = mask.repeat(8, axis=1).repeat(8, axis=2)[:, None]
        seen = np.where(pixels, np.float32(0), faces)
        return super().recognise(seen, patches(seen), np.zeros_like(mask))


class TypesBackend(ViewsBackend):
    """One that tells what hides a face: a hand in the upper half, an object in the lower."""

    def detect(self, faces: Floats, latents: Floats) -> tuple[Floats, Floats]:
        scores, _ = super().detect(faces, latents)
        types = np.zeros((len(faces), len(COVER_TYPES), 196), np.float32)
        types[:, COVER_TYPES.index("hand"), :98] = scores[:, :98]
        types[:, COVER_TYPES.index("object"), 98:] = scores[:, 98:]
        return scores, types


@dataclass(frozen=True)
class Found:
    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float64]
    score: float = 1.0


class FakeFinder:
    """Finds the faces that it was told of, in any photo but a plain one."""

    def __init__(self, landmarks: list[NDArray[np.float64]]) -> None:
        self.landmarks = landmarks

    def find(self, image: NDArray[np.uint8]) -> list[Found]:
        if image.min() == image.max():
            return []
        return [Found((*p.min(axis=0), *p.max(axis=0)), p) for p in self.landmarks]


def fake_model(finder: FakeFinder | None = None) -> tuple[LatentOFER, FakeBackend]:
    backend = FakeBackend()
    return LatentOFER(backend, Thresholds(colour=0.5, grey=0.25), finder=finder), backend


def hide(face: NDArray[np.uint8], rows: slice, columns: slice) -> NDArray[np.uint8]:
    """Paint whole patches red."""
    hidden = face.copy()
    hidden[rows.start * 8 : rows.stop * 8, columns.start * 8 : columns.stop * 8] = RED
    return hidden
