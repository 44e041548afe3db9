"""Boxes, labels and hidden parts drawn on the photo or the frame of a video, with Pillow alone."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from latent_ofer.arrays import Pixels
from latent_ofer.backends.protocol import Mask
from latent_ofer.images.align import TEMPLATE_112, TEMPLATE_SIZE, similarity
from latent_ofer.images.load import ImageSource, load_image
from latent_ofer.labels import COLOURS
from latent_ofer.occlusion.patches import GRID, outline
from latent_ofer.results import FaceResult

Points = NDArray[np.float64]
_Box = tuple[float, float, float, float]

_DARK: Final = (16, 18, 24)
_LIGHT: Final = (255, 255, 255)
_HIDDEN: Final = (0, 230, 255)
_SHADE: Final = 90
"""Of 255: how much of their colour the hidden parts take on."""
_SMALLEST: Final = 6
"""Pixels: letters smaller than this say nothing, and are left out."""


@overload
def annotate(
    photo: Pixels, faces: Iterable[FaceResult] | FaceResult, names: Sequence[str] = ...
) -> Pixels: ...


@overload
def annotate(
    photo: str | os.PathLike[str] | bytes | Image.Image,
    faces: Iterable[FaceResult] | FaceResult,
    names: Sequence[str] = ...,
) -> Image.Image: ...


def annotate(
    photo: ImageSource, faces: Iterable[FaceResult] | FaceResult, names: Sequence[str] = ()
) -> Pixels | Image.Image:
    """Draw what was found on the photo: boxes, apparent expressions, hidden parts.

    Lines and letters grow with the picture, labels stay inside it and out of each other's way
    where there is room, and everything has an edge of the other brightness, so that it reads on
    light and dark. Fast enough for the frames of a video.

    Parameters
    ----------
    photo : (H, W, 3) uint8 RGB array, PIL image, path or bytes
        The one that `faces` were found in; it stays as it is.
    faces : FaceResult, or an iterable of them
        As `LatentOFER.predict` gives them.
    names : sequence of str
        What each face's label begins with, such as the number of its track; none by default.

    Returns
    -------
    (H, W, 3) uint8 array for an array, else PIL image
        RGB, upright.

    Raises
    ------
    ImageError
        If the photo cannot be read.
    """
    pixels = load_image(photo)
    shown = [faces] if isinstance(faces, FaceResult) else list(faces)
    line = max(1, round(min(pixels.shape[:2]) / 300))
    for face in shown:
        draw_face(pixels, face, line)
    _draw_labels(pixels, shown, names)
    return pixels if isinstance(photo, np.ndarray) else Image.fromarray(pixels)


@contextmanager
def _part_of(pixels: Pixels, around: Points) -> Iterator[tuple[Image.Image, Points]]:
    """Give the part of a picture around (N, 2) points to draw on, and where it begins.

    To bring a whole frame to Pillow and back takes longer than all that is drawn on it.
    """
    size = np.array(pixels.shape[1::-1])
    low = np.clip(np.floor(around.min(axis=0)), 0, size - 1).astype(int)
    high = np.clip(np.ceil(around.max(axis=0)) + 1, low + 1, size).astype(int)
    place = (slice(low[1], high[1]), slice(low[0], high[0]))
    image = Image.fromarray(np.ascontiguousarray(pixels[place]))
    yield image, low.astype(np.float64)
    pixels[place] = np.asarray(image)


def patch_corners(face: FaceResult, size: tuple[int, int]) -> Points:
    """Where the corners of the patches lie in the photo.

    Parameters
    ----------
    size : (width, height) of the photo, pixels

    Returns
    -------
    (15, 15, 2) float
        (x, y) by row and column, pixel centres at whole numbers.
    """
    steps = np.arange(GRID + 1, dtype=np.float64)
    corners = np.stack(np.meshgrid(steps, steps), axis=2)
    if face.landmarks is None:
        side = max(size)
        return (corners * side / GRID + (np.array(size) - side) / 2) - 0.5
    matrix = similarity(TEMPLATE_112, face.landmarks)
    aligned = corners * TEMPLATE_SIZE / GRID - 0.5
    return aligned @ matrix[:, :2].T + matrix[:, 2]


def draw_face(pixels: Pixels, face: FaceResult, line: int) -> None:
    """Draw the box and the hidden part of a face into a photo, in lines of so many pixels."""
    corners = patch_corners(face, (pixels.shape[1], pixels.shape[0]))
    box = None if face.box is None else np.array(face.box).reshape(2, 2)
    edge = line + 2 * max(1, line // 2)
    around = corners.reshape(-1, 2) if box is None else np.vstack([corners.reshape(-1, 2), box])
    reach = np.stack([around.min(axis=0) - edge, around.max(axis=0) + edge])
    with _part_of(pixels, reach) as (image, origin):
        draw = ImageDraw.Draw(image)
        if face.occlusion.mask.any():
            _draw_hidden(image, draw, corners - origin, face.occlusion.mask, line)
        if box is not None:
            x0, y0, x1, y1 = (box - origin).ravel().tolist()
            dark = (edge - line) // 2
            outer = (x0 - dark, y0 - dark, x1 + dark, y1 + dark)
            draw.rectangle(outer, outline=_DARK, width=edge)
            draw.rectangle((x0, y0, x1, y1), outline=COLOURS[face.expression], width=line)


def _draw_hidden(
    image: Image.Image, draw: ImageDraw.ImageDraw, corners: Points, mask: Mask, line: int
) -> None:
    shade = Image.new("L", image.size)
    fill = ImageDraw.Draw(shade)
    for row, column in np.argwhere(mask):
        quad = corners[[row, row, row + 1, row + 1], [column, column + 1, column + 1, column]]
        fill.polygon(quad.ravel().tolist(), fill=_SHADE)
    image.paste(_HIDDEN, (0, 0), shade)
    edges = outline(mask)
    ends = corners[edges[..., 1], edges[..., 0]].reshape(len(edges), 4).tolist()
    for colour, width in ((_DARK, line + 2), (_HIDDEN, line)):
        for end in ends:
            draw.line(end, fill=colour, width=width)


def _draw_labels(pixels: Pixels, faces: list[FaceResult], names: Sequence[str]) -> None:
    size = (pixels.shape[1], pixels.shape[0])
    whole = (0.0, 0.0, float(size[0] - 1), float(size[1] - 1))
    boxes = [face.box or whole for face in faces]
    taken: list[_Box] = []
    for name, face, box in zip(names or [""] * len(faces), faces, boxes, strict=True):
        text = f"{name} {_text(face)}".lstrip()
        points, width, height = _letters(text, box, size)
        if points < _SMALLEST:
            continue
        place = _place(box, width, height, size, taken, boxes)
        taken.append(place)
        label = Image.new("RGB", (width, height), _DARK)
        draw = ImageDraw.Draw(label)
        stripe = max(2, height // 8)
        draw.rectangle((0, 0, stripe - 1, height), fill=COLOURS[face.expression])
        draw.text(((stripe + width) / 2, height / 2), text, _LIGHT, _font(points), anchor="mm")
        x0, y0, x1, y1 = (int(value) for value in place)
        pixels[y0:y1, x0:x1] = np.asarray(label)


def _text(face: FaceResult) -> str:
    text = f"{face.expression} {face.confidence:.0%}"
    return f"{text}, {face.occlusion.ratio:.0%} hidden" if face.occlusion.mask.any() else text


def _letters(text: str, box: _Box, size: tuple[int, int]) -> tuple[int, int, int]:
    """Size of the letters in points, and width and height of the label, all within the picture."""
    em = _font(100).getlength(text) / 100 + 0.9
    usual = max(12, round(min(size) / 32))
    # Smaller over small faces, of which a group has many.
    for_face = max(10, usual // 2, int(1.6 * (box[2] - box[0]) / em))
    points = min(usual, for_face, int(size[0] / em), int(size[1] / 1.5))
    return points, min(size[0], round(points * em)), min(size[1], round(1.5 * points))


@cache
def _font(points: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=points)


def _place(
    box: _Box,
    width: int,
    height: int,
    size: tuple[int, int],
    taken: list[_Box],
    boxes: list[_Box],
) -> _Box:
    """Above the box, below it, or within: the first place that covers least of the rest."""
    x0, y0, _, y1 = box
    choices = []
    for top in (y0 - height, y1, y0, y1 - height):
        left = min(max(round(x0), 0), size[0] - width)
        inside = min(max(round(top), 0), size[1] - height)
        place = (float(left), float(inside), float(left + width), float(inside + height))
        # A label over another is worse than one over somebody's face.
        covered = 4 * sum(_shared(place, label) for label in taken)
        covered += sum(_shared(place, other) for other in boxes)
        choices.append((covered, place))
    return min(choices, key=lambda choice: choice[0])[1]


def _shared(one: _Box, other: _Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, high)
