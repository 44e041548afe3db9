"""A contact sheet of a data set: some pictures of each class with their labels."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from latent_ofer.datasets.listing import SPLITS, Listing, Sample, Split
from latent_ofer.datasets.main_face import cropped
from latent_ofer.errors import DataError, ImageError
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.progress import track

TILE: Final = 96
"""Side of a picture on the sheet in pixels."""

_MARGIN: Final = 24
_GAP: Final = 8
_NAMES: Final = 120
_TITLE: Final = 56
_FEWEST_COLUMNS: Final = 3
_CAPTION: Final = 16
_INK: Final = (28, 32, 40)
_QUIET: Final = (104, 112, 124)
_PAPER: Final = (255, 255, 255)
_EMPTY: Final = (236, 238, 241)
_font: Final = ImageFont.load_default


_Row = tuple[str, int, list[Sample]]
"""Title of a class, how many samples there are, and those that are shown."""


def contact_sheet(
    listing: Listing, rng: np.random.Generator, per_class: int = 8, split: Split | None = None
) -> Image.Image:
    """Draw some pictures of each class in each split, with label and code.

    Parameters
    ----------
    listing : Listing
    rng : Generator
        Chooses the pictures.
    per_class : int
        At most so many of each class.
    split : {"train", "val", "test"} or None
        None for all of them, one below the other.

    Returns
    -------
    PIL.Image.Image
        RGB; a picture that cannot be read is a grey tile that says why.

    Raises
    ------
    DataError
        When there is nothing to show.
    """
    parts = {
        name: _rows(samples, rng, per_class)
        for name in SPLITS
        if split in (None, name) and (samples := listing.of(name))
    }
    if not parts:
        raise DataError(f"{listing.root}: no pictures{f' in split {split}' if split else ''}.")
    rows = [row for rows in parts.values() for row in rows]
    columns = max(_FEWEST_COLUMNS, *(len(shown) for *_, shown in rows))
    width = 2 * _MARGIN + _NAMES + columns * (TILE + _GAP) - _GAP
    height = _MARGIN + len(parts) * _TITLE + len(rows) * (TILE + _CAPTION + _GAP)
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    tiles = iter(track(_tiles(listing, rows), sum(len(shown) for *_, shown in rows), "Drawing"))
    top = _MARGIN // 2
    for name, some in parts.items():
        draw.text((_MARGIN, top + 26), f"{listing.name}, {name}", _INK, _font(22), "lm")
        note = f"{len(listing.of(name)):,} pictures"
        draw.text((width - _MARGIN, top + 26), note, _QUIET, _font(15), "rm")
        top += _TITLE
        for title, total, shown in some:
            draw.text((_MARGIN, top + TILE // 2 - 10), title, _INK, _font(16), "lm")
            draw.text((_MARGIN, top + TILE // 2 + 12), f"{total:,}", _QUIET, _font(14), "lm")
            for column, sample in enumerate(shown):
                left = _MARGIN + _NAMES + column * (TILE + _GAP)
                sheet.paste(next(tiles), (left, top))
                draw.text((left, top + TILE + 9), _caption(sample), _QUIET, _font(11), "lm")
            top += TILE + _CAPTION + _GAP
    return sheet


def _rows(samples: list[Sample], rng: np.random.Generator, per_class: int) -> list[_Row]:
    by_label: defaultdict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_label[len(EXPRESSIONS) if sample.label is None else sample.label].append(sample)
    rows: list[_Row] = []
    for label, some in sorted(by_label.items()):
        chosen = rng.permutation(len(some))[:per_class]
        title = (*EXPRESSIONS, "without label")[label]
        rows.append((title, len(some), [some[index] for index in sorted(chosen)]))
    return rows


def _tiles(listing: Listing, rows: list[_Row]) -> Iterable[Image.Image]:
    for sample in (sample for *_, shown in rows for sample in shown):
        try:
            yield _tile(cropped(listing.pictures.read(sample.path), sample.box))
        except ImageError as error:
            yield _no_picture(error)


def _tile(picture: NDArray[np.uint8]) -> Image.Image:
    """The picture within a square; small ones are enlarged."""
    image = Image.fromarray(picture).convert("RGB")
    scale = TILE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    tile = Image.new("RGB", (TILE, TILE), _EMPTY)
    small = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    tile.paste(small, ((TILE - size[0]) // 2, (TILE - size[1]) // 2))
    return tile


def _no_picture(error: ImageError) -> Image.Image:
    tile = Image.new("RGB", (TILE, TILE), _EMPTY)
    text = error.code.replace("_", "\n")
    ImageDraw.Draw(tile).multiline_text(
        (TILE // 2, TILE // 2), text, _QUIET, _font(12), "mm", align="center"
    )
    return tile


def _caption(sample: Sample) -> str:
    """The code as the set writes it and who it is, no wider than the tile."""
    font = _font(11)
    text = ", ".join(part for part in (sample.code or "no code", sample.subject) if part)
    if font.getlength(text) <= TILE:
        return text
    while font.getlength(f"{text}...") > TILE:
        text = text[:-1]
    return f"{text}..."
