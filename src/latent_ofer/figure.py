"""One picture of one result: every stage's output side by side, drawn with Pillow alone."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from latent_ofer.arrays import Pixels
from latent_ofer.occlusion.patches import GRID, outline, patch_pixels
from latent_ofer.results import FaceResult

_WIDTH: Final = 1600
_MARGIN: Final = 48
_GAP: Final = 28
_PANEL: Final = (_WIDTH - 2 * _MARGIN - 2 * _GAP) // 3
_HEADER: Final = 152
_CAPTION: Final = 70
_BAR_ROW: Final = 50
_BARS_TITLE: Final = 62
_FOOTER: Final = 56

_INK: Final = (28, 32, 40)
_QUIET: Final = (104, 112, 124)
_PAPER: Final = (255, 255, 255)
_RULE: Final = (222, 226, 232)
_TRACK: Final = (245, 246, 248)
_BEFORE: Final = (164, 174, 188)
_AFTER: Final = (24, 106, 184)
_BOX: Final = (255, 196, 0)
_OUTLINE: Final = (0, 230, 255)
_HIDDEN: Final = (226, 229, 234)

_HEAT: Final = np.array(
    [[12, 10, 46], [88, 22, 110], [186, 55, 84], [246, 130, 32], [252, 240, 160]], np.float64
)
"""Colours from least to most, each lighter than the last, so that it also reads in grey."""


_MARK: Final = ("Software", "latent-ofer")
"""Stands in the files of figures, so that nobody takes one for a photo."""
_COMMENT: Final = b"latent-ofer"
"""The same in those of annotated photos: a JPEG comment."""
VIDEO_COMMENT: Final = "latent-ofer annotated"
"""The same in those of annotated videos."""
_HEAD: Final = 1024
"""First or last bytes of a file in which its mark is found."""


@dataclass(frozen=True, eq=False)
class Preview:
    """A photo as small as a figure shows it, to be kept in place of the photo itself.

    Attributes
    ----------
    image : PIL image
        RGB.
    scale : float
        Pixels of it to a pixel of the photo.
    """

    image: Image.Image
    scale: float

    @classmethod
    def of(cls, photo: Pixels) -> "Preview":
        """Shrink or enlarge an (H, W, 3) uint8 RGB photo."""
        height, width = photo.shape[:2]
        scale = _PANEL / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return cls(Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS), scale)


def save_figure(figure: Image.Image, path: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write a figure as a PNG file that says where it comes from. Raises OSError."""
    mark = PngInfo()
    mark.add_text(*_MARK)
    figure.save(path, "PNG", pnginfo=mark)


def save_annotated(photo: Image.Image, path: str | os.PathLike[str]) -> None:
    """Write an annotated photo as a JPEG file that says where it comes from. Raises OSError."""
    photo.save(path, "JPEG", quality=90, comment=_COMMENT)


def is_figure(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a figure, an annotated photo or video; False for what cannot be read."""
    marks = {
        ".png": b"tEXt" + "\0".join(_MARK).encode(),
        ".jpg": b"\xff\xfe" + (len(_COMMENT) + 2).to_bytes(2) + _COMMENT,
        ".mp4": VIDEO_COMMENT.encode(),
    }
    ending = os.path.splitext(path)[1].lower()
    mark = marks.get(ending)
    if mark is None or not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            if ending == ".mp4":
                file.seek(max(0, os.path.getsize(path) - _HEAD))
            return mark in file.read(_HEAD)
    except OSError:
        return False


def draw_figure(photo: Pixels | Preview, result: FaceResult) -> Image.Image:
    """Draw all stages of one face.

    Parameters
    ----------
    photo : (H, W, 3) uint8 RGB, or Preview
        The upright photo that the face was found in, or the crop itself.
    result : FaceResult

    Returns
    -------
    PIL.Image.Image
        RGB, 1600 px wide: photo with box, aligned face, occlusion map, masked face, repaired
        face, attention, and the probabilities before and after repair.
    """
    bars_top = _HEADER + 2 * (_PANEL + _CAPTION + _GAP)
    bars = _BARS_TITLE + _BAR_ROW * len(result.probabilities)
    image = Image.new("RGB", (_WIDTH, bars_top + bars + _FOOTER), _PAPER)
    draw = ImageDraw.Draw(image)
    _header(draw, result)
    preview = photo if isinstance(photo, Preview) else Preview.of(photo)
    occlusion = result.occlusion
    hidden = f"{occlusion.ratio:.0%} of the patches score above {occlusion.threshold:.2g}"
    repair = "only hidden patches change" if occlusion.mask.any() else "nothing hidden, as it came"
    cropped = result.box is None
    aligned = "centred on a square" if cropped else "turned and scaled to the template"
    panels: tuple[tuple[str, str, Callable[[], Image.Image]], ...] = (
        ("1  Photo", _where(result), lambda: _photo_panel(preview, result)),
        ("2  Aligned face", aligned, lambda: _enlarged(result.face)),
        ("3  Occlusion map", hidden, lambda: _occlusion_panel(result)),
        ("4  Masked face", "what the repair may look at", lambda: _masked_panel(result)),
        ("5  Repaired face", repair, lambda: _enlarged(result.reconstruction)),
        ("6  Attention", "where the recogniser looked", lambda: _attention_panel(result)),
    )
    for index, (title, note, panel) in enumerate(panels):
        left = _MARGIN + (index % 3) * (_PANEL + _GAP)
        top = _HEADER + (index // 3) * (_PANEL + _CAPTION + _GAP)
        draw.text((left, top), title, _INK, _font(26))
        draw.text((left, top + 34), note, _QUIET, _font(20))
        image.paste(panel(), (left, top + _CAPTION))
        corner = (left + _PANEL - 1, top + _CAPTION + _PANEL - 1)
        draw.rectangle((left, top + _CAPTION, *corner), outline=_RULE)
    _bars(draw, bars_top, result)
    note = "An apparent expression is what a face looks like, not what a person feels."
    draw.text((_MARGIN, image.height - 20), note, _QUIET, _font(20), anchor="ls")
    return image


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


def _header(draw: ImageDraw.ImageDraw, result: FaceResult) -> None:
    title = f"Apparent expression: {result.expression}, {result.confidence:.0%}"
    before = result.before
    note = f"Before repair: {before.expression}, {before.confidence:.0%}."
    hidden = f"Hidden: {result.occlusion.ratio:.0%} of the face"
    regions = result.occlusion.describe()
    draw.text((_MARGIN, 52), title, _INK, _font(38), anchor="ls")
    draw.text((_MARGIN, 88), note, _QUIET, _font(22), anchor="ls")
    hidden += f"; {regions}." if regions else "."
    draw.text((_MARGIN, 122), hidden, _QUIET, _font(22), anchor="ls")


def _where(result: FaceResult) -> str:
    if result.box is None:
        return "a face crop, used whole"
    x0, y0, x1, y1 = result.box
    return f"face of {x1 - x0:.0f} x {y1 - y0:.0f} px"


def _photo_panel(photo: Preview, result: FaceResult) -> Image.Image:
    scale = photo.scale
    left, top = (_PANEL - photo.image.width) // 2, (_PANEL - photo.image.height) // 2
    panel = Image.new("RGB", (_PANEL, _PANEL), (246, 247, 249))
    panel.paste(photo.image, (left, top))
    draw = ImageDraw.Draw(panel)
    if result.box is not None:
        x0, y0, x1, y1 = (value * scale for value in result.box)
        draw.rectangle((left + x0, top + y0, left + x1, top + y1), outline=_BOX, width=4)
    if result.landmarks is not None:
        for x, y in (result.landmarks + 0.5) * scale + (left, top):
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=_BOX, outline=_INK)
    return panel


def _enlarged(face: Pixels) -> Image.Image:
    return Image.fromarray(face).resize((_PANEL, _PANEL), Image.Resampling.BICUBIC)


def _occlusion_panel(result: FaceResult) -> Image.Image:
    occlusion = result.occlusion
    # Never stretched below the threshold: the low scores of a clean face stay dark.
    top = max(float(occlusion.scores.max()), occlusion.threshold, 1e-9)
    levels = np.clip(occlusion.scores / top, 0, 1)
    panel = _heated(result.face, levels, Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(panel)
    for edge in np.rint(outline(occlusion.mask) * _PANEL / GRID).astype(int):
        draw.line(edge.ravel().tolist(), fill=_OUTLINE, width=4)
    return panel


def _masked_panel(result: FaceResult) -> Image.Image:
    # Filled after enlarging: smoothing the fill would blur the edges of the patches.
    panel = np.array(_enlarged(result.face))
    mask = Image.fromarray(patch_pixels(result.occlusion.mask, result.face.shape[0]))
    panel[np.asarray(mask.resize((_PANEL, _PANEL), Image.Resampling.NEAREST))] = _HIDDEN
    return Image.fromarray(panel)


def _attention_panel(result: FaceResult) -> Image.Image:
    attention = result.attention.astype(np.float64)
    low, high = attention.min(), attention.max()
    levels = (attention - low) / max(high - low, 1e-9)
    return _heated(result.reconstruction, levels, Image.Resampling.BICUBIC)


def _heated(face: Pixels, levels: NDArray[np.floating], how: Image.Resampling) -> Image.Image:
    """Lay (14, 14) levels in [0, 1] over the face in its own light and shade."""
    heat = Image.fromarray(levels.astype(np.float32)).resize((_PANEL, _PANEL), how)
    level = np.clip(np.asarray(heat), 0, 1)
    steps = np.linspace(0, 1, len(_HEAT))
    colours = np.stack([np.interp(level, steps, channel) for channel in _HEAT.T], axis=2)
    grey = np.asarray(_enlarged(face).convert("L"), dtype=np.float64)[..., None]
    return Image.fromarray(np.rint(0.4 * grey + 0.6 * colours).astype(np.uint8))


def _bars(draw: ImageDraw.ImageDraw, top: int, result: FaceResult) -> None:
    draw.text((_MARGIN, top), "7  Probabilities before and after repair", _INK, _font(26))
    for place, (colour, name) in enumerate(((_BEFORE, "before"), (_AFTER, "after"))):
        x = _WIDTH - _MARGIN - 206 + place * 124
        draw.rectangle((x, top + 8, x + 18, top + 26), fill=colour)
        draw.text((x + 28, top + 17), name, _INK, _font(22), anchor="lm")
    left, right = _MARGIN + 140, _WIDTH - _MARGIN - 90
    for row, (label, after) in enumerate(result.probabilities.items()):
        y = top + _BARS_TITLE + row * _BAR_ROW
        ink = _INK if label == result.expression else _QUIET
        draw.text((left - 18, y + 20), label, ink, _font(23), anchor="rm")
        pairs = ((y, result.before.probabilities[label], _BEFORE), (y + 21, after, _AFTER))
        for edge, share, colour in pairs:
            end = left + max(2.0, share * (right - left))
            draw.rectangle((left, edge, right, edge + 18), fill=_TRACK)
            draw.rectangle((left, edge, end, edge + 18), fill=colour)
            draw.text((end + 10, edge + 9), f"{share:.1%}", ink, _font(18), anchor="lm")
