"""What a synthesised set says of itself: its settings, its digest, the paths of its pictures."""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np

from latent_ofer.names import name_bytes
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.synthesis.jobs import HeatMaps
from latent_ofer.synthesis.manifest import Row
from latent_ofer.synthesis.protocols import DRAWN_COVERAGE, Settings

PACKAGES = ("latent-ofer", "numpy", "pillow")
"""What draws and decodes: other versions may give other pictures."""


LONGEST = 200
"""Bytes of a file's name; with what is put behind it, it stays below the 255 that systems take."""
DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))]
)
"""Names that Windows keeps for itself, whatever their ending."""


def versions() -> dict[str, str]:
    """Versions of what the pictures depend on."""
    return {package: version(package) for package in PACKAGES}


def described(
    settings: Settings, cutouts: Sequence[Cutout], heat: HeatMaps | None
) -> dict[str, Any]:
    """Those settings that matter to the protocol, as plain values; shares in per cent."""
    protocol = settings.protocol
    told: dict[str, Any] = {"protocol": protocol, "seed": settings.seed}
    if protocol in DRAWN_COVERAGE:
        told["coverage"] = [round(100 * share, 6) for share in settings.coverage]
    if protocol == "objects":
        told["occluders"] = {"n": len(cutouts), "sha256": cutouts_sha256(cutouts)}
    if protocol in ("random", "grad-cam"):
        told["share"] = settings.share
    if protocol == "irregular":
        told["hole"] = [round(100 * share, 6) for share in settings.hole]
    if heat is not None:
        told["network"] = heat.network
    return told


def cutouts_sha256(cutouts: Sequence[Cutout]) -> str:
    """Digest of the names, anchors and decoded pixels of cut-outs, in their order."""
    whole = sha256()
    for cutout in cutouts:
        head = f"{cutout.name}:{cutout.category}:{cutout.anchor}:{cutout.rgba.shape}\n"
        whole.update(name_bytes(head) + np.ascontiguousarray(cutout.rgba).tobytes())
    return whole.hexdigest()


def digest(rows: Iterable[Row]) -> str:
    """Digest over all pictures and masks: SHA-256 of lines ``path image_sha256 mask_sha256``."""
    lines = (f"{row.path} {row.image_sha256} {row.mask_sha256}\n" for row in rows)
    return sha256("".join(lines).encode()).hexdigest()


def _portable(part: str) -> str:
    """A file's or folder's name that every file system takes, and that other names do not get."""
    plain = re.sub(r"[^\w.\-]+", "_", part)
    if plain.endswith(".") or plain.partition(".")[0].upper() in DEVICES:
        plain = f"{plain}_"
    letters = plain.encode()
    if len(letters) <= LONGEST:
        return plain
    return f"{letters[:LONGEST].decode(errors='ignore')}~{sha256(name_bytes(part)).hexdigest()[:8]}"


def picture_paths(sources: Sequence[str], names: Sequence[str]) -> list[str]:
    """A path of its own for each face: ``images/<source>/<name>.png``.

    Letters and names that some file systems refuse become underscores or get one, and what is
    longer than they take is cut; of equal names, without regard to case, the later get a number.
    """
    taken: dict[str, int] = {}
    paths = []
    for source, name in zip(sources, names, strict=True):
        stem = re.sub(r"\.\w{2,5}$", "", name)
        parts = [part for part in f"{source}/{stem}".split("/") if part.strip(".")]
        path = "/".join(["images", *map(_portable, parts)])
        taken[path.lower()] = count = taken.get(path.lower(), 0) + 1
        paths.append(f"{path}.png" if count == 1 else f"{path}~{count}.png")
    return paths
