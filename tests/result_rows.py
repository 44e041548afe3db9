"""Rows as `predict` writes them, of drawn faces."""

import dataclasses
import json
import os
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fakes import fake_model, hide
from helpers import drawn_face
from latent_ofer.names import utf8_text
from latent_ofer.results import FaceResult

HOSTILE = (
    '<script>alert("x")<',
    "line\nbreak \u202egpj.exe",
    '"><img src=x onerror=alert(1)>.png',
    "{{data}} </script><!--.png",
    os.fsdecode(b"caf\xe9.png"),
)
"""Names that Linux allows."""


def face_result(seed: int, probabilities: Sequence[float], hidden: bool) -> FaceResult:
    """A drawn face with the probabilities that a test wants, of the first labels."""
    face, _ = drawn_face(seed=seed)
    (result,) = fake_model()[0].predict(
        hide(face, slice(8, 12), slice(3, 9)) if hidden else face, crops=True
    )
    shares = np.zeros(8)
    shares[: len(probabilities)] = probabilities
    named = dict(zip(result.probabilities, shares.tolist(), strict=True))
    best = max(named, key=lambda label: named[label])
    return dataclasses.replace(result, expression=best, confidence=named[best], probabilities=named)


def row(path: str, face: FaceResult, **more: Any) -> dict[str, Any]:
    where = {"path": utf8_text(path)}
    if where["path"] != path:
        where["path_b64"] = b64encode(os.fsencode(path)).decode()
    return {**where, "status": "ok", "faces": 1, "face": 0, **face.to_dict(), **more}


def write_rows(folder: Path, rows: Sequence[object]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


def write_photo(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        Image.fromarray(drawn_face(seed=seed)[0]).save(stream, "PNG")
    return path
