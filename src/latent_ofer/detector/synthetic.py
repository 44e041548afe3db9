"""Faces with something in front of them, and which of their pixels it covers: no annotation."""

import io
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from latent_ofer.datasets.pool import SIZE, Covered, FacePool, Pixels, resized
from latent_ofer.occlusion.blanks import paste_blank
from latent_ofer.occlusion.cloth import paste_cloth
from latent_ofer.occlusion.drawn_wear import draw_wearable
from latent_ofer.occlusion.hair import paste_hair
from latent_ofer.occlusion.hands import paste_hand
from latent_ofer.occlusion.objects import Cutout, paste_object
from latent_ofer.occlusion.patches import GRID
from latent_ofer.occlusion.procedural import LUMA, paste_patchwork, paste_procedural
from latent_ofer.occlusion.wearables import is_wearable, paste_wearable

Patches = NDArray[np.bool_]
DRAWN = 0.7
"""Share of the wearables that are drawn in training; the others are cut-outs."""
_TYPE_OF: dict[str, str | None] = {
    "mask": "cloth",
    "sunglasses": "sunglasses",
    **dict.fromkeys(("eyeglasses", "novelty_glasses", "facial_hair", "hair", "hat"), None),
}


@dataclass(frozen=True)
class Mix:
    """How often each kind of occlusion is drawn; only the ratios count.

    Attributes
    ----------
    clean : float
        Nothing in front of the face.
    objects, procedural, patchwork, hands, blanks, wearables, cloth, hair : float
        Cut-outs, made-up things, pieces of other faces, hands with a face's skin, blank patches,
        drawn glasses and masks and cut-outs before eyes or mouth in the size that people wear,
        scarves and the like, hair over an eye or across the face.
    """

    clean: float
    objects: float
    procedural: float
    patchwork: float
    hands: float = 0
    blanks: float = 0
    wearables: float = 0
    cloth: float = 0
    hair: float = 0


class Sample(NamedTuple):
    """A training face; or a batch, each field with an axis of faces before its others.

    Attributes
    ----------
    face : (112, 112, 3) uint8 RGB
    covered : (112, 112) bool
        By what was put in front of it.
    unlabelled : (14, 14) bool
        Patches that are no sign of a clean face where nothing covers them.
    """

    face: Pixels
    covered: Covered
    unlabelled: Patches


class Occluder:
    """Draws occluded training faces.

    Parameters
    ----------
    pool : FacePool
        n faces.
    unlabelled : (n, 196) bool
        Patches of each that are neither clean nor hidden: the replicated border of a photo, and
        what is suspected of being hidden although the face counts as clean.
    cutouts : list of Cutout
        A category is drawn in proportion to the square root of its size: the many masks would
        else hide the few laptops.
    mix : Mix
    drawn : float
        Share of the wearables that are drawn by program.
    """

    def __init__(
        self,
        pool: FacePool,
        unlabelled: Patches,
        cutouts: list[Cutout],
        mix: Mix,
        drawn: float = DRAWN,
    ) -> None:
        self.pool = pool
        self.unlabelled = unlabelled.reshape(-1, GRID, GRID)
        self.cutouts = cutouts
        self.drawn = drawn
        sizes = Counter(cutout.category for cutout in cutouts)
        odds = np.array([sizes[cutout.category] ** -0.5 for cutout in cutouts])
        self.cutout_odds = odds / odds.sum()
        self.wearables = [cutout for cutout in cutouts if is_wearable(cutout)]
        shares = np.array(list(asdict(mix).values()))
        self.kind_odds = shares / shares.sum()

    def sample(self, row: int, rng: Generator) -> Sample:
        """One face of the pool, clean or with something in front of it."""
        return self.typed_sample(row, rng)[0]

    def typed_sample(self, row: int, rng: Generator) -> tuple[Sample, str | None]:
        """The same, and which of `datasets.covers.TYPES` lies over it, where it is one of them."""
        native = self.pool.native(row)
        kind = rng.choice(len(self.kind_odds), p=self.kind_odds)
        of, beside = None, np.zeros((SIZE, SIZE), dtype=np.bool_)
        if kind == 0:
            face = resized(native.image)
            covered = np.zeros((SIZE, SIZE), dtype=np.bool_)
        elif kind == 1:
            cutout = varied(self.cutouts[rng.choice(len(self.cutouts), p=self.cutout_odds)], rng)
            of = type_of(cutout)
            face, covered = paste_object(
                native.image, native.landmarks, cutout, rng, size=SIZE, grey=native.grey
            )
        elif kind == 2:
            face, covered = paste_procedural(native.image, rng, size=SIZE, grey=native.grey)
        elif kind == 3:
            other = neighbour(self.pool, row, rng)
            face, covered = both_resized(*paste_patchwork(native.image, other, rng))
        elif kind == 4:
            # Most often a hand in front of a face is that face's own.
            donor = native.image if rng.random() < 0.5 else neighbour(self.pool, row, rng)
            face, covered = both_resized(*paste_hand(native.image, donor, rng))
            of = "hand"
        elif kind == 5:
            points = (native.landmarks + 0.5) * SIZE / len(native.image) - 0.5
            face, covered = paste_blank(resized(native.image), points, rng, grey=native.grey)
        elif kind == 6:
            cutout = recoloured(self._wearable(rng), rng)
            of = type_of(cutout)
            face, covered = paste_wearable(
                native.image, native.landmarks, cutout, rng, size=SIZE, grey=native.grey
            )
        else:
            paste, of = (paste_cloth, "cloth") if kind == 7 else (paste_hair, "hair")
            made = paste(native.image, native.landmarks, rng, grey=native.grey)
            face, covered = both_resized(*made[:2])
            beside = both_resized(*made[::2])[1]
        if not native.grey and rng.random() < 0.1:
            face = greyed(face)
        unlabelled = self.unlabelled[row] | patches_of(beside)
        if rng.random() < 0.5:
            face, covered, unlabelled = face[:, ::-1], covered[:, ::-1], unlabelled[:, ::-1]
        return Sample(worn(face, rng), covered, unlabelled), of

    def batch(self, rows: NDArray[np.int64], rng: Generator) -> Sample:
        """Several faces of the pool, each as `sample` draws it."""
        samples = [self.sample(int(row), rng) for row in rows]
        return Sample(*(np.stack(parts) for parts in zip(*samples, strict=True)))

    def _wearable(self, rng: Generator) -> Cutout:
        """Something drawn by program, or one of the cut-outs where there are any."""
        if rng.random() < self.drawn or not self.wearables:
            return draw_wearable(rng)
        return self.wearables[rng.integers(len(self.wearables))]


def type_of(cutout: Cutout) -> str | None:
    """What a cut-out counts as among the types of real covers; None where it is unlike them."""
    return _TYPE_OF.get(cutout.category, "object")


def patches_of(pixels: Covered) -> Patches:
    """Patches (14, 14) that hold any of some pixels (112, 112)."""
    cell = SIZE // GRID
    return np.asarray(pixels.reshape(GRID, cell, GRID, cell).any(axis=(1, 3)))


def neighbour(pool: FacePool, row: int, rng: Generator) -> Pixels:
    """Any face of the same set, so of the same size, grey if this one is: (S, S, 3) uint8."""
    rows = pool.siblings(row)
    other = pool.native(int(rows[rng.integers(len(rows))])).image
    return other if pool.colour[row] else greyed(other)


def both_resized(face: Pixels, covered: Covered) -> tuple[Pixels, Covered]:
    """A face of its own resolution and what covers it, as the networks see them."""
    return resized(face), resized(covered.astype(np.uint8) * 255) > 127


def greyed(face: Pixels) -> Pixels:
    """Luma of a face in all three channels: (S, S, 3) uint8."""
    return np.repeat(np.rint(face @ LUMA).astype(np.uint8), 3, axis=2)


def recoloured(cutout: Cutout, rng: Generator) -> Cutout:
    """A cut-out mirrored or in other colours, now and then."""
    rgba = cutout.rgba
    if rng.random() < 0.5:
        rgba = rgba[:, ::-1]
    if rng.random() < 0.3:
        rgba = rgba[..., [*rng.permutation(3), 3]]
    return replace(cutout, rgba=np.ascontiguousarray(rgba))


def varied(cutout: Cutout, rng: Generator) -> Cutout:
    """A cut-out as `recoloured` makes it, now and then at another anchor."""
    changed = recoloured(cutout, rng)
    return replace(changed, anchor="any") if rng.random() < 0.3 else changed


def worn(face: Pixels, rng: Generator) -> Pixels:
    """The whole picture relit, blurred or sharpened, reduced, noisy or recompressed.

    What is pasted and what is below it wear alike, so that a difference in noise or sharpness is
    a weaker cue than what the things are.
    """
    picture = Image.fromarray(np.ascontiguousarray(face))
    if rng.random() < 0.2:
        side = int(rng.integers(40, 100))
        picture = picture.resize((side, side), Image.Resampling.BICUBIC)
        picture = picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    chance = rng.random()
    if chance < 0.2:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    elif chance < 0.3:
        picture = picture.filter(ImageFilter.UnsharpMask(1, int(rng.integers(30, 120)), 0))
    if rng.random() < 0.2:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=int(rng.integers(35, 95)))
        picture = Image.open(stream)
    values = np.asarray(picture, dtype=np.float32) / np.float32(255)
    values = values ** np.float32(np.exp(rng.uniform(-0.35, 0.35)))
    mean = values.mean()
    values = (values - mean) * np.float32(rng.uniform(0.75, 1.25)) + mean + rng.uniform(-0.1, 0.1)
    if rng.random() < 0.3:
        strength = np.float32(rng.uniform(0, 0.03))
        values = values + strength * rng.standard_normal((SIZE, SIZE, 1), dtype=np.float32)
    levels: Pixels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return levels
