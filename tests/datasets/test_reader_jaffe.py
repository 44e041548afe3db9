from collections import Counter, defaultdict
from pathlib import Path

import pytest

from latent_ofer.datasets.readers.named import read_jaffe as read
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS
from layouts_a import write_face, write_jaffe, zipped


def test_the_name_tells_everything(tmp_path: Path) -> None:
    listing = read(write_jaffe(tmp_path, people=10), None)
    assert listing.problems == []
    assert len(listing.samples) == 70
    sample = next(s for s in listing.samples if s.path == "KA.FE1.3.tiff")
    assert (EXPRESSIONS[sample.label or 0], sample.subject) == ("fear", "KA")
    assert sample.tags == {"take": "1"}
    assert len({s.label for s in listing.samples}) == 7
    assert listing.pictures.read(sample.path).shape == (48, 48, 3)


def test_a_fifth_of_the_people_is_test_and_nobody_is_in_both(tmp_path: Path) -> None:
    listing = read(write_jaffe(tmp_path, people=10), None)
    splits = defaultdict(set)
    for sample in listing.samples:
        splits[sample.subject].add(sample.split)
    assert Counter(map(tuple, splits.values())) == {("train",): 8, ("test",): 2}
    assert "8 people" in listing.notes[0]


def test_one_folder_above_and_a_zip_give_the_same(tmp_path: Path) -> None:
    folder = write_jaffe(tmp_path / "above" / "jaffe")
    own, above = read(folder, None), read(folder.parent, None)
    assert [f"jaffe/{s.path}" for s in own.samples] == [s.path for s in above.samples]
    assert read(zipped(folder.parent), None).samples == above.samples


def test_other_names_other_people_and_copies_are_told(tmp_path: Path) -> None:
    folder = write_jaffe(tmp_path)
    for name in ("ZZ.AN1.39.tiff", "KA.XX1.39.tiff", "mean.png", "more/KA.AN1.1.tiff"):
        write_face(folder / name)
    (folder / "KL.AN1.8.tiff").rename(folder / "kl.an1.8.TIFF")
    listing = read(folder, None)
    assert {(p.kind, p.place) for p in listing.problems} == {
        ("bad_name", "ZZ.AN1.39.tiff"),
        ("unknown_code", "KA.XX1.39.tiff"),
        ("bad_name", "mean.png"),
        ("duplicate", "more/KA.AN1.1.tiff"),
    }
    assert len(listing.samples) == 35


def test_the_wrong_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    write_face(tmp_path / "cat.jpg")
    with pytest.raises(DataError, match=r"KA\.AN1\.39\.tiff, found cat\.jpg"):
        read(tmp_path, None)
