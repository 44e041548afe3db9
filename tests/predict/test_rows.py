"""Rows have the names, order and ranges that were asked for, and lose no picture."""

import json
from pathlib import Path

import pytest

from fakes import FakeFinder, fake_model, hide
from helpers import drawn_face
from latent_ofer.dataframe import FLAT_COLUMNS
from latent_ofer.errors import ImageError
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.predict.reading import Origin
from latent_ofer.predict.rows import TABLE_COLUMNS, Columns, rows_of

FACE, LANDMARKS = drawn_face()
PHOTO = Origin(Path("a.jpg"))
FRAME = Origin(Path("film.mp4"), frame=250, time=10.0)
REFUSED = ImageError("empty", "a.jpg", "a.jpg: has no bytes; get a fresh copy.")


def outcome(labels: int = 8, crops: bool = False) -> list:  # type: ignore[type-arg]
    model, _ = fake_model(FakeFinder([LANDMARKS]))
    return model.predict(hide(FACE, slice(8, 12), slice(3, 9)), labels=labels, crops=crops)


@pytest.mark.parametrize("columns", ["latent-ofer", "py-feat", "deepface"])
@pytest.mark.parametrize("crops", [False, True])
def test_every_outcome_has_rows_of_known_columns_and_types(columns: Columns, crops: bool) -> None:
    known = TABLE_COLUMNS[columns]
    for given in (outcome(7, crops), [], REFUSED):
        (row,) = rows_of(columns, 3, PHOTO, given, flat=True)
        assert list(row) == [name for name in known if name in row]
        for name, cell in row.items():
            assert cell is None or type(cell) is known[name], name
        json.dumps(rows_of(columns, 3, PHOTO, given, flat=False), allow_nan=False)


def test_our_rows_hold_everything_as_json_and_a_flat_part_of_it_as_a_table() -> None:
    (face,) = faces = outcome()
    (full,) = rows_of("latent-ofer", 3, FRAME, faces, flat=False)
    assert full["path"] == "film.mp4" and full["status"] == "ok"
    assert (full["frame"], full["time"], full["track"]) == (250, 10.0, None)
    assert full["occlusion"] == face.occlusion.to_dict()
    assert full["face_score"] == 1
    (flat,) = rows_of("latent-ofer", 3, FRAME, faces, flat=True)
    assert list(flat)[:4] == ["file", "frame", "time", "track"]
    assert set(FLAT_COLUMNS) - set(flat) == {"error_code", "error_message"}
    assert [flat[f"p_{label}"] for label in EXPRESSIONS] == list(face.probabilities.values())
    assert flat["before_expression"] == face.before.expression
    assert flat["hidden_mouth"] == face.occlusion.regions["mouth"] > 0
    assert (flat["x0"], flat["y1"]) == (face.box[0], face.box[3])
    (error,) = rows_of("latent-ofer", 3, PHOTO, REFUSED, flat=True)
    assert (error["status"], error["error_code"]) == ("error", "empty")
    assert rows_of("latent-ofer", 3, PHOTO, [], flat=True)[0]["status"] == "no_face"


def test_columns_of_py_feat() -> None:
    (face,) = faces = outcome(labels=7)
    (row,) = rows_of("py-feat", 3, PHOTO, faces, flat=False)
    assert list(row) == [
        *("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore"),
        *("Pitch", "Roll", "Yaw"),
        *("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"),
        *("frame", "input"),
    ]
    x0, y0, x1, y1 = face.box
    assert (row["FaceRectX"], row["FaceRectWidth"], row["FaceRectHeight"]) == (x0, x1 - x0, y1 - y0)
    assert row["FaceScore"] == 1 and row["Roll"] is None
    assert sum(row[label] for label in face.probabilities) == pytest.approx(1)
    assert (row["frame"], row["input"]) == (3, "a.jpg")
    assert rows_of("py-feat", 3, FRAME, faces, flat=True)[0]["frame"] == 250
    for nothing in ([], REFUSED):
        (empty,) = rows_of("py-feat", 3, PHOTO, nothing, flat=True)
        assert {name for name, cell in empty.items() if cell is not None} == {"frame", "input"}


def test_columns_of_deepface() -> None:
    (face,) = faces = outcome(labels=7)
    (row,) = rows_of("deepface", 3, PHOTO, faces, flat=False)
    assert list(row["emotion"]) == [
        *("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    ]
    assert sum(row["emotion"].values()) == pytest.approx(100)
    assert row["emotion"]["happy"] == 100 * face.probabilities["happiness"]
    assert max(row["emotion"], key=row["emotion"].get) == row["dominant_emotion"]
    x0, y0, x1, y1 = (round(side) for side in face.box)
    assert row["region"] == {"x": x0, "y": y0, "w": x1 - x0, "h": y1 - y0}
    assert (row["face_confidence"], row["file"]) == (1, "a.jpg")
    (flat,) = rows_of("deepface", 3, PHOTO, faces, flat=True)
    assert flat["emotion.happy"] == row["emotion"]["happy"] and flat["region.w"] == x1 - x0
    (empty,) = rows_of("deepface", 3, PHOTO, REFUSED, flat=True)
    assert {name for name, cell in empty.items() if cell is not None} == {"file"}
