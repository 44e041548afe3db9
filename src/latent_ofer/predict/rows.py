"""A picture's rows of results, one a face, in the columns of this package or of others."""

import os
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, Literal

from latent_ofer.dataframe import FLAT_COLUMNS, flat_rows
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.names import utf8_text
from latent_ofer.predict.following import Followed
from latent_ofer.predict.reading import Origin
from latent_ofer.results import FaceResult, Outcome

Columns = Literal["latent-ofer", "py-feat", "deepface"]

_PY_FEAT: Final = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
_DEEPFACE: Final = {
    **{"angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "happiness"},
    **{"sad": "sadness", "surprise": "surprise", "neutral": "neutral"},
}
"""Names of deepface for ours, in its order."""
_DEEPFACE_NAMES: Final = {ours: theirs for theirs, ours in _DEEPFACE.items()}

TABLE_COLUMNS: Final[Mapping[Columns, Mapping[str, type]]] = {
    "latent-ofer": {
        **{"file": str, "file_b64": str, "frame": int, "time": float, "track": int},
        **FLAT_COLUMNS,
    },
    "py-feat": {
        **{f"FaceRect{side}": float for side in ("X", "Y", "Width", "Height")},
        **dict.fromkeys(("FaceScore", "Pitch", "Roll", "Yaw"), float),
        **dict.fromkeys(_PY_FEAT, float),
        **{"frame": int, "input": str},
    },
    "deepface": {
        **{f"emotion.{name}": float for name in _DEEPFACE},
        "dominant_emotion": str,
        **{f"region.{side}": int for side in "xywh"},
        **{"face_confidence": float, "file": str},
    },
}
"""Columns of tables, in order, and the type of each. Any cell may be empty."""
SMOOTHED_COLUMNS: Final[Mapping[str, type]] = {
    "smoothed_expression": str,
    **{f"smoothed_p_{label}": float for label in EXPRESSIONS},
}
"""Of tables with frames of videos, behind those of ours."""


def rows_of(
    columns: Columns, number: int, origin: Origin, outcome: Outcome, flat: bool
) -> list[dict[str, Any]]:
    """One picture's rows, safe for JSON: one a face, or one that says why there is none.

    Parameters
    ----------
    columns : {"latent-ofer", "py-feat", "deepface"}
    number : int
        Of the picture in its run, from 0.
    origin, outcome
        Where it comes from, and what it gave.
    flat : bool
        With the names of `TABLE_COLUMNS`; otherwise as JSON holds it, which has room for more.

    Returns
    -------
    list of dict
        A path that is no UTF-8 is written as `utf8_text`.
    """
    faces: list[FaceResult | None] = list(outcome) if isinstance(outcome, list) else []
    if columns == "py-feat":
        return [_as_py_feat(number, origin, face) for face in faces or [None]]
    if columns == "deepface":
        rows = [_as_deepface(origin, face) for face in faces or [None]]
        return [_flattened(row) for row in rows] if flat else rows
    if flat:
        where = _where("file", origin)
        return [{**where, **row} for row in flat_rows(outcome)]
    return _full_rows(_where("path", origin), outcome)


def _full_rows(where: dict[str, Any], outcome: Outcome) -> list[dict[str, Any]]:
    if not isinstance(outcome, list):
        error = {"code": outcome.code, "message": utf8_text(outcome.message)}
        return [{**where, "status": "error", "error": error}]
    if not outcome:
        return [{**where, "status": "no_face", "faces": 0}]
    return [
        {**where, "status": "ok", "faces": len(outcome), "face": index, **face.to_dict()}
        for index, face in enumerate(outcome)
    ]


def _where(name: str, origin: Origin) -> dict[str, Any]:
    path = os.fspath(origin.path)
    text = utf8_text(path)
    very_bytes = {} if text == path else {f"{name}_b64": b64encode(os.fsencode(path)).decode()}
    return {
        **{name: text, **very_bytes},
        **{"frame": origin.frame, "time": origin.time, "track": None},
    }


def _as_py_feat(number: int, origin: Origin, face: FaceResult | None) -> dict[str, Any]:
    """A row of py-feat's Fex; where there is no face, only the picture is named."""
    row: dict[str, Any] = dict.fromkeys(TABLE_COLUMNS["py-feat"])
    row["frame"] = number if origin.frame is None else origin.frame
    row["input"] = utf8_text(os.fspath(origin.path))
    if face is not None:
        row.update({name: face.probabilities[name] for name in _PY_FEAT})
        row["FaceScore"] = face.face_score
        if face.box is not None:
            x0, y0, x1, y1 = face.box
            sides = {"X": x0, "Y": y0, "Width": x1 - x0, "Height": y1 - y0}
            row.update({f"FaceRect{name}": side for name, side in sides.items()})
    return row


def _as_deepface(origin: Origin, face: FaceResult | None) -> dict[str, Any]:
    """What deepface's `analyze` says of a face; where there is none, only the file is named."""
    file = utf8_text(os.fspath(origin.path))
    emotion: dict[str, float | None] = dict.fromkeys(_DEEPFACE)
    region: dict[str, int | None] = dict.fromkeys("xywh")
    if face is None:
        name, score = None, None
    else:
        name, score = _DEEPFACE_NAMES.get(face.expression, face.expression), face.face_score
        emotion.update({n: 100 * face.probabilities[ours] for n, ours in _DEEPFACE.items()})
        if face.box is not None:
            x0, y0, x1, y1 = (round(side) for side in face.box)
            region = {"x": x0, "y": y0, "w": x1 - x0, "h": y1 - y0}
    return {
        **{"emotion": emotion, "dominant_emotion": name},
        **{"region": region, "face_confidence": score, "file": file},
    }


def _flattened(row: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dicts under names with a dot, as `pandas.json_normalize` has them."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{inner}": cell for inner, cell in value.items()})
        else:
            flat[name] = value
    return flat


def add_track(row: dict[str, Any], followed: Followed, flat: bool) -> None:
    """Say in a row of ours which track a face is of, and what its expressions come to so far."""
    row["track"] = followed.seen.track
    if flat:
        row["smoothed_expression"] = followed.expression
        row.update({f"smoothed_p_{label}": p for label, p in followed.smoothed.items()})
    else:
        shares = dict(followed.smoothed)
        row["smoothed"] = {"expression": followed.expression, "probabilities": shares}


def has_contempt(columns: Columns) -> bool:
    """Whether these columns have a place for the eighth expression."""
    return columns == "latent-ofer"
