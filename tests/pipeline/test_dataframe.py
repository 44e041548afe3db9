import sys

import numpy as np
import pytest

from fakes import fake_model, hide
from helpers import drawn_face
from latent_ofer import to_dataframe

FACE, _ = drawn_face()


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


def test_the_faces_of_one_image_are_a_table_too() -> None:
    pytest.importorskip("pandas")
    model, _ = fake_model()
    faces = model.predict(FACE, crops=True, labels=7)
    table = to_dataframe(faces)
    assert len(table) == 1
    assert np.isnan(float(table.loc[0, "p_contempt"] or np.nan))
    with pytest.raises(ValueError, match="list of FaceResult"):
        to_dataframe([*faces, "x"])  # type: ignore[list-item]
