"""Small pictures of faces, cut from the photos and frames that they were found in."""

import io
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from latent_ofer.arrays import Pixels
from latent_ofer.errors import ImageError
from latent_ofer.images.align import align_face, square_crop
from latent_ofer.images.guarded import GuardedDecoder
from latent_ofer.images.load import load_image
from latent_ofer.images.video import INSTALL, Choice
from latent_ofer.report.rows import FaceRow, Row

SIDE: Final = 112
"""Pixels: 8 for each patch."""

GONE: Final = "its file is no longer where the results name it"
UNREADABLE: Final = "its file cannot be read any more"
NO_PYAV: Final = f"frames of videos need PyAV: {INSTALL}"
"""Why there is no picture of a face."""


def choose(faces: Sequence[FaceRow], most: int) -> list[int]:
    """Which faces are worth a picture, by their places, in order.

    The least certain and the most hidden ones, of all and of each expression in turn, so that
    there are some of each whatever a reader filters by.
    """
    if most >= len(faces):
        return list(range(len(faces)))
    unsure = sorted(range(len(faces)), key=lambda place: faces[place].confidence)
    hidden = sorted(range(len(faces)), key=lambda place: -faces[place].hidden)
    queues = [unsure, hidden]
    for label in sorted({face.expression for face in faces}):
        queues += [[p for p in order if faces[p].expression == label] for order in (unsure, hidden)]
    taken: set[int] = set()
    turns = [iter(queue) for queue in queues]
    while turns and len(taken) < most:
        for turn in list(turns):
            place = next((place for place in turn if place not in taken), None)
            if place is None:
                turns.remove(turn)
            elif len(taken) < most:
                taken.add(place)
    return sorted(taken)


def pictures(rows: Sequence[Row], folder: Path) -> Iterator[tuple[int, bytes | str]]:
    """One picture a row, or why there is none; each photo and each frame is read once.

    Parameters
    ----------
    rows : sequence of Row
        With a face each.
    folder : Path
        Of the results: a file that does not lie below the current one may lie below that.

    Yields
    ------
    place, picture : int, bytes or str
        Of a row; WebP, 112 x 112 px, the face as the networks saw it, or one of the reasons above.
    """
    files = defaultdict(list)
    for place, row in enumerate(rows):
        if row.face is not None:
            files[row.path, row.face.frame is None].append((place, row.face))
    with GuardedDecoder() as decoder:
        for (path, is_photo), faces in files.items():
            found = _found(path, folder)
            if found is None:
                yield from ((place, GONE) for place, _ in faces)
            elif is_photo:
                photo = _photo(found)
                for place, face in faces:
                    yield place, photo if isinstance(photo, str) else _cut(photo, face)
            else:
                yield from _of_video(decoder, found, faces)


def _found(path: str, folder: Path) -> Path | None:
    return next((p for p in (Path(path), folder / path) if os.path.isfile(p)), None)


def _of_video(
    decoder: GuardedDecoder, path: Path, faces: Sequence[tuple[int, FaceRow]]
) -> Iterator[tuple[int, bytes | str]]:
    """Cut faces from a video, which is decoded as far as the last one of them."""
    wanted: defaultdict[int, list[tuple[int, FaceRow]]] = defaultdict(list)
    for place, face in faces:
        wanted[face.frame or 0].append((place, face))
    why = UNREADABLE
    try:
        _, frames = decoder.open_video(path, Choice(only=frozenset(wanted)))
        for frame in frames:
            for place, face in wanted.pop(frame.number, ()):
                yield place, UNREADABLE if frame.pixels is None else _cut(frame.pixels, face)
            if not wanted:
                break
    except ImageError as error:
        why = NO_PYAV if error.code == "unsupported_format" else UNREADABLE
    yield from ((place, why) for left in wanted.values() for place, _ in left)


def _photo(path: Path) -> Pixels | str:
    try:
        return load_image(path)
    except ImageError:
        return UNREADABLE


def _cut(photo: Pixels, face: FaceRow) -> bytes | str:
    try:
        pixels = _face_of(photo, face)
    except (ValueError, IndexError, MemoryError):  # landmarks that nobody has found
        return UNREADABLE
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "WEBP", quality=60, method=3)
    return stream.getvalue()


def _face_of(photo: Pixels, face: FaceRow) -> Pixels:
    if face.landmarks is not None:
        landmarks = np.array(face.landmarks, dtype=np.float64)
        reach = np.abs(landmarks - np.array(photo.shape[1::-1]) / 2).max()
        if reach > 2 * max(photo.shape):
            raise ValueError("landmarks far outside the photo")
        return align_face(photo, landmarks, SIDE)
    if face.box is not None:
        x0, y0, x1, y1 = (round(value) for value in face.box)
        photo = photo[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
        if not photo.size:
            raise ValueError("box outside the photo")
    return square_crop(photo, SIDE)
