import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from latent_ofer.datasets.readers.fer2013 import read_fer2013
from latent_ofer.errors import DataError, ImageError
from latent_ofer.labels import EXPRESSIONS
from layouts_b import small_pixels, write_fer2013, write_fer2013_folders, zipped

CSV_ORDER = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]


@pytest.mark.parametrize("root", ["table", "folder", "above", "zip"])
def test_a_table_is_read_as_a_file_in_a_folder_or_in_a_zip(tmp_path: Path, root: str) -> None:
    table = write_fer2013(tmp_path / "above" / "fer2013")
    roots = {
        "table": table,
        "folder": table.parent,
        "above": table.parent.parent,
        "zip": zipped(table.parent),
    }
    listing = read_fer2013(roots[root], None)
    assert [len(listing.of(split)) for split in ("train", "val", "test")] == [7, 3, 2]
    assert [EXPRESSIONS[s.label] for s in listing.samples[:7] if s.label is not None] == CSV_ORDER
    assert listing.samples[11].path == "fer2013.csv#11"
    assert not listing.problems
    for row in (11, 0, 5):
        pixels = listing.pictures.read(f"fer2013.csv#{row}")
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, small_pixels(row))


def test_crlf_a_byte_order_mark_and_another_order_of_columns_change_nothing(
    tmp_path: Path,
) -> None:
    table = write_fer2013(tmp_path)
    rows = [line.split(",") for line in table.read_text().splitlines()]
    swapped = "\r\n".join(f"{a}, {c}, {b}" for a, b, c in rows) + "\r\n\r\n"
    table.write_bytes(b"\xef\xbb\xbf" + swapped.encode())
    listing = read_fer2013(table, None)
    assert [len(listing.of(split)) for split in ("train", "val", "test")] == [7, 3, 2]
    np.testing.assert_array_equal(listing.pictures.read("fer2013.csv#4"), small_pixels(4))
    assert not listing.problems


def test_pictures_can_be_pickled_and_read_by_several_threads(tmp_path: Path) -> None:
    listing = read_fer2013(write_fer2013(tmp_path), None)
    listing.pictures.read("fer2013.csv#0")
    pictures = pickle.loads(pickle.dumps(listing.pictures))
    rows = [row % 12 for row in range(200)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(pictures.read, (f"fer2013.csv#{row}" for row in rows)))
    for row, pixels in zip(rows, found, strict=True):
        np.testing.assert_array_equal(pixels, small_pixels(row))


def test_unknown_usage_bad_codes_and_short_rows_are_told_with_their_line(tmp_path: Path) -> None:
    table = write_fer2013(tmp_path)
    lines = table.read_text().splitlines()
    lines[2] = "9" + lines[2][1:]
    lines[3] = "happy" + lines[3][1:]
    lines[4] = lines[4].replace("Training", "Exam")
    lines[5] = "3,1 2 3"
    table.write_text("\n".join(lines))
    listing = read_fer2013(table, None)
    assert {(p.kind, p.place) for p in listing.problems} == {
        ("label_out_of_range", "fer2013.csv:3"),
        ("unknown_code", "fer2013.csv:4"),
        ("unknown_code", "fer2013.csv:5"),
        ("bad_file", "fer2013.csv:6"),
    }
    assert "Exam" in next(p.message for p in listing.problems if p.place == "fer2013.csv:5")
    paths = [sample.path for sample in listing.samples]
    assert len(paths) == 8
    assert paths[1] == "fer2013.csv#5"


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        ("1 2 3", "3 pixels, expected 2304"),
        (" ".join(["256"] * 2304), "out of 0-255"),
        (" ".join(["-1"] * 2304), "out of 0-255"),
        (" ".join(["x"] * 2304), "not whole numbers"),
    ],
)
def test_bad_pixels_are_an_error_when_read(tmp_path: Path, pixels: str, reason: str) -> None:
    table = write_fer2013(tmp_path)
    lines = table.read_text().splitlines()
    lines[1] = f"0,{pixels},Training"
    table.write_text("\n".join(lines))
    listing = read_fer2013(table, None)
    with pytest.raises(ImageError, match=reason) as caught:
        listing.pictures.read("fer2013.csv#0")
    assert caught.value.path == "fer2013.csv#0"
    np.testing.assert_array_equal(listing.pictures.read("fer2013.csv#1"), small_pixels(1))


def test_a_row_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    pictures = read_fer2013(write_fer2013(tmp_path), None).pictures
    assert pictures.exists("fer2013.csv#11")
    for path in ("fer2013.csv#12", "fer2013.csv", "other.csv#1", "fer2013.csv#-1"):
        assert not pictures.exists(path)
        with pytest.raises(ImageError) as caught:
            pictures.read(path)
        assert caught.value.code == "not_found"


@pytest.mark.parametrize("as_zip", [False, True])
def test_class_folders_are_read_by_word(tmp_path: Path, as_zip: bool) -> None:
    folder = write_fer2013_folders(tmp_path / "images")
    listing = read_fer2013(zipped(folder) if as_zip else folder, None)
    assert (len(listing.of("train")), len(listing.of("test"))) == (14, 7)
    found = {s.path: EXPRESSIONS[s.label] for s in listing.samples if s.label is not None}
    assert found["train/neutral/im0.jpg"] == "neutral"
    assert found["test/sad/im0.jpg"] == "sadness"
    assert not listing.problems
    assert any("PrivateTest" in note for note in listing.notes)
    assert listing.pictures.read("train/neutral/im0.jpg").shape == (48, 48, 3)


def test_a_class_without_pictures_is_told(tmp_path: Path) -> None:
    folder = write_fer2013_folders(tmp_path)
    (folder / "test" / "disgust" / "im0.jpg").unlink()
    problems = read_fer2013(folder, None).problems
    assert [(p.kind, p.place) for p in problems] == [("empty_class", "test/disgust")]


def test_a_folder_that_cannot_hold_the_set_says_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(DataError, match=r"FER2013.*notes\.txt"):
        read_fer2013(tmp_path, None)
    (tmp_path / "other.csv").write_text("path,label\na,b\n")
    with pytest.raises(DataError, match="no header emotion,pixels,Usage"):
        read_fer2013(tmp_path / "other.csv", None)
