"""Results as small pieces of HTML, which notebooks show in the place of their repr."""

from base64 import b64encode
from dataclasses import replace
from html import escape
from typing import Final

import numpy as np
from PIL import Image
from simplejpeg import encode_jpeg

from latent_ofer.arrays import Pixels
from latent_ofer.labels import COLOURS
from latent_ofer.names import utf8_text
from latent_ofer.overlay import draw_face
from latent_ofer.results import FaceResult, Faces

_SIDE: Final = 168
"""Pixels of a picture, enough for screens with two of them a point."""
_MOST: Final = 12
"""Faces of one photo that are shown."""
_NOTE: Final = "What a face looks like, not what a person feels. The repair is a guess."


def face_html(face: FaceResult) -> str:
    """A face with its hidden part, the repaired face, and the probabilities; nothing outside."""
    marked = _enlarged(face.face)
    draw_face(marked, replace(face, box=None, landmarks=None), line=2)
    pictures = _picture(marked, "face", "hidden part outlined")
    pictures += _picture(_enlarged(face.reconstruction), "repaired", "a guess")
    rows = "".join(_row(label, face) for label in face.probabilities)
    before = f"before repair: {face.before.expression} {face.before.confidence:.0%}"
    hidden = f"{face.occlusion.ratio:.0%} hidden"
    regions = face.occlusion.describe()
    about = escape("; ".join(part for part in (before, hidden, regions) if part))
    title = escape(f"{face.expression} {face.confidence:.0%}")
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start;margin:6px 0">'
        f'{pictures}<div style="flex:1;min-width:240px"><b>{title}</b><br><small>{about}</small>'
        f'<table style="border-collapse:collapse;margin:4px 0;color:inherit;'
        f'font-size:inherit">{rows}</table>'
        f"<small>{_NOTE}</small></div></div>"
    )


def faces_html(faces: Faces) -> str:
    """All faces of a photo, up to a dozen."""
    number = "no face" if not faces else f"{len(faces)} face{'s' * (len(faces) != 1)}"
    place = "" if faces.path is None else f" in {escape(utf8_text(faces.path))}"
    more = f"<p>and {len(faces) - _MOST} more</p>" if len(faces) > _MOST else ""
    shown = "".join(face_html(face) for face in faces[:_MOST])
    return f"<div><p>{number}{place}</p>{shown}{more}</div>"


def _enlarged(face: Pixels) -> Pixels:
    picture = Image.fromarray(face).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    return np.array(picture)


def _picture(pixels: Pixels, name: str, note: str) -> str:
    data = b64encode(encode_jpeg(pixels, 85)).decode()
    return (
        '<div style="text-align:center;line-height:1.3">'
        f'<img src="data:image/jpeg;base64,{data}" width="112" height="112" alt="{name}, {note}">'
        f"<br><small>{name}<br>{note}</small></div>"
    )


def _row(label: str, face: FaceResult) -> str:
    share = face.probabilities[label]
    red, green, blue = COLOURS.get(label, (128, 128, 128))
    weight = "bold" if label == face.expression else "normal"
    bar = f"width:{100 * share:.1f}px;height:9px;background:rgb({red},{green},{blue})"
    return (
        f'<tr style="background:none"><td style="text-align:right;padding:0 6px;'
        f'font-weight:{weight}">{escape(label)}</td>'
        '<td style="padding:0;text-align:left"><div style="width:100px;'
        f'background:rgba(128,128,128,.18)"><div style="{bar}"></div></div></td>'
        f'<td style="padding:0 6px;text-align:right">{share:.0%}</td></tr>'
    )
