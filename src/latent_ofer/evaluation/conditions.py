"""Faces clean and hidden in every way (protocols, *Recognition*, *Detection*, *Repair*)."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latent_ofer.arrays import Pixels, is_grey
from latent_ofer.datasets.pool import resized
from latent_ofer.errors import DataError
from latent_ofer.evaluation.faces import ChosenFaces
from latent_ofer.occlusion.irregular import BINS
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.occlusion.patches import border_patches, occluded_patches, touched_patches
from latent_ofer.progress import track
from latent_ofer.synthesis.jobs import HeatMaps
from latent_ofer.synthesis.protocols import Occluded, Settings, occlude
from latent_ofer.synthesis.records import described, picture_paths, versions

SHARES: Final = (10, 20, 30, 40, 50, 60, 70)
SWEEPS: Final = ("random", "grad-cam")
"""Protocols that hide a share of the patches."""
COVERED: Final = "covered"
"""Of the chosen faces, those that something really covers, as they are."""
CONDITIONS: Final = (
    "clean",
    COVERED,
    "objects",
    "eyes",
    "mouth",
    *(f"{sweep}-{share}" for sweep in SWEEPS for share in SHARES),
)
"""What `evaluate occlusion` measures unless it is told otherwise."""
HOLES: Final = {f"{100 * low:.0f}-{100 * high:.0f}": (low, high) for low, high in BINS}
KEPT: Final = 4096
"""Faces whose copies are kept for the next method: 200 MB at most."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Condition:
    """One way of hiding faces.

    Attributes
    ----------
    name : str
        Such as "clean", "objects" or "random-30".
    settings : Settings or None
        None hides nothing.
    """

    name: str
    settings: Settings | None

    @property
    def protocol(self) -> str:
        """Its protocol, or "clean" or "covered"."""
        return self.settings.protocol if self.settings else self.name

    @property
    def share(self) -> int:
        """Per cent of the patches that a sweep hides; 0 for everything else."""
        return self.settings.share if self.settings else 0


def condition(name: str, seed: int) -> Condition:
    """A condition by its name.

    Parameters
    ----------
    name : str
        clean, covered, objects, procedural, eyes, mouth, random-P, grad-cam-P (P per cent of the
        patches) or irregular-LOW-HIGH (one of the six bins).
    seed : int
        Of its generators.

    Raises
    ------
    DataError
        For any other name.
    """
    if name in ("clean", COVERED):
        return Condition(name, None)
    if name in ("objects", "procedural", "eyes", "mouth"):
        return Condition(name, Settings(name, seed))  # type: ignore[arg-type]
    swept = re.fullmatch(r"(random|grad-cam)-([1-9]\d?|100)", name)
    if swept is not None:
        sweep = "random" if swept[1] == "random" else "grad-cam"
        return Condition(name, Settings(sweep, seed, share=int(swept[2])))  # type: ignore[arg-type]
    hole = HOLES.get(name.removeprefix("irregular-"))
    if hole is not None and name.startswith("irregular-"):
        return Condition(name, Settings("irregular", seed, hole=hole))
    raise DataError(
        f"{name}: no such condition; write clean, covered, objects, procedural, eyes, mouth, "
        f"random-30, grad-cam-30 or irregular-{next(iter(HOLES))}"
    )


@dataclass(frozen=True)
class Heat:
    """Where a network looks on each chosen face, for *Grad-CAM*.

    Attributes
    ----------
    maps : HeatMaps
        What it was made by.
    values : (n, 14, 14) float32
    """

    maps: HeatMaps
    values: NDArray[np.float32]


class Batch:
    """Some faces under a condition, B of them; nothing of them is made before it is asked for.

    Parameters
    ----------
    faces : HiddenFaces
    rows : sequence of B int
    """

    def __init__(self, faces: "HiddenFaces", rows: Sequence[int]) -> None:
        self._faces, self._rows = faces, rows
        self.condition = faces.condition
        self.ids = [faces.faces.ids[row] for row in rows]

    @property
    def paths(self) -> list[str]:
        """Of their pictures in a folder of pictures."""
        return [self._faces.paths[row] for row in self._rows]

    @cached_property
    def made(self) -> list[Occluded]:
        """The faces as the condition leaves them, with what hides them."""
        return [self._faces.made(row) for row in self._rows]

    @cached_property
    def clean(self) -> Pixels:
        """(B, 112, 112, 3) uint8 RGB, with nothing over them."""
        return self._faces.faces.pool.batch(np.array(self._rows, dtype=np.int64))

    @cached_property
    def shown(self) -> Pixels:
        """(B, 112, 112, 3) uint8 RGB, as the condition leaves them."""
        return np.stack([one.image for one in self.made])

    @cached_property
    def covered(self) -> Mask:
        """(B, 112, 112): hidden pixels."""
        return np.stack([one.covered for one in self.made])

    @cached_property
    def hole(self) -> Mask:
        """(B, 14, 14): patches that are hidden in part at least."""
        return touched_patches(self.covered)

    def truth(self) -> dict[str, NDArray[Any]]:
        """What hides the faces.

        Returns
        -------
        dict
            ``hidden`` and ``used`` (B, 196) bool: patches of which a quarter is covered at least,
            and those that are no border of it; ``category`` (B,) str of the object;
            ``coverage`` (B,) share of the pixels; ``grey`` and ``grey_shown`` (B,) bool: whether
            the clean face, and the hidden one, has no colour.
        """
        return {
            "hidden": occluded_patches(self.covered).reshape(len(self.ids), -1),
            "used": ~border_patches(self.covered).reshape(len(self.ids), -1),
            "category": np.array([one.category for one in self.made], dtype=str),
            "coverage": self.covered.mean(axis=(1, 2)),
            "grey": is_grey(self.clean),
            "grey_shown": is_grey(self.shown),
        }


class HiddenFaces:
    """Chosen faces under one condition, each made when it is asked for.

    Parameters
    ----------
    faces : ChosenFaces
    condition : Condition
    cutouts : sequence of Cutout
        For *Objects*.
    heat : Heat or None
        For *Grad-CAM*.
    """

    def __init__(
        self,
        faces: ChosenFaces,
        condition: Condition,
        cutouts: Sequence[Cutout] = (),
        heat: Heat | None = None,
    ) -> None:
        self.faces = faces
        self.condition = condition
        self._cutouts = list(cutouts)
        self._heat = heat
        self._made: dict[int, Occluded] = {}

    def __len__(self) -> int:
        return len(self.faces)

    def made(self, row: int) -> Occluded:
        """The face as the condition leaves it, with what hides it."""
        if row not in self._made:
            made = self._make(row)
            if len(self._made) >= KEPT:
                return made
            self._made[row] = made
        return self._made[row]

    def batch(self, rows: Sequence[int]) -> Batch:
        """Some of the faces; each is the same in whichever company."""
        return Batch(self, rows)

    @cached_property
    def key(self) -> str:
        """All that decides what the pictures look like, but for the faces themselves."""
        settings = self.condition.settings
        if settings is None:
            return json.dumps({"protocol": "clean", **versions()})
        maps = self._heat.maps if self._heat and settings.protocol == "grad-cam" else None
        return json.dumps(described(settings, self._cutouts, maps) | versions())

    @cached_property
    def paths(self) -> list[str]:
        """Where each picture lies in a folder of pictures, such as ``objects/ferplus/fer1.png``.

        Other tools tell by these paths what they answered under which condition.
        """
        sources, names = zip(*(face.split("/", 1) for face in self.faces.ids), strict=True)
        return [
            path.replace("images", self.condition.name, 1) for path in picture_paths(sources, names)
        ]

    def write_pictures(self, folder: Path) -> None:
        """Write every face as PNG under its path: for a tool that cannot be called from here.

        Raises
        ------
        OSError
            If they cannot be written.
        """
        paths = [folder / path for path in self.paths]
        for row, path in track(enumerate(paths), len(paths), f"writing {self.condition.name}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(self.made(row).image).save(path)

    def _make(self, row: int) -> Occluded:
        face = self.faces.pool.native(row)
        settings = self.condition.settings
        if settings is None:
            image = resized(face.image)
            return Occluded(image, np.zeros(image.shape[:2], dtype=np.bool_))
        heat = self._heat.values[row] if self._heat is not None else None
        return occlude(face, settings, self._cutouts, heat)
