"""What the service answers, as plain data; pictures only where they are asked for."""

import io
from base64 import b64encode
from collections.abc import Iterable
from typing import Any, Final, Literal

from PIL import Image

from latent_ofer.errors import ImageError
from latent_ofer.figure import draw_figure, save_figure
from latent_ofer.results import Expression, FaceResult
from latent_ofer.web.engine import Reading
from latent_ofer.web.limits import RefusedError

Format = Literal["png", "webp"]

PICTURES: Final = ("face", "reconstruction", "figure", "photo")
"""Names of the pictures that may be asked for; the last is of the whole photo."""

_STATUS: Final = {"too_large": 413, "too_many_pixels": 413, "unsupported_format": 415}


def refused(error: ImageError) -> RefusedError:
    """An image that cannot be used, as an answer: 413, 415 or 422."""
    return RefusedError(_STATUS.get(error.code, 422), error.code, error.message)


def answer(reading: Reading, pictures: Iterable[str], form: Format) -> dict[str, Any]:
    """One image's faces, safe for JSON."""
    wanted = frozenset(pictures)
    faces = []
    for place, face in enumerate(reading.faces):
        faces.append(face.to_dict())
        if reading.repaired:
            faces[-1]["repaired"] = _read_alone(reading.repaired[place], face)
        if shown := _of_face(face, reading, wanted, form):
            faces[-1]["images"] = shown
    told: dict[str, Any] = {
        "status": "ok" if faces else "no_face",
        "width": reading.size[0],
        "height": reading.size[1],
        "faces": faces,
    }
    if reading.photo is not None:
        told["images"] = {"photo": _encoded(reading.photo, form, lossless=False)}
    return told


def _of_face(
    face: FaceResult, reading: Reading, wanted: frozenset[str], form: Format
) -> dict[str, str]:
    shown: dict[str, str] = {}
    for name in ("face", "reconstruction"):
        if name in wanted:
            shown[name] = _encoded(Image.fromarray(getattr(face, name)), form, lossless=True)
    if reading.preview is not None:
        stream = io.BytesIO()
        save_figure(draw_figure(reading.preview, face), stream)
        shown["figure"] = _as_url("png", stream.getvalue())
    return shown


def _read_alone(read: Expression | None, face: FaceResult) -> dict[str, Any] | None:
    """An expression among as many labels as the face's own answer."""
    if read is None:
        return None
    shares = {label: read.probabilities[label] for label in face.probabilities}
    whole = sum(shares.values())
    likely = max(shares, key=lambda label: shares[label])
    return {
        "expression": likely,
        "confidence": shares[likely] / whole,
        "probabilities": {label: share / whole for label, share in shares.items()},
    }


def _encoded(image: Image.Image, form: Format, lossless: bool) -> str:
    stream = io.BytesIO()
    if form == "webp":
        image.save(stream, "WEBP", lossless=lossless, quality=85)
    else:
        image.save(stream, "PNG")
    return _as_url(form, stream.getvalue())


def _as_url(form: str, data: bytes) -> str:
    return f"data:image/{form};base64,{b64encode(data).decode()}"
