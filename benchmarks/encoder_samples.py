"""A sheet of filled holes: one portrait in colour and in grey, every kind of hole."""

from pathlib import Path
from typing import Final

import numpy as np
import torch
from encoder_holes import HOLES, holes_of
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from latent_ofer.arrays import Pixels
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import greyed, to_tensor
from latent_ofer.errors import LatentOFERError
from latent_ofer.images.align import align_face
from latent_ofer.images.find import FaceFinder
from latent_ofer.images.load import load_image

SHARES: Final = (0.3, 0.5)
"""A block of rows each."""
COLUMNS: Final = ("original", "hidden", "filled")
VERSIONS: Final = ("colour", "grey")

_PANEL: Final = 168
_GAP: Final = 10
_BETWEEN: Final = 40
_MARGIN: Final = 40
_LABELS: Final = 150
_HEADER: Final = 84
_BLOCK: Final = 36
_INK: Final = (28, 32, 40)
_QUIET: Final = (104, 112, 124)
_PAPER: Final = (255, 255, 255)
_HIDDEN: Final = (226, 229, 234)


def portrait_face(photo: Path) -> Pixels:
    """The only face of a photo on the template: (112, 112, 3) uint8 RGB.

    Raises
    ------
    ImageError
        When the photo cannot be read.
    LatentOFERError
        When it does not show one face.
    """
    image = load_image(photo)
    found = FaceFinder().find(image)
    if len(found) != 1:
        raise LatentOFERError(f"{photo}: shows {len(found)} faces; a sheet is of one.")
    return align_face(image, found[0].landmarks)


@torch.inference_mode()
def draw_samples(model: MaskedAutoencoder, face: Pixels, seed: int) -> Image.Image:
    """Draw original, hidden and filled face for every kind and share of hole, colour and grey.

    Parameters
    ----------
    model : MaskedAutoencoder
    face : (112, 112, 3) uint8 RGB
    seed : int
        Of the holes; colour and grey get the same.

    Returns
    -------
    PIL.Image.Image
        RGB; a row is a hole, half a row is a version of the face.
    """
    faces = greyed(to_tensor(np.stack([face, face])), torch.tensor([False, True]))
    orders = holes_of(seed, "sample", "face", model.grid)
    step = _PANEL + _GAP
    half = len(COLUMNS) * step - _GAP
    block = len(orders) * step - _GAP + _BLOCK
    width = 2 * _MARGIN + _LABELS + len(VERSIONS) * half + _BETWEEN
    height = _HEADER + len(SHARES) * block + (len(SHARES) - 1) * _BETWEEN + _MARGIN
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    lefts = [_MARGIN + _LABELS + place * (half + _BETWEEN) for place in range(len(VERSIONS))]
    for left, version in zip(lefts, VERSIONS, strict=True):
        draw.text((left, _MARGIN), version, _INK, _font(28), anchor="lm")
        for place, column in enumerate(COLUMNS):
            middle = left + place * step + _PANEL // 2
            draw.text((middle, _HEADER - 4), column, _QUIET, _font(20), anchor="mm")
    for number, share in enumerate(SHARES):
        top = _HEADER + _BLOCK + number * (block + _BETWEEN)
        draw.text((_MARGIN, top - 18), f"{share:.0%} hidden", _INK, _font(22), anchor="lm")
        for row, hole in enumerate(HOLES):
            mask = torch.zeros(model.grid**2, dtype=torch.bool)
            mask[orders[row, : round(share * len(mask))]] = True
            filled = model.fill(faces, mask.expand(len(faces), -1))
            y = top + row * step
            draw.text((_MARGIN, y + _PANEL // 2), hole, _QUIET, _font(22), anchor="lm")
            for left, before, after in zip(lefts, faces, filled, strict=True):
                panels = (_panel(before), _without(before, mask, model.grid), _panel(after))
                for place, panel in enumerate(panels):
                    sheet.paste(panel, (left + place * step, y))
    return sheet


def _panel(face: torch.Tensor) -> Image.Image:
    levels: NDArray[np.uint8] = (face.permute(1, 2, 0) * 255).round().byte().numpy()
    return Image.fromarray(levels).resize((_PANEL, _PANEL), Image.Resampling.BICUBIC)


def _without(face: torch.Tensor, mask: torch.Tensor, grid: int) -> Image.Image:
    # Filled after enlarging: smoothing the fill would blur the edges of the patches.
    panel = np.array(_panel(face))
    hole = Image.fromarray(mask.view(grid, grid).numpy())
    panel[np.asarray(hole.resize((_PANEL, _PANEL), Image.Resampling.NEAREST))] = _HIDDEN
    return Image.fromarray(panel)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)
