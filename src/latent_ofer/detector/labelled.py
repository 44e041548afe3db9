"""Faces that the `labelled` detector learns from: really covered, really clean, and pasted on."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from latent_ofer.datasets.covers import TYPES, Cover, Face
from latent_ofer.datasets.pool import SIZE, FacePool, resized
from latent_ofer.detector.synthetic import Occluder, Patches, Sample, greyed, worn
from latent_ofer.occlusion.patches import GRID, OCCLUDED_SHARE, patch_pixels
from latent_ofer.results import HIDING
from latent_ofer.training.batch import Drawn, shared_out

UNKNOWN = -1


class Batch(NamedTuple):
    """Training faces with what is known of them.

    Attributes
    ----------
    faces : (B, 3, 112, 112) float in [0, 1]
    hidden : (B, 196) bool
        Patches known to be hidden.
    visible : (B, 196) bool
        Patches known to be visible. What is neither is unknown, or on an edge.
    covered : (B,) bool
        Something hides a part of the face, nobody has said which.
    types : (B, 8) int
        1 where that type lies somewhere over the face, 0 where it does not, `UNKNOWN` otherwise.
    over : (B,) int
        Index into `HIDING` of the one type that hides the patches known to be hidden, `UNKNOWN`
        where they are several or nobody has said which.
    each : (B, 3) float
        How many patches, types and types of a patch a face has on average over the batch that
        something is known of: what the loss divides by.
    """

    faces: Tensor
    hidden: Tensor
    visible: Tensor
    covered: Tensor
    types: Tensor
    over: Tensor
    each: Tensor

    @classmethod
    def of(
        cls,
        faces: Tensor,
        hidden: Tensor,
        visible: Tensor,
        covered: Tensor,
        types: Tensor,
        over: Tensor,
    ) -> "Batch":
        """With what the loss divides by."""
        sole = hidden & (over >= 0)[:, None]
        told = [hidden | visible, types >= 0, sole.repeat(1, len(HIDING))]
        each = torch.stack([shared_out(known) for known in told], 1)
        return cls(faces, hidden, visible, covered, types, over, each)


@dataclass(frozen=True)
class Shares:
    """Faces of each kind in a batch; only the ratios count.

    Attributes
    ----------
    clean, clean_colour : int
        Nothing lies over them; grey ones, and ones in colour, of which some were not looked at.
    harmless : int
        Clear glasses, letters or shadow alone.
    covered : int
        Really hidden in part.
    pasted, pasted_colour : int
        Clean ones with something made up in front of them.
    """

    clean: int
    clean_colour: int
    harmless: int
    covered: int
    pasted: int
    pasted_colour: int


class LabelledFaces:
    """Draws batches of training faces.

    Parameters
    ----------
    pool : FacePool
        n training faces.
    occluder : Occluder
        Of the same pool.
    covers : mapping of (source, name) to Cover
    outlines : mapping of (source, name) to (14, 14) bool
    """

    def __init__(
        self,
        pool: FacePool,
        occluder: Occluder,
        covers: Mapping[Face, Cover],
        outlines: Mapping[Face, Patches],
    ) -> None:
        self.pool, self.occluder = pool, occluder
        faces = pool.keys
        known = [covers.get(face) for face in faces]
        self.covers = known
        self.outlines = [outlines.get(face) for face in faces]
        unseen = np.array([cover is None for cover in known])
        # Where nobody has looked at any, all count as clean.
        clean = np.array([cover is not None and not cover.named for cover in known]) | unseen.all()
        harmless = clean | np.array([cover is not None and cover.harmless for cover in known])
        hides = np.array([cover is not None and cover.hides for cover in known])
        self.covered_odds = _odds([cover for cover in known if cover is not None and cover.hides])
        colour = pool.colour
        self.kinds = {
            "clean": np.flatnonzero(clean & ~colour),
            "clean_colour": np.flatnonzero((clean | unseen) & colour),
            "harmless": np.flatnonzero(harmless & ~clean),
            "covered": np.flatnonzero(hides),
            "pasted": np.flatnonzero(harmless & ~colour),
            "pasted_colour": np.flatnonzero((harmless | unseen) & colour),
        }

    def batch(self, shares: Shares, rng: Generator, torch_rng: torch.Generator) -> Drawn:
        """As many faces of each kind as `shares` says, moved, relit and worn alike: a `Batch`."""
        samples, types, over, covered, drawn = [], [], [], [], []
        for kind, count in vars(shares).items():
            rows = self.kinds[kind]
            odds = self.covered_odds if kind == "covered" else None
            for row in rng.choice(rows, size=count, p=odds) if len(rows) else ():
                cover = self.covers[row]
                if kind.startswith("pasted"):
                    sample, of = self.occluder.typed_sample(int(row), rng)
                    types.append(_pasted_types(cover, of))
                else:
                    sample, of = self._real(int(row), rng), _only(cover)
                    types.append(_type_row(cover))
                samples.append(sample)
                drawn.append(row)
                over.append(UNKNOWN if of is None else HIDING.index(of))
                covered.append(kind == "covered" and self.outlines[row] is None)
        moved = _moved(samples, torch_rng)
        faces, share, unlabelled = moved[:, :3], moved[:, 3], moved[:, 4]
        parts = [
            F.avg_pool2d(part[:, None], SIZE // GRID).flatten(1) for part in (share, unlabelled)
        ]
        doubtful, open_ = parts[1] > 0.1, torch.tensor(covered)[:, None]
        batch = Batch.of(
            faces,
            (parts[0] >= OCCLUDED_SHARE) & ~open_,
            (parts[0] == 0) & ~doubtful & ~open_,
            torch.tensor(covered),
            torch.tensor(np.stack(types)),
            torch.tensor(over),
        )
        return Drawn(np.array(drawn), batch)

    def _real(self, row: int, rng: Generator) -> Sample:
        """A face as it is, with its outline where it has one."""
        native = self.pool.native(row)
        face = resized(native.image)
        if not native.grey and rng.random() < 0.1:
            face = greyed(face)
        outline = self.outlines[row]
        hidden = np.zeros((GRID, GRID), dtype=np.bool_) if outline is None else outline
        # Drawn by eye, cell by cell: the ring around it is for nobody to learn from.
        ring = np.zeros_like(hidden) if outline is None else _grown(hidden) & ~hidden
        unlabelled = ring | self.occluder.unlabelled[row]
        covered = patch_pixels(hidden, SIZE)
        if rng.random() < 0.5:
            face, covered, unlabelled = face[:, ::-1], covered[:, ::-1], unlabelled[:, ::-1]
        return Sample(worn(face, rng), covered, unlabelled)


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask (14, 14) with the patches beside it, corners too."""
    padded = np.pad(mask, 1)
    shifts = [(down, across) for down in range(3) for across in range(3)]
    parts = [padded[d : d + GRID, a : a + GRID] for d, a in shifts]
    grown: NDArray[np.bool_] = np.logical_or.reduce(parts)
    return grown


def _odds(covers: list[Cover]) -> NDArray[np.float64]:
    """How often each is drawn: its rarest type by the square root of how many there are.

    Hands would else leave no room for cloth.
    """
    sizes = Counter(name for cover in covers for name in cover.agreed)
    rarest = [min(sizes[name] for name in cover.agreed.intersection(HIDING)) for cover in covers]
    odds = np.array(rarest, dtype=np.float64) ** -0.5
    shares: NDArray[np.float64] = odds / max(odds.sum(), 1e-9)
    return shares


def _only(cover: Cover | None) -> str | None:
    """The one type that hides a face, by both looks."""
    hiding = cover.named.intersection(HIDING) if cover is not None and cover.hides else frozenset()
    return next(iter(hiding)) if len(hiding) == 1 else None


def _pasted_types(cover: Cover | None, of: str | None) -> NDArray[np.int64]:
    """What lies over a face that had nothing hiding it: what was pasted, and below it who knows."""
    row = np.full(len(TYPES), UNKNOWN)
    if of is not None and cover is not None:
        row[: len(HIDING)] = 0
    if of is not None:
        row[TYPES.index(of)] = 1
    return row


def _type_row(cover: Cover | None) -> NDArray[np.int64]:
    row = np.full(len(TYPES), UNKNOWN)
    if cover is not None:
        for place, name in enumerate(TYPES):
            if name in cover.agreed or name not in cover.named:
                row[place] = name in cover.agreed
    return row


def _moved(samples: list[Sample], generator: torch.Generator) -> Tensor:
    """Turn, zoom and shift each face with what covers it: (B, 5, 112, 112) float.

    Channels: red, green and blue in [0, 1], covered, unlabelled.
    """
    planes = np.empty((len(samples), 5, SIZE, SIZE), dtype=np.float32)
    for plane, sample in zip(planes, samples, strict=True):
        plane[:3] = sample.face.transpose(2, 0, 1) / np.float32(255)
        plane[3] = sample.covered
        plane[4] = patch_pixels(sample.unlabelled, SIZE)

    def between(limit: float) -> Tensor:
        return (torch.rand(len(samples), generator=generator) * 2 - 1) * limit

    angle, zoom = between(0.15), 1 + between(0.1)
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    first = torch.stack([cosine, -sine, between(0.1)], 1)
    second = torch.stack([sine, cosine, between(0.1)], 1)
    grid = F.affine_grid(torch.stack([first, second], 1), list(planes.shape), align_corners=False)
    out: Tensor = F.grid_sample(
        torch.from_numpy(planes), grid, padding_mode="reflection", align_corners=False
    )
    return out


def labelled_loss(scores: Tensor, types: Tensor, batch: Batch, sure: float) -> Tensor:
    """Cross-entropy of patches where they are known, of whole faces where only that is.

    A face that is covered nobody has said where has its eight highest patches hidden and the
    lower half of its patches visible (multiple-instance learning); a type lies over a face where
    its four highest patches say so, and over all hidden patches where it is the only one.

    Parameters
    ----------
    scores : (B, 196) float
        Logits.
    types : (B, 8, 196) float
        Logits.
    batch : Batch
    sure : float
        Logit from which a patch that counts as visible is no longer unlearned.

    Returns
    -------
    scalar
    """
    doubtful = batch.visible & (scores.detach() > sure)
    weight = (batch.hidden | (batch.visible & ~doubtful)).to(scores.dtype)
    patches = F.binary_cross_entropy_with_logits(
        scores, batch.hidden.to(scores.dtype), weight, reduction="sum"
    )
    known, of_types, of_patches = batch.each.sum(0).unbind()
    loss = patches / known
    ranked = scores.sort(1, descending=True).values
    high, low = ranked[:, :8], ranked[:, ranked.shape[1] // 2 :]
    weak = F.softplus(-high).mean(1) + F.softplus(low).mean(1)
    loss = loss + 0.3 * (weak * batch.covered).mean()
    whole = types.topk(4, 2).values.mean(2)
    told = (batch.types >= 0).to(whole.dtype)
    kinds = F.binary_cross_entropy_with_logits(
        whole, batch.types.clamp(min=0).to(whole.dtype), told, reduction="sum"
    )
    loss = loss + 0.2 * kinds / of_types
    sole = batch.hidden & (batch.over >= 0)[:, None]
    said = types[:, : len(HIDING)]
    true = F.one_hot(batch.over.clamp(min=0), len(HIDING))[..., None].expand_as(said)
    each = F.binary_cross_entropy_with_logits(said, true.to(said.dtype), reduction="none")
    loss = loss + 0.2 * (each * sole[:, None]).sum() / of_patches
    return loss
