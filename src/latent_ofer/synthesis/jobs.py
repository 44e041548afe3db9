"""One face's share of a synthesis: what goes to a worker process and what comes back."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.pool import FacePool, Native, resized
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.synthesis.manifest import patch_text
from latent_ofer.synthesis.png import png_bytes
from latent_ofer.synthesis.protocols import Settings, occlude


@dataclass(frozen=True)
class HeatMaps:
    """Where a network looks, for the *Grad-CAM* protocol.

    Attributes
    ----------
    of : callable
        Faces (B, 112, 112, 3) uint8 RGB -> (B, 14, 14) float.
    network : str
        Names the network's weights, such as their hash.
    """

    of: Callable[[NDArray[np.uint8]], NDArray[np.floating]]
    network: str


@dataclass(frozen=True)
class Job:
    """A face to hide part of.

    Attributes
    ----------
    face : Native
    heat : (14, 14) float or None
        See `protocols.occlude`.
    path, mask : str
        Where the picture and its mask go, relative to the set's folder.
    """

    face: Native
    heat: NDArray[np.floating] | None
    path: str
    mask: str


@dataclass(frozen=True)
class Maker:
    """Does jobs; can be sent to worker processes.

    It writes the pictures itself: what a worker sends back must be small.
    """

    output: Path
    settings: Settings
    cutouts: list[Cutout] = field(default_factory=list)

    def __call__(self, job: Job) -> dict[str, str]:
        """Hide part of one face and write it; grey where its three channels are equal.

        Returns what the manifest says of it, by column.
        """
        result = occlude(job.face, self.settings, self.cutouts, job.heat)
        image = result.image
        if (image == image[..., :1]).all():
            image = np.ascontiguousarray(image[..., 0])
        write_whole(self.output / job.path, png_bytes(image))
        mask = result.covered * np.uint8(255)
        write_whole(self.output / job.mask, png_bytes(mask))
        return {
            "path": job.path,
            "mask": job.mask,
            "category": result.category,
            "occluder": result.occluder,
            "coverage_wanted": "" if result.wanted is None else f"{result.wanted:.6f}",
            "coverage": f"{result.covered.mean():.6f}",
            "image_sha256": sha256(image.tobytes()).hexdigest(),
            "mask_sha256": sha256(mask.tobytes()).hexdigest(),
            "patches": patch_text(result.covered),
        }


def write_whole(path: Path, data: bytes) -> None:
    """Write beside the final place and rename, so that no half of a file is ever there.

    What a killed run leaves beside it is overwritten by the next.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(data)
    os.replace(partial, path)


def jobs_for(
    pool: FacePool, rows: Sequence[int], paths: Sequence[str], heat: HeatMaps | None
) -> list[Job]:
    """Jobs for some faces of a pool, whose pictures go to the paths of the same places.

    Heat maps are made here, in the process that owns the network, and for one face at a time:
    the last bits of a network's output depend on the size of its batch.
    """
    jobs = []
    for row, path in zip(rows, paths, strict=True):
        face = pool.native(row)
        hot = None if heat is None else heat.of(resized(face.image)[None])[0]
        jobs.append(Job(face, hot, path, path.replace("images/", "pixels/", 1)))
    return jobs
