"""Dev faces of the detectors: figures on objects never trained on, thresholds on clean faces."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latent_ofer.datasets.pool import FacePool, Native, protocol_copy, resized
from latent_ofer.datasets.sources import Sources
from latent_ofer.detector.clean import clean_rows, known_covers
from latent_ofer.detector.one_class import KINDS, OneClassDetector
from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.scores import auroc, threshold_at
from latent_ofer.detector.svdd import LatentSVDD
from latent_ofer.detector.synthetic import greyed
from latent_ofer.encoder.train import to_tensor
from latent_ofer.occlusion.patches import border_patches, occluded_patches

FALSE_POSITIVES = {"colour": 0.003, "grey": 0.01}
"""Share of clean dev patches above the thresholds: where the synthetic detector's accuracy on dev
faces, clean and behind objects, was best. Of the grey ones more are really hidden."""
OCCLUDED_FACES = 300
CLEAN_FACES = 1500
DEV_SEED = 1
AT_ONCE = 64


@dataclass(frozen=True)
class DevFaces:
    """Dev faces of one kind over which nothing lies, where that is known.

    Attributes
    ----------
    clean : (n, 112, 112, 3) uint8
    clean_streaks : (n, N) bool
        Patches of these that show the replicated border of a photo: left out everywhere.
    occluded : (m, 112, 112, 3) uint8
        The first of them under the *Objects* protocol, with categories kept from training.
    covered : (m, 112, 112) bool
    """

    clean: NDArray[np.uint8]
    clean_streaks: NDArray[np.bool_]
    occluded: NDArray[np.uint8]
    covered: NDArray[np.bool_]

    def auroc(self, scores: NDArray[np.float32]) -> float:
        """Of scores (m, N) of the occluded faces, patches pooled.

        Border patches, of objects and of photos, are left out.
        """
        scored = ~border_patches(self.covered).reshape(len(self.covered), -1)
        scored &= ~self.clean_streaks[: len(self.covered)]
        hidden = occluded_patches(self.covered).reshape(len(self.covered), -1)
        return auroc(scores[scored], hidden[scored])


def read_dev(sources: Sources) -> dict[str, DevFaces]:
    """Dev faces of both kinds, "colour" and "grey"; see `clean_rows`."""
    pool, cutouts = sources.pool("dev"), sources.cutouts("dev")
    covers, kinds = known_covers(sources), {}
    for kind in KINDS:
        rows = clean_rows(kind, pool, covers, DEV_SEED)[:CLEAN_FACES]
        faces = _faces_of(kind, pool, rows)
        copies = [protocol_copy(face, cutouts, DEV_SEED) for face in faces[:OCCLUDED_FACES]]
        kinds[kind] = DevFaces(
            np.stack([resized(face.image) for face in faces]),
            pool.take(rows).borders,
            np.stack([pasted for pasted, _, _ in copies]),
            np.stack([covered for _, covered, _ in copies]),
        )
    return kinds


def _faces_of(kind: str, pool: FacePool, rows: NDArray[np.int64]) -> list[Native]:
    faces = [pool.native(int(row)) for row in rows]
    if kind == "colour":
        return faces
    return [
        face if face.grey else replace(face, image=greyed(face.image), grey=True) for face in faces
    ]


@torch.no_grad()
def apply(network: Callable[[Tensor], Tensor], faces: NDArray[np.uint8]) -> Tensor:
    """What a network makes of faces (n, S, S, 3) uint8, a batch at a time: (n, ...) float.

    It gets them where it is, when it is a network or a method of one.
    """
    owner = getattr(network, "__self__", network)
    device = next(owner.parameters()).device if isinstance(owner, nn.Module) else None
    parts = [
        network(to_tensor(faces[start : start + AT_ONCE]).to(device)).float().cpu()
        for start in range(0, len(faces), AT_ONCE)
    ]
    return torch.cat(parts)


def dev_figures(score: Callable[[Tensor], Tensor], dev: dict[str, DevFaces]) -> dict[str, float]:
    """AUROC by kind of what scores faces (B, 3, S, S) in [0, 1] as (B, N)."""
    return {
        kind: round(faces.auroc(apply(score, faces.occluded).numpy()), 5)
        for kind, faces in dev.items()
    }


def set_thresholds(
    model: RegionDetector | OneClassDetector | LatentSVDD,
    score: Callable[[Tensor], Tensor],
    dev: dict[str, DevFaces],
) -> None:
    """Let `FALSE_POSITIVES` of the patches of clean dev faces lie above, grey and colour apart.

    The replicated border of photos is no patch of a face.

    Parameters
    ----------
    score : callable
        Faces (B, 3, S, S) in [0, 1] to what is compared with the thresholds (B, N).
    """
    for kind, threshold in (("colour", model.threshold_colour), ("grey", model.threshold_grey)):
        scores = apply(score, dev[kind].clean).numpy()[~dev[kind].clean_streaks]
        threshold.fill_(threshold_at(scores, FALSE_POSITIVES[kind]))
