import pickle
import sys
from pathlib import Path

import pytest

from latent_ofer.datasets.readers.tables import read_table
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS
from layouts_b import WORDS, put_picture, write_table


def test_paths_labels_splits_and_people_are_read(tmp_path: Path) -> None:
    listing = read_table(write_table(tmp_path), None)
    assert (len(listing.of("train")), len(listing.of("test"))) == (5, 2)
    assert [s.code for s in listing.samples] == list(WORDS)
    assert listing.samples[3].label == EXPRESSIONS.index("happiness")
    assert listing.samples[3].subject == "person1"
    assert not listing.problems
    pictures = pickle.loads(pickle.dumps(listing.pictures))
    assert pictures.read("pictures/3.png").shape == (48, 48, 3)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_line_ends_marks_and_case_do_not_matter(tmp_path: Path, delimiter: str) -> None:
    for row in range(3):
        put_picture(tmp_path / f"{row}.jpg", row)
    rows = [
        ["Usage", "Image_Path", "EXPRESSION"],
        ["Training", "0.jpg", " Happy "],
        ["PublicTest", str(tmp_path / "1.jpg"), "FEAR"],
        ["privatetest", "2.jpg", ""],
    ]
    path = tmp_path / "Faces.CSV"
    text = "\r\n".join(delimiter.join(row) for row in rows)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    listing = read_table(path, None)
    assert [s.split for s in listing.samples] == ["train", "val", "test"]
    labels = [s.label for s in listing.samples]
    assert labels == [EXPRESSIONS.index("happiness"), EXPRESSIONS.index("fear"), None]
    assert not listing.problems


def test_codes_need_an_order_and_the_error_shows_the_counts(tmp_path: Path) -> None:
    path = write_table(tmp_path, ["0", "3.0", "3", "10"])
    with pytest.raises(DataError) as caught:
        read_table(path, None)
    assert "0: 1, 3: 2, 10: 1" in str(caught.value)
    assert "codes: affectnet" in str(caught.value)
    samples = read_table(path, "affectnet").samples
    surprise = EXPRESSIONS.index("surprise")
    assert [s.label for s in samples] == [EXPRESSIONS.index("neutral"), surprise, surprise, None]
    out_of_range = read_table(path, "fer2013").problems
    assert [(p.kind, p.place) for p in out_of_range] == [("label_out_of_range", "faces.csv:5")]


def test_what_is_wrong_with_a_row_is_told_with_its_line(tmp_path: Path) -> None:
    path = write_table(tmp_path, ["happy", "bored", "sad", "fear", "angry"])
    lines = path.read_text().splitlines()
    lines[3] = lines[3].replace("test", "exam")
    lines[4] = "pictures/3.png,fear"
    path.write_text("\n".join(lines))
    (tmp_path / "pictures" / "4.png").unlink()
    listing = read_table(path, None)
    assert {(p.kind, p.place) for p in listing.problems} == {
        ("unknown_code", "faces.csv:3"),
        ("unknown_code", "faces.csv:4"),
        ("bad_file", "faces.csv:5"),
        ("missing_image", "faces.csv:6"),
    }
    assert len(listing.samples) == 1


def test_without_a_column_of_splits_all_is_test(tmp_path: Path) -> None:
    put_picture(tmp_path / "a.jpg")
    (tmp_path / "faces.csv").write_text("file,emotion\na.jpg,joy\n")
    listing = read_table(tmp_path / "faces.csv", None)
    assert [s.split for s in listing.samples] == ["test"]
    assert any("split test" in note for note in listing.notes)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    with pytest.raises(DataError, match=r"Give the \.csv"):
        read_table(tmp_path, None)
    path.write_text("path,mood\na.jpg,happy\n")
    with pytest.raises(DataError, match="no column for the label.*found path, mood"):
        read_table(path, None)
    path.write_text("")
    with pytest.raises(DataError, match="no column for the path.*found nothing"):
        read_table(path, None)


def test_parquet_without_its_libraries_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "faces.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(DataError, match="pip install pandas pyarrow"):
        read_table(path, None)


def test_parquet_is_read_like_csv(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    csv = write_table(tmp_path, ["happy", "sad", ""])
    pandas.read_csv(csv).to_parquet(tmp_path / "faces.parquet")
    expected = read_table(csv, None).samples
    assert read_table(tmp_path / "faces.parquet", None).samples == expected


def test_broken_parquet_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "faces.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_table(tmp_path / "faces.parquet", None)
