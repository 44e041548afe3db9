from pathlib import Path

import pytest

from latent_ofer.datasets.readers.lists import read_fedro
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS
from layouts_b import WORDS, put_picture, write_class_folders, write_fedro, write_fedro_list, zipped


@pytest.mark.parametrize("as_zip", [False, True])
def test_class_folders_are_all_test(tmp_path: Path, as_zip: bool) -> None:
    folder = write_fedro(tmp_path / "fedro", 2)
    listing = read_fedro(zipped(folder) if as_zip else folder, None)
    assert len(listing.of("test")) == 14
    assert not listing.problems
    assert any("14 faces were found; the paper counts 400" in note for note in listing.notes)


def test_a_copy_with_a_folder_train_is_still_all_test(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {f"train/{word}": 1 for word in WORDS})
    assert len(read_fedro(tmp_path, None).of("test")) == 7


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_list_of_paths_and_words_is_read(tmp_path: Path, as_zip: bool) -> None:
    folder = write_fedro_list(tmp_path / "fedro")
    table = folder / "labels.txt"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes().replace(b"\n", b"\r\n"))
    listing = read_fedro(zipped(folder) if as_zip else folder, None)
    assert [s.code for s in listing.samples] == list(WORDS)
    assert listing.samples[3].label == EXPRESSIONS.index("happiness")
    assert listing.samples[3].path == "pictures/3.jpg"
    assert not listing.problems


def test_a_list_of_codes_needs_an_order(tmp_path: Path) -> None:
    folder = write_fedro_list(tmp_path, ["1", "7", "1"])
    with pytest.raises(DataError, match="1: 2, 7: 1"):
        read_fedro(folder, None)
    labels = [sample.label for sample in read_fedro(folder, "raf-db").samples]
    assert [EXPRESSIONS[label] for label in labels if label is not None] == [
        "surprise",
        "neutral",
        "surprise",
    ]


def test_what_is_wrong_with_a_list_is_told(tmp_path: Path) -> None:
    folder = write_fedro_list(tmp_path, ["happy", "bored", "sad"])
    (folder / "pictures" / "2.jpg").unlink()
    put_picture(folder / "pictures" / "more.jpg")
    problems = read_fedro(folder, None).problems
    assert [(p.kind, p.place) for p in problems] == [
        ("unknown_code", "labels.txt:2"),
        ("missing_image", "labels.txt:3"),
        ("unlisted_image", "pictures/more.jpg"),
    ]


def test_neither_folders_nor_a_list_is_refused(tmp_path: Path) -> None:
    put_picture(tmp_path / "photos" / "a.jpg")
    (tmp_path / "readme.txt").write_text("some words\n")
    with pytest.raises(DataError, match=r"no FED-RO here.*photos/"):
        read_fedro(tmp_path, None)
