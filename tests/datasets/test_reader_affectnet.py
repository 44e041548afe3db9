import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from latent_ofer.datasets.readers.affectnet import read
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS
from layouts_a import (
    write_affectnet_csv,
    write_affectnet_npy,
    write_class_folders,
    write_face,
    zipped,
)

ORDER = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]
LABELS = [EXPRESSIONS.index(word) for word in ORDER]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_old_release_is_read_with_and_without_header(
    tmp_path: Path, header: bool, end: str
) -> None:
    folder = write_affectnet_csv(tmp_path, train=2, val=1, header=header, end=end)
    listing = read(folder, None)
    unused = [None, None, None]
    assert [s.label for s in listing.of("train")] == (LABELS + unused) * 2
    assert [s.label for s in listing.of("val")] == LABELS + unused
    assert listing.of("test") == []
    assert listing.problems == []
    assert listing.samples[8].code == "8"
    assert listing.samples[0].tags == {"valence": "-0.25", "arousal": "0.5"}
    assert listing.samples[0].box is None
    assert "9 faces" in listing.notes[-1]
    assert listing.pictures.read(listing.samples[0].path).shape == (48, 48, 3)


def test_a_byte_order_mark_before_the_header_or_the_first_row_does_no_harm(tmp_path: Path) -> None:
    folder = write_affectnet_csv(tmp_path)
    for name, drop in (("training.csv", 0), ("validation.csv", 1)):
        rows = (folder / name).read_text().splitlines(keepends=True)[drop:]
        (folder / name).write_bytes(b"\xef\xbb\xbf" + "".join(rows).encode())
    listing = read(folder, None)
    assert (len(listing.of("train")), len(listing.of("val"))) == (22, 11)
    assert listing.problems == []


def test_a_header_in_another_order_and_case_is_followed(tmp_path: Path) -> None:
    folder = write_affectnet_csv(tmp_path, train=1)
    usual = read(folder, None).samples
    rows = [line.split(",") for line in (folder / "training.csv").read_text().splitlines()]
    rows[0] = [name.upper() for name in rows[0]]
    text = "\n".join(",".join(reversed(row)) for row in rows)
    (folder / "training.csv").write_text(text)
    assert read(folder, None).samples == usual


def test_one_folder_above_and_a_zip_give_the_same(tmp_path: Path) -> None:
    for write in (write_affectnet_csv, write_affectnet_npy):
        folder = write(tmp_path / write.__name__ / "set")
        own, above = read(folder, None), read(folder.parent, None)
        packed = read(zipped(folder, "AffectNet/"), None)
        assert [f"set/{s.path}" for s in own.samples] == [s.path for s in above.samples]
        assert [(s.split, s.label) for s in packed.samples] == [
            (s.split, s.label) for s in own.samples
        ]
        assert above.problems == packed.problems == []


def test_bad_rows_of_the_old_release_are_told_by_line(tmp_path: Path) -> None:
    folder = write_affectnet_csv(tmp_path, train=1, header=False)
    table = folder / "training.csv"
    rows = [line.split(",") for line in table.read_text().splitlines()]
    rows[0][6], rows[1][6] = "11", "x"
    rows[2] = rows[2][:3]
    rows.append(rows[5])
    rows[4][0] = "9/gone.jpg"
    table.write_text("\n".join(",".join(row) for row in rows))
    listing = read(folder, None)
    assert [(p.kind, p.place) for p in listing.problems if p.kind != "unlisted_image"] == [
        ("label_out_of_range", "training.csv:1"),
        ("unknown_code", "training.csv:2"),
        ("bad_file", "training.csv:3"),
        ("duplicate", "training.csv:12"),
        ("missing_image", "training.csv:5"),
    ]
    assert "Manually_Annotated_Images/9/gone.jpg" in listing.problems[4].message
    assert listing.problems[5].message.startswith("2 pictures are not named in training.csv")
    assert len(listing.of("train")) == 11 - 4


def test_tables_that_are_missing_or_no_tables_are_told(tmp_path: Path) -> None:
    folder = write_affectnet_csv(tmp_path)
    (folder / "validation.csv").unlink()
    assert [(p.kind, p.place) for p in read(folder, None).problems][0] == (
        "missing_file",
        "validation.csv",
    )
    (folder / "training.csv").write_text("name,emotion\n1.jpg,happy\n")
    assert "subDirectory_filePath" in read(folder, None).problems[1].message
    (folder / "training.csv").unlink()
    listing = read(folder, None)
    assert [(p.kind, p.place) for p in listing.problems] == [("missing_file", "training.csv")]
    assert listing.samples == []


def test_the_new_release_is_read_with_texts_and_numbers(tmp_path: Path) -> None:
    listing = read(write_affectnet_npy(tmp_path, train=1, val=1), None)
    assert [s.label for s in listing.of("train")] == LABELS
    assert [s.label for s in listing.of("val")] == LABELS
    assert listing.problems == []
    first = listing.samples[0]
    assert first.path == "train_set/images/0.jpg"
    assert first.tags == {"valence": "-0.25", "arousal": "0.5"}


def test_what_is_wrong_in_the_new_release_is_told(tmp_path: Path) -> None:
    folder = write_affectnet_npy(tmp_path, train=2)
    annotations = folder / "train_set/annotations"
    (folder / "train_set/images/0.jpg").unlink()
    (annotations / "1_exp.npy").unlink()
    (annotations / "2_exp.npy").write_bytes(b"\x93NUMPY")
    np.save(annotations / "3_exp.npy", np.array("11"))
    np.save(annotations / "4_exp.npy", np.array("x"))
    np.save(annotations / "5_exp.npy", np.array([1, 2]))
    np.save(annotations / "6_exp.npy", np.array({"a": 1}), allow_pickle=True)
    np.save(annotations / "7_exp.npy", np.array(7.0))
    np.save(annotations / "8_exp.npy", np.array("8"))
    listing = read(folder, None)
    stem = "train_set/annotations/"
    assert {(p.kind, p.place) for p in listing.problems} == {
        ("missing_image", f"{stem}0_exp.npy"),
        ("missing_file", f"{stem}1_exp.npy"),
        ("bad_file", f"{stem}2_exp.npy"),
        ("label_out_of_range", f"{stem}3_exp.npy"),
        ("unknown_code", f"{stem}4_exp.npy"),
        ("bad_file", f"{stem}5_exp.npy"),
        ("bad_file", f"{stem}6_exp.npy"),
    }
    labels = {s.path.rpartition("/")[2]: s.label for s in listing.of("train")}
    assert labels["7.jpg"] == EXPRESSIONS.index("contempt")
    assert labels["8.jpg"] is None


def test_class_folders_are_affectnets_codes_and_may_lack_contempt(tmp_path: Path) -> None:
    counts = {f"{split}/{code}": 2 for split in ("train", "val") for code in range(7)}
    listing = read(write_class_folders(tmp_path, counts), None)
    assert Counter(s.label for s in listing.of("val")) == dict.fromkeys(LABELS[:7], 2)
    assert listing.problems == []
    assert "This copy has no contempt." in listing.notes
    other = read(tmp_path, "ma-net")
    assert [s.label for s in other.samples] == [s.label for s in listing.samples]
    fer = read(tmp_path, "fer2013")
    assert {s.label for s in fer.samples if s.code == "0"} == {EXPRESSIONS.index("anger")}


def test_empty_and_unknown_class_folders_are_told(tmp_path: Path) -> None:
    counts = {f"train/{code}": 1 for code in (*range(7), 11)}
    counts |= {f"val/{code}": 1 for code in range(8)}
    listing = read(write_class_folders(tmp_path, counts), None)
    assert [(p.kind, p.place) for p in listing.problems] == [
        ("label_out_of_range", "train/11"),
        ("empty_class", "train/7"),
    ]


def test_the_wrong_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    write_face(tmp_path / "cat.jpg")
    with pytest.raises(DataError, match=r"training\.csv.*found cat\.jpg"):
        read(tmp_path, None)


def test_the_order_does_not_depend_on_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_affectnet_npy(tmp_path)
    usual = read(folder, None)
    walk = os.walk

    def backwards(top: Path):  # type: ignore[no-untyped-def]
        for where, folders, names in walk(top):
            folders.sort(reverse=True)
            yield where, folders, sorted(names, reverse=True)

    monkeypatch.setattr(os, "walk", backwards)
    assert read(folder, None).samples == usual.samples
