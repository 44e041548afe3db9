"""Which images and videos a user means who names files and folders: each once, none in silence."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from latent_ofer.errors import ImageError, image_error
from latent_ofer.figure import is_figure
from latent_ofer.images import formats
from latent_ofer.images.containers import VIDEO_SUFFIXES
from latent_ofer.images.folders import LISTED, files_below

_SUFFIXES: Final = formats.SUPPORTED_SUFFIXES | formats.UNSUPPORTED_SUFFIXES | VIDEO_SUFFIXES
OURS: Final = "of the figures that latent-ofer has drawn"


@dataclass(frozen=True)
class Inputs:
    """What is to be read, and what below the folders is not.

    Attributes
    ----------
    images : list of (Path, ImageError or None)
        In order; an error stands in the place of a folder that has no image or cannot be listed.
    left_out : Counter of str
        How many images and folders were left out, by the reason.
    """

    images: list[tuple[Path, ImageError | None]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def find_images(paths: Iterable[Path]) -> Inputs:
    """Replace folders by the images and videos in them, all levels deep, sorted in each one given.

    Files that are named stay as they are, whatever and how often. Below a folder, those count
    that have the suffix of an image (known formats that cannot be read among them) or a video, and
    are not named elsewhere. Links are followed; each real file and folder counts once, under its
    own name where that lies below the folder too. What is hidden or of the system is left out, and
    so are figures of this package.
    """
    paths = list(paths)
    inputs = Inputs()
    seen = {os.path.realpath(path) for path in paths if not os.path.isdir(path)}
    for path in paths:
        if not os.path.isdir(path):
            inputs.images.append((path, None))
            continue
        before = inputs.left_out[LISTED]
        found = sorted(files_below(path, seen, inputs.left_out, _SUFFIXES))
        ours = {image for image in found if is_figure(image)}
        inputs.left_out.update([OURS] * len(ours))
        inputs.images.extend((image, None) for image in found if image not in ours)
        if len(found) == len(ours) and inputs.left_out[LISTED] == before:
            remedy = "name a folder with JPEG or PNG files"
            error = image_error("empty", os.fspath(path), "no image in this folder", remedy)
            inputs.images.append((path, error))
    return inputs
