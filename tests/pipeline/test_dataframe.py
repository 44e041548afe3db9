import copy
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakes import FakeFinder, fake_model, hide
from helpers import drawn_face
from latent_ofer import ImageError, to_dataframe

FACE, LANDMARKS = drawn_face()


def test_without_pandas_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        to_dataframe([])


def test_every_image_has_a_row_whether_it_gave_faces_or_not() -> None:
    pytest.importorskip("pandas")
    model, _ = fake_model()
    hidden = hide(FACE, slice(1, 4), slice(1, 4))
    outcomes = model.predict([hidden, b"", FACE], crops=True, on_error="return")
    table = to_dataframe([*outcomes, []])
    assert list(table["image"]) == [0, 1, 2, 3]
    assert list(table["status"]) == ["ok", "error", "ok", "no_face"]
    assert table.loc[0, "expression"] == outcomes[0][0].expression
    assert table.loc[0, "p_fear"] == outcomes[0][0].probabilities["fear"]
    assert table.loc[0, "hidden_ratio"] == pytest.approx(9 / 196)
    for region, share in outcomes[0][0].occlusion.regions.items():
        assert table.loc[0, f"hidden_{region}"] == share
    assert table.loc[0, "hidden_forehead"] > 0
    assert table.loc[2, "hidden_forehead"] == 0
    assert table.loc[1, "error_code"] == "empty"
    assert np.isnan(table.loc[3, "confidence"])


def test_one_photo_without_a_face_has_its_row(tmp_path: Path) -> None:
    model, _ = fake_model(FakeFinder([LANDMARKS]))
    Image.new("RGB", (64, 64), "white").save(tmp_path / "plain.png")
    for faces in (
        model.predict(tmp_path / "plain.png"),
        model.predict(str(tmp_path / "plain.png"), on_error="return"),
        copy.deepcopy(model.predict(tmp_path / "plain.png")),
        pickle.loads(pickle.dumps(model.predict(tmp_path / "plain.png"))),
    ):
        assert faces == []
        table = to_dataframe(faces)
        assert list(table["status"]) == ["no_face"]
        assert list(table["file"]) == [str(tmp_path / "plain.png")]
    assert len(to_dataframe(model.predict([]))) == 0
    assert list(to_dataframe([]).columns) == list(table.columns)


def test_files_are_named_and_what_came_from_memory_is_not(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    Image.fromarray(FACE).save(path, "PNG")
    model, _ = fake_model()
    with Image.open(path) as opened:
        images = [path, path.read_bytes(), FACE, opened, tmp_path / "gone.png"]
        outcomes = model.predict(images, crops=True, on_error="return")
    table = to_dataframe(outcomes)
    shown = str(tmp_path / "caf\\xe9.png")
    assert list(table["file"].fillna("")) == [shown, "", "", shown, str(tmp_path / "gone.png")]
    table.to_csv(tmp_path / "table.csv")


def test_whatever_predict_gives_is_a_table(tmp_path: Path) -> None:
    model, _ = fake_model()
    images = [FACE, b"", FACE]
    table = to_dataframe(model.predict_each(images, crops=True))
    assert list(table["status"]) == ["ok", "error", "ok"]
    (face,) = model.predict(FACE, crops=True)
    error = model.predict(b"", on_error="return")
    assert isinstance(error, ImageError)
    for one in (face, [face], (face,), iter([face]), [[face]]):
        assert list(to_dataframe(one)["expression"]) == [face.expression]
    for one in (error, [error]):
        assert list(to_dataframe(one)["error_code"]) == ["empty"]


@pytest.mark.parametrize(
    "wrong", [5, None, "results.jsonl", b"", {"a": []}, [None], [[1]], [["x"]]]
)
def test_anything_else_is_refused_in_a_sentence(wrong: object) -> None:
    with pytest.raises(ValueError, match="to_dataframe takes .* as predict gives; got a "):
        to_dataframe(wrong)  # type: ignore[arg-type]


def test_the_faces_of_one_image_are_a_table_too() -> None:
    pytest.importorskip("pandas")
    model, _ = fake_model()
    faces = model.predict(FACE, crops=True, labels=7)
    table = to_dataframe(faces)
    assert len(table) == 1
    assert np.isnan(float(table.loc[0, "p_contempt"] or np.nan))
    with pytest.raises(ValueError, match="list of FaceResult"):
        to_dataframe([*faces, "x"])  # type: ignore[list-item]
