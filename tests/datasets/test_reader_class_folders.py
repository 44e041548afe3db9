from pathlib import Path

import pytest

from latent_ofer.datasets.readers.folders import read_folder
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS
from layouts_b import put_picture, write_class_folders, zipped


@pytest.mark.parametrize("as_zip", [False, True])
@pytest.mark.parametrize("above", ["", "data/set1"])
def test_words_in_any_case_and_folders_of_splits_are_read(
    tmp_path: Path, as_zip: bool, above: str
) -> None:
    root = tmp_path / "set"
    counts = {"Train/Happy": 2, "Train/SAD": 1, "valid/happy": 1, "valid/Sadness": 1, "test/joy": 1}
    write_class_folders(root / above, {**counts, "test/sad": 1})
    listing = read_folder(zipped(root) if as_zip else root, None)
    assert [len(listing.of(split)) for split in ("train", "val", "test")] == [3, 2, 2]
    found = {
        (s.split, s.code, EXPRESSIONS[s.label]) for s in listing.samples if s.label is not None
    }
    assert ("train", "SAD", "sadness") in found
    assert ("test", "joy", "happiness") in found
    assert not listing.problems
    assert all(listing.pictures.exists(sample.path) for sample in listing.samples)


def test_without_folders_of_splits_all_is_test_and_a_note_says_so(tmp_path: Path) -> None:
    listing = read_folder(write_class_folders(tmp_path, {"happy": 2, "sad": 1}), None)
    assert len(listing.of("test")) == 3
    assert any("split test" in note for note in listing.notes)


def test_bare_digits_need_an_order_and_the_error_shows_the_counts(tmp_path: Path) -> None:
    folder = write_class_folders(tmp_path, {"train/1": 2, "train/7": 1, "test/1": 1, "test/7": 1})
    with pytest.raises(DataError) as caught:
        read_folder(folder, None)
    message = str(caught.value)
    assert "1: 3, 7: 2" in message
    assert "raf-db or affectnet or ferplus or ck+ or latent-ofer-kdef" in message
    samples = read_folder(folder, "raf-db").samples
    assert {(s.code, EXPRESSIONS[s.label]) for s in samples if s.label is not None} == {
        ("1", "surprise"),
        ("7", "neutral"),
    }


def test_digits_outside_the_map_are_told(tmp_path: Path) -> None:
    folder = write_class_folders(tmp_path, {str(code): 1 for code in range(1, 9)})
    problems = read_folder(folder, "raf-db").problems
    assert [(p.kind, p.place) for p in problems] == [("label_out_of_range", "8")]


def test_a_folder_that_names_no_expression_is_left_out_and_told(tmp_path: Path) -> None:
    folder = write_class_folders(tmp_path, {"happy": 1, "sad": 1, "bored": 3})
    listing = read_folder(folder, None)
    assert [(p.kind, p.place) for p in listing.problems] == [("unknown_code", "bored")]
    assert "3 pictures" in listing.problems[0].message
    assert len(listing.samples) == 2


@pytest.mark.parametrize("as_zip", [False, True])
def test_an_empty_class_folder_is_told_and_an_absent_one_is_not(
    tmp_path: Path, as_zip: bool
) -> None:
    root = write_class_folders(tmp_path / "set", {"happy": 1, "sad": 1, "fear": 0})
    listing = read_folder(zipped(root) if as_zip else root, None)
    assert [(p.kind, p.place) for p in listing.problems] == [("empty_class", "fear")]


def test_a_class_that_only_one_split_lacks_is_told(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path, {"train/happy": 1, "train/sad": 1, "test/happy": 1})
    problems = read_folder(root, None).problems
    assert [(p.kind, p.place) for p in problems] == [("empty_class", "test/sadness")]


def test_pictures_outside_class_folders_make_one_problem(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path, {"train/happy": 1, "test/happy": 1})
    for row in range(3):
        put_picture(root / f"loose{row}.jpg", row)
    problems = read_folder(root, None).problems
    assert [(p.kind, p.place) for p in problems] == [("unlisted_image", "loose0.jpg")]
    assert "3 pictures" in problems[0].message


def test_a_folder_without_class_folders_says_what_was_found(tmp_path: Path) -> None:
    put_picture(tmp_path / "photos" / "a.jpg")
    with pytest.raises(DataError, match=r"train/happy, found photos/"):
        read_folder(tmp_path, None)
    with pytest.raises(DataError, match="no such file or folder"):
        read_folder(tmp_path / "nowhere", None)
