from collections import Counter, defaultdict
from pathlib import Path

import pytest

from latent_ofer.datasets.readers.named import read_kdef as read
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS
from layouts_a import write_face, write_kdef, zipped


def test_the_name_tells_everything(tmp_path: Path) -> None:
    folder = write_kdef(tmp_path, people=2, sessions="AB", angles=("FL", "HL", "S", "HR", "FR"))
    listing = read(folder, None)
    assert len(listing.samples) == 4 * 2 * 7 * 5
    assert listing.problems == []
    sample = next(s for s in listing.samples if s.path == "BM02/BM02AFHR.JPG")
    assert EXPRESSIONS[sample.label or 0] == "fear"
    assert (sample.code, sample.subject) == ("AF", "M02")
    assert sample.tags == {"session": "B", "sex": "M", "angle": "HR"}
    labels = {s.code: EXPRESSIONS[s.label or 0] for s in listing.samples}
    assert labels == {
        "AF": "fear",
        "AN": "anger",
        "DI": "disgust",
        "HA": "happiness",
        "NE": "neutral",
        "SA": "sadness",
        "SU": "surprise",
    }


def test_a_fifth_of_the_people_of_each_sex_is_test_and_nobody_is_in_both(tmp_path: Path) -> None:
    listing = read(write_kdef(tmp_path, people=10), None)
    splits = defaultdict(set)
    for sample in listing.samples:
        splits[sample.subject].add(sample.split)
    assert all(len(found) == 1 for found in splits.values())
    tested = [subject for subject, found in splits.items() if found == {"test"}]
    assert Counter(subject[0] for subject in tested) == {"F": 2, "M": 2}
    assert "train 16 people with 112 pictures, test 4 people with 28 pictures" in listing.notes[0]


def test_a_flat_folder_a_deep_one_and_a_zip_give_the_same(tmp_path: Path) -> None:
    flat = read(write_kdef(tmp_path / "flat", within=""), None)
    deep = read(write_kdef(tmp_path / "deep", within="KDEF_and_AKDEF/KDEF/{session}{person}"), None)
    packed = read(zipped(tmp_path / "flat"), None)

    def told(listing):  # type: ignore[no-untyped-def]
        return [(s.path.rpartition("/")[2], s.split, s.label) for s in listing.samples]

    assert told(flat) == told(deep) == told(packed)
    assert packed.pictures.read(packed.samples[0].path).shape == (48, 48, 3)


def test_names_are_read_strictly_and_the_rest_is_told(tmp_path: Path) -> None:
    folder = write_kdef(tmp_path, within="")
    odd = ["AF36ANS.JPG", "AF01ANX.JPG", "AF01XXS.JPG", "AF01ANS copy.JPG", "CF01ANS.JPG"]
    for name in odd:
        write_face(folder / name)
    write_face(folder / "again" / "AF01ANS.JPG")
    (folder / "readme.txt").write_text("not a picture")
    listing = read(folder, None)
    assert {(p.kind, p.place) for p in listing.problems} == {
        ("bad_name", "AF36ANS.JPG"),
        ("bad_name", "AF01ANX.JPG"),
        ("unknown_code", "AF01XXS.JPG"),
        ("bad_name", "AF01ANS copy.JPG"),
        ("bad_name", "CF01ANS.JPG"),
        ("duplicate", "again/AF01ANS.JPG"),
    }
    assert len(listing.samples) == 70


def test_many_bad_names_are_counted_after_the_first(tmp_path: Path) -> None:
    folder = write_kdef(tmp_path, people=1)
    for number in range(30):
        (folder / f"holiday{number:02}.jpg").touch()
    problems = read(folder, None).problems
    assert len(problems) == 21
    assert "10 more" in problems[-1].message


def test_lower_case_names_count(tmp_path: Path) -> None:
    folder = write_kdef(tmp_path, within="")
    usual = read(folder, None)
    for picture in list(folder.iterdir()):
        picture.rename(picture.with_name(picture.name.lower()))
    lower = read(folder, None)
    assert [(s.subject, s.label, s.split) for s in lower.samples] == [
        (s.subject, s.label, s.split) for s in usual.samples
    ]


def test_a_copys_own_split_is_kept_and_a_person_in_both_parts_is_told(tmp_path: Path) -> None:
    write_kdef(tmp_path, people=2, sessions="A", within="train")
    write_kdef(tmp_path, people=1, sessions="B", within="test")
    write_face(tmp_path / "AM09NES.JPG")
    listing = read(tmp_path, None)
    assert Counter(s.split for s in listing.samples) == {"train": 28, "test": 14}
    assert [(p.kind, p.place) for p in listing.problems] == [
        ("unlisted_image", "AM09NES.JPG"),
        ("subject_in_two_splits", "F01"),
        ("subject_in_two_splits", "M01"),
    ]


def test_the_wrong_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    write_face(tmp_path / "cat.jpg")
    with pytest.raises(DataError, match=r"AF01ANS\.JPG, found cat\.jpg"):
        read(tmp_path, None)
