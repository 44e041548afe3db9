from collections import Counter, defaultdict
from pathlib import Path

import pytest

from latent_ofer.datasets.readers.named import read_ckplus as read
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS
from layouts_a import write_ckplus, write_ckplus_folders, write_class_folders, write_face, zipped

CODES = ["anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise"]
EMOTION = "Emotion/S005/001/S005_001_00000006_emotion.txt"


def test_labelled_sequences_give_their_last_three_frames_and_a_neutral_first(
    tmp_path: Path,
) -> None:
    listing = read(write_ckplus(tmp_path, people=7, frames=6, unlabelled=2), None)
    assert listing.problems == []
    assert len(listing.samples) == 7 * 4
    first = [s for s in listing.samples if s.subject == "S006"]
    stem = "cohn-kanade-images/S006/001/S006_001_0000000"
    assert [s.path for s in first] == [f"{stem}{n}.png" for n in (1, 4, 5, 6)]
    assert [EXPRESSIONS[s.label or 0] for s in first] == ["neutral"] + ["contempt"] * 3
    assert first[1].code == "2.0000000e+00"
    peaks = [s.label for s in listing.samples if s.tags["frame"] == "peak"]
    assert Counter(peaks) == {EXPRESSIONS.index(word): 3 for word in CODES}
    assert "14 of 21 sequences have no emotion file" in listing.notes[-1]


def test_a_fifth_of_the_people_is_test_and_nobody_is_in_both(tmp_path: Path) -> None:
    for folder in (
        write_ckplus(tmp_path / "official", people=10, frames=4, unlabelled=0),
        write_ckplus_folders(tmp_path / "copy", people=10, classes=("anger", "happy")),
    ):
        splits = defaultdict(set)
        for sample in read(folder, None).samples:
            splits[sample.subject].add(sample.split)
        assert Counter(map(tuple, splits.values())) == {("train",): 8, ("test",): 2}


def test_one_folder_above_and_a_zip_give_the_same(tmp_path: Path) -> None:
    folder = write_ckplus(tmp_path / "above" / "CK+", people=2)
    own, above = read(folder, None), read(folder.parent, None)
    packed = read(zipped(folder.parent), None)
    assert [f"CK+/{s.path}" for s in own.samples] == [s.path for s in above.samples]
    assert packed.samples == above.samples
    assert packed.pictures.read(packed.samples[0].path).shape == (48, 48, 3)


def test_a_short_sequence_has_no_frame_twice(tmp_path: Path) -> None:
    listing = read(write_ckplus(tmp_path, people=1, frames=3), None)
    paths = [s.path[-5] for s in listing.samples]
    assert paths == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"   8.0000000e+00\r\n", "label_out_of_range"),
        (b"happy", "unknown_code"),
        (b"", "bad_file"),
        (b"2.5", "unknown_code"),
    ],
)
def test_a_bad_emotion_file_is_told_by_name(tmp_path: Path, content: bytes, kind: str) -> None:
    folder = write_ckplus(tmp_path)
    (folder / EMOTION).write_bytes(content)
    listing = read(folder, None)
    assert [(p.kind, p.place) for p in listing.problems] == [(kind, EMOTION)]
    assert all(s.subject != "S005" for s in listing.samples)


def test_a_byte_order_mark_and_windows_lines_change_nothing(tmp_path: Path) -> None:
    folder = write_ckplus(tmp_path)
    (folder / EMOTION).write_bytes(b"\xef\xbb\xbf   1.0000000e+00\r\n")
    listing = read(folder, None)
    assert listing.problems == []
    assert EXPRESSIONS[listing.samples[1].label or 0] == "anger"


def test_missing_frames_and_a_second_emotion_file_are_told(tmp_path: Path) -> None:
    folder = write_ckplus(tmp_path)
    for frame in (folder / "cohn-kanade-images/S005/001").iterdir():
        frame.unlink()
    second = folder / "Emotion/S006/001/S006_001_00000007_emotion.txt"
    second.write_text("1.0")
    write_face(folder / "cohn-kanade-images/cover.png")
    assert {(p.kind, p.place) for p in read(folder, None).problems} == {
        ("missing_image", EMOTION),
        ("duplicate", "Emotion/S006/001/S006_001_00000007_emotion.txt"),
        ("unlisted_image", "cohn-kanade-images/cover.png"),
    }


def test_missing_emotion_files_are_told(tmp_path: Path) -> None:
    folder = write_ckplus(tmp_path)
    for path in (folder / "Emotion").rglob("*.txt"):
        path.unlink()
    listing = read(folder, None)
    assert [(p.kind, p.place) for p in listing.problems] == [("missing_folder", "Emotion")]
    assert listing.samples == []


def test_a_copy_in_word_folders_says_that_neutral_is_absent(tmp_path: Path) -> None:
    listing = read(write_ckplus_folders(tmp_path), None)
    assert listing.problems == []
    assert Counter(s.label for s in listing.samples) == {
        EXPRESSIONS.index(word): 10 for word in CODES
    }
    assert "This copy has no neutral." in listing.notes
    assert {s.subject for s in listing.samples} == {f"S01{n}" for n in range(5)}


def test_a_copy_in_bare_digits_wants_its_order_told(tmp_path: Path) -> None:
    folder = write_ckplus_folders(tmp_path, classes="01234567")
    with pytest.raises(DataError, match=r"0: 10, .*ck\+"):
        read(folder, None)
    listing = read(folder, "ck+")
    assert {s.label for s in listing.samples if s.code == "2"} == {EXPRESSIONS.index("contempt")}
    assert listing.problems == []


def test_what_is_wrong_in_a_copy_is_told(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_ckplus_folders(tmp_path / split, people=1)
    for frame in (tmp_path / "test/fear").iterdir():
        frame.unlink()
    write_class_folders(tmp_path, {"train/calm": 1, "train/anger": 1})
    assert [(p.kind, p.place) for p in read(tmp_path, None).problems] == [
        ("unknown_code", "train/calm"),
        ("empty_class", "test/fear"),
        ("bad_name", "train/anger/00002.jpg"),
        ("subject_in_two_splits", "S010"),
    ]


def test_the_wrong_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    write_face(tmp_path / "cat.jpg")
    with pytest.raises(DataError, match=r"cohn-kanade-images.*found cat\.jpg"):
        read(tmp_path, None)
