from pathlib import Path

import pytest

from latent_ofer.datasets.readers.folders import read_sfew
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS
from layouts_b import write_sfew, zipped


@pytest.mark.parametrize("root", ["folder", "above", "zip"])
def test_train_and_val_have_labels_and_test_has_none(tmp_path: Path, root: str) -> None:
    folder = write_sfew(tmp_path / "above" / "SFEW_2")
    roots = {"folder": folder, "above": folder.parent, "zip": zipped(folder)}
    listing = read_sfew(roots[root], None)
    assert [len(listing.of(split)) for split in ("train", "val", "test")] == [14, 7, 3]
    assert all(sample.label is None and not sample.code for sample in listing.of("test"))
    surprised = [s for s in listing.of("val") if s.code == "Surprise"]
    assert [s.label for s in surprised] == [EXPRESSIONS.index("surprise")]
    assert any("3 test pictures are withheld" in note for note in listing.notes)
    assert not listing.problems
    assert listing.pictures.read(surprised[0].path).shape == (48, 48, 3)


def test_a_copy_without_test_pictures_says_nothing_of_them(tmp_path: Path) -> None:
    listing = read_sfew(write_sfew(tmp_path, test=0), None)
    assert not listing.of("test")
    assert not listing.notes


def test_a_class_that_one_split_lacks_is_told(tmp_path: Path) -> None:
    folder = write_sfew(tmp_path)
    (folder / "Val" / "Disgust" / "im0.png").unlink()
    problems = read_sfew(folder, None).problems
    assert [(p.kind, p.place) for p in problems] == [("empty_class", "Val/disgust")]


def test_the_wrong_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("no pictures")
    with pytest.raises(DataError, match=r"no SFEW 2\.0 here.*readme\.txt"):
        read_sfew(tmp_path, None)
