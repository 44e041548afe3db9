"""What each protocol of synthetic occlusion does to one face."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from latent_ofer.datasets.pool import SIZE, Native, resized
from latent_ofer.occlusion.blocks import eye_patches, hottest_patches, mouth_patches, random_patches
from latent_ofer.occlusion.exact import mean_colour
from latent_ofer.occlusion.irregular import irregular_mask
from latent_ofer.occlusion.objects import Cutout, compose_object
from latent_ofer.occlusion.patches import patch_pixels
from latent_ofer.occlusion.procedural import compose_procedural
from latent_ofer.occlusion.seeds import image_rng

Protocol = Literal["objects", "procedural", "irregular", "random", "grad-cam", "eyes", "mouth"]
DRAWN_COVERAGE = frozenset({"objects", "procedural"})
"""Protocols that draw how much of a face to cover."""


@dataclass(frozen=True)
class Settings:
    """What is to be done to every face.

    Attributes
    ----------
    protocol : str
    seed : int
    coverage : (low, high)
        Objects and procedural: share of the pixels to cover, in 0-1.
    share : int
        Random and Grad-CAM: per cent of the patches.
    hole : (low, high)
        Irregular: share of the pixels, one of `irregular.BINS`.
    """

    protocol: Protocol
    seed: int = 7
    coverage: tuple[float, float] = (0.05, 0.40)
    share: int = 0
    hole: tuple[float, float] = (0.20, 0.30)


@dataclass(frozen=True)
class Occluded:
    """A face with part of it hidden.

    Attributes
    ----------
    image : (112, 112, 3) uint8 RGB
    covered : (112, 112) bool
    category, occluder : str
        What hides it, and which file it is from; empty where it is no object.
    wanted : float or None
        Share of the pixels that was to be covered, where the protocol wants a certain one.
    """

    image: NDArray[np.uint8]
    covered: NDArray[np.bool_]
    category: str = ""
    occluder: str = ""
    wanted: float | None = None


def occlude(
    face: Native,
    settings: Settings,
    cutouts: list[Cutout],
    heat: NDArray[np.floating] | None = None,
) -> Occluded:
    """Hide part of a face; it and the settings alone decide how.

    Parameters
    ----------
    face : Native
    settings : Settings
    cutouts : list of Cutout
        For the *Objects* protocol; the generator draws one.
    heat : (14, 14) float, optional
        For *Grad-CAM*.
    """
    rng = image_rng(settings.seed, settings.protocol, face.source, face.name)
    if settings.protocol == "objects":
        return _with_object(face, settings, cutouts, rng)
    if settings.protocol == "procedural":
        made = compose_procedural(
            face.image, rng, size=SIZE, grey=face.grey, coverage=settings.coverage
        )
        return Occluded(made.face, made.covered, wanted=made.wanted)
    image = resized(face.image)
    if settings.protocol == "irregular":
        hidden = irregular_mask(rng, SIZE, settings.hole)
        return Occluded(_filled(image, hidden, np.rint(mean_colour(image))), hidden)
    hidden = patch_pixels(_patches(face, settings, rng, heat), SIZE)
    wanted = settings.share / 100 if settings.share else None
    return Occluded(_filled(image, hidden, np.zeros(3)), hidden, wanted=wanted)


def _with_object(
    face: Native, settings: Settings, cutouts: list[Cutout], rng: Generator
) -> Occluded:
    cutout = cutouts[int(rng.integers(len(cutouts)))]
    made = compose_object(
        face.image,
        face.landmarks,
        cutout,
        rng,
        size=SIZE,
        grey=face.grey,
        coverage=settings.coverage,
    )
    return Occluded(made.face, made.covered, cutout.category, cutout.name, made.wanted)


def _patches(
    face: Native, settings: Settings, rng: Generator, heat: NDArray[np.floating] | None
) -> NDArray[np.bool_]:
    if settings.protocol == "random":
        return random_patches(rng, settings.share)
    if settings.protocol == "grad-cam":
        if heat is None:
            raise ValueError("the grad-cam protocol needs a heat map for each face")
        return hottest_patches(heat, settings.share)
    landmarks = (face.landmarks + 0.5) * SIZE / face.image.shape[0] - 0.5
    return eye_patches(landmarks) if settings.protocol == "eyes" else mouth_patches(landmarks)


def _filled(
    image: NDArray[np.uint8], hidden: NDArray[np.bool_], colour: NDArray[np.float64]
) -> NDArray[np.uint8]:
    filled = image.copy()
    filled[hidden] = colour.astype(np.uint8)
    return filled
