import os
from collections import Counter
from pathlib import Path

import pytest

from latent_ofer.datasets.listing import Listing
from latent_ofer.datasets.readers.lists import read_rafdb as read
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS
from layouts_a import write_class_folders, write_face, write_rafdb, write_rafdb_folders, zipped

LIST = "EmoLabel/list_patition_label.txt"
ORDER = ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"]


def words(listing: Listing, split: str) -> list[str]:
    return [
        EXPRESSIONS[s.label] for s in listing.samples if s.split == split and s.label is not None
    ]


def kinds(listing: Listing) -> Counter[str]:
    return Counter(problem.kind for problem in listing.problems)


def change_list(folder: Path, change: dict[str, str]) -> None:
    text = (folder / LIST).read_text()
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new)
    (folder / LIST).write_text(text)


def test_the_official_layout_is_read_in_the_order_of_its_list(tmp_path: Path) -> None:
    listing = read(write_rafdb(tmp_path / "basic", train=2, test=1), None)
    assert words(listing, "train") == ORDER * 2
    assert words(listing, "test") == ORDER
    assert listing.samples[0].path == "Image/aligned/train_00001_aligned.jpg"
    assert listing.samples[4].code == "5"
    assert listing.problems == []
    assert listing.pictures.read(listing.samples[0].path).shape == (48, 48, 3)


def test_one_folder_above_and_a_zip_give_the_same(tmp_path: Path) -> None:
    folder = write_rafdb(tmp_path / "above" / "basic")
    own, above = read(folder, None), read(folder.parent, None)
    packed = read(zipped(folder.parent), None)
    assert [f"basic/{s.path}" for s in own.samples] == [s.path for s in above.samples]
    assert packed.samples == above.samples
    assert packed.pictures.read(packed.samples[3].path).shape == (48, 48, 3)


def test_the_compound_part_beside_the_basic_one_is_not_taken(tmp_path: Path) -> None:
    write_rafdb(tmp_path / "basic")
    write_rafdb(tmp_path / "Compound", train=1)
    listing = read(tmp_path, None)
    assert all(sample.path.startswith("basic/") for sample in listing.samples)


def test_byte_order_mark_windows_lines_and_mixed_case_change_nothing(tmp_path: Path) -> None:
    plain = read(write_rafdb(tmp_path / "plain"), None)
    folder = write_rafdb(tmp_path / "odd", end="\r\n")
    (folder / LIST).write_bytes(b"\xef\xbb\xbf" + (folder / LIST).read_bytes())
    (folder / "Image").rename(folder / "IMAGE")
    (folder / "IMAGE/aligned/train_00001_aligned.jpg").rename(
        folder / "IMAGE/aligned/Train_00001_Aligned.JPG"
    )
    odd = read(folder, None)
    assert odd.problems == []
    assert [(s.split, s.label) for s in odd.samples] == [(s.split, s.label) for s in plain.samples]
    assert odd.samples[0].path == "IMAGE/aligned/Train_00001_Aligned.JPG"


def test_original_pictures_are_taken_where_no_aligned_ones_are(tmp_path: Path) -> None:
    listing = read(write_rafdb(tmp_path, faces="Image/original"), None)
    assert listing.samples[0].path == "Image/original/train_00001.jpg"
    assert "Image/original" in listing.notes[0]
    assert listing.problems == []


def test_bad_lines_are_told_by_number_and_left_out(tmp_path: Path) -> None:
    folder = write_rafdb(tmp_path)
    change_list(
        folder,
        {
            "train_00001.jpg 1": "train_00001.jpg 9",
            "train_00002.jpg 2": "train_00002.jpg x",
            "train_00003.jpg 3": "train_00003.jpg",
            "train_00005.jpg 5": "train_00004.jpg 5",
            "train_00006.jpg 6": "picture.jpg 6",
        },
    )
    listing = read(folder, None)
    found = {(p.kind, p.place) for p in listing.problems if p.kind != "unlisted_image"}
    assert found == {
        ("label_out_of_range", f"{LIST}:1"),
        ("unknown_code", f"{LIST}:2"),
        ("bad_file", f"{LIST}:3"),
        ("duplicate", f"{LIST}:5"),
        ("bad_name", f"{LIST}:6"),
    }
    assert len(listing.samples) == 21 - 5
    # 3, 5 and 6 are named no more; 1 and 2 are, with a bad code.
    unlisted = next(p for p in listing.problems if p.kind == "unlisted_image")
    assert unlisted.message.startswith("3 pictures")
    assert "1, 2, 3" in next(p.message for p in listing.problems if p.place == f"{LIST}:1")


def test_few_missing_pictures_are_told_one_by_one_with_the_expected_path(tmp_path: Path) -> None:
    folder = write_rafdb(tmp_path)
    (folder / "Image/aligned/test_0003_aligned.jpg").unlink()
    (problem,) = read(folder, None).problems
    assert (problem.kind, problem.place) == ("missing_image", f"{LIST}:17")
    assert "Image/aligned/test_0003_aligned.jpg" in problem.message


def test_many_missing_pictures_are_summed_up(tmp_path: Path) -> None:
    folder = write_rafdb(tmp_path, train=1, test=1)
    lines = "".join(f"test_{n:04}.jpg 1\n" for n in range(1, 101))
    (folder / LIST).write_text(lines)
    missing = [p for p in read(folder, None).problems if p.kind == "missing_image"]
    assert len(missing) == 21
    assert missing[-1].message.startswith("93 of 100 test pictures are missing")
    assert "test_0008_aligned.jpg" in missing[-1].message


def test_pictures_that_the_list_lacks_are_counted(tmp_path: Path) -> None:
    folder = write_rafdb(tmp_path)
    write_face(folder / "Image/aligned/train_09999_aligned.jpg")
    (problem,) = read(folder, None).problems
    assert problem.kind == "unlisted_image"
    assert problem.message.startswith("1 picture is")


def test_a_missing_label_list_is_named(tmp_path: Path) -> None:
    folder = write_rafdb(tmp_path)
    (folder / LIST).unlink()
    listing = read(folder, None)
    assert [(p.kind, p.place) for p in listing.problems] == [("missing_file", LIST)]
    assert listing.samples == []


def test_pictures_still_packed_are_named(tmp_path: Path) -> None:
    folder = write_rafdb(tmp_path)
    zipped(folder / "Image/aligned")
    for picture in (folder / "Image/aligned").iterdir():
        picture.unlink()
    problem = read(folder, None).problems[0]
    assert problem.kind == "missing_folder"
    assert "unpack Image/aligned.zip" in problem.message


def test_an_empty_list_is_a_bad_file(tmp_path: Path) -> None:
    folder = write_rafdb(tmp_path)
    (folder / LIST).write_text("\n")
    assert kinds(read(folder, None)) == {"bad_file": 1, "unlisted_image": 1}


def test_the_wrong_folder_says_what_was_looked_for_and_found(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "notes.txt").write_text("sun")
    with pytest.raises(DataError, match=r"list_patition_label\.txt.*found holiday/"):
        read(tmp_path, None)


def test_class_folders_from_1_are_raf_dbs_own_codes(tmp_path: Path) -> None:
    listing = read(write_rafdb_folders(tmp_path, names=("train_set", "test_set")), None)
    assert Counter(words(listing, "train")) == dict.fromkeys(ORDER, 2)
    assert Counter(words(listing, "test")) == dict.fromkeys(ORDER, 1)
    by_code = {s.code: s.label for s in listing.samples}
    assert [EXPRESSIONS[by_code[c] or 0] for c in "1234567"] == ORDER
    assert listing.problems == []


def test_class_folders_from_0_want_their_order_told(tmp_path: Path) -> None:
    folder = write_rafdb_folders(tmp_path, classes="0123456")
    write_class_folders(folder, {"train/3": 5}, "train_9{number:04}.jpg")
    with pytest.raises(DataError, match=r"0: 3, 1: 3, 2: 3, 3: 8,.*folder 3") as error:
        read(folder, None)
    assert "raf-db-from-0" in str(error.value) and "ma-net" in str(error.value)
    for codes, zero in (("raf-db-from-0", "surprise"), ("ma-net", "neutral")):
        listing = read(folder, codes)
        labels = {s.label for s in listing.samples if s.code == "0"}
        assert labels == {EXPRESSIONS.index(zero)}
        assert listing.problems == []


def test_folders_named_by_words_need_no_codes(tmp_path: Path) -> None:
    names = ["Surprise", "fear", "disgust", "Happy", "sad", "angry", "neutral"]
    listing = read(write_rafdb_folders(tmp_path, classes=names), None)
    assert Counter(words(listing, "train")) == dict.fromkeys(ORDER, 2)
    assert listing.problems == []


def test_without_split_folders_the_names_tell(tmp_path: Path) -> None:
    folder = write_rafdb_folders(tmp_path, names=("all", "all"))
    listing = read(folder, None)
    assert Counter(s.split for s in listing.samples) == {"train": 14, "test": 7}


def test_empty_and_unknown_class_folders_are_told(tmp_path: Path) -> None:
    folder = write_rafdb_folders(tmp_path)
    for picture in (folder / "test/4").iterdir():
        picture.unlink()
    write_class_folders(folder, {"train/8": 1, "train/misc": 1, "train/contempt": 1, "more": 1})
    listing = read(folder, None)
    assert {(p.kind, p.place) for p in listing.problems} == {
        ("empty_class", "test/4"),
        ("label_out_of_range", "train/8"),
        ("unknown_code", "train/misc"),
        ("unknown_code", "train/contempt"),
        ("unlisted_image", "more/00004.jpg"),
    }


def test_the_order_does_not_depend_on_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_rafdb_folders(tmp_path)
    usual = read(folder, None)
    walk = os.walk

    def backwards(top: Path):  # type: ignore[no-untyped-def]
        for where, folders, names in walk(top):
            folders.sort(reverse=True)
            yield where, folders, sorted(names, reverse=True)

    monkeypatch.setattr(os, "walk", backwards)
    assert read(folder, None).samples == usual.samples
