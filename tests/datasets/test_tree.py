"""A data set's folder holds the same files as a folder of photos does, and so does its zip."""

from pathlib import Path

import pytest

from latent_ofer.datasets.readers.folders import read_folder
from latent_ofer.datasets.tree import Tree
from latent_ofer.images.folders import HIDDEN, LISTED
from latent_ofer.predict.inputs import find_images
from layouts_a import zipped
from layouts_b import put_picture


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two faces below linked folders, one of its own, a loop, and what systems leave about."""
    root, elsewhere = tmp_path / "set", tmp_path / "elsewhere"
    put_picture(root / "happy" / "a.png")
    put_picture(elsewhere / "sad" / "b.png", 1)
    put_picture(elsewhere / "c.png", 2)
    (root / "sad").symlink_to(elsewhere / "sad")
    (root / "happy" / "c.png").symlink_to(elsewhere / "c.png")
    (root / "happy" / "again").symlink_to(root)
    for name in ("._a.png", ".thumbnails/a.png", "@eaDir/a.png", "__MACOSX/._a.png"):
        put_picture(root / "happy" / name)
    return root


FACES = ["happy/a.png", "happy/c.png", "sad/b.png"]


def test_links_are_followed_and_hidden_files_left_out_as_in_a_folder_of_photos(
    mixed: Path,
) -> None:
    tree, photos = Tree(mixed), find_images([mixed])
    assert tree.pictures() == FACES
    assert [path.relative_to(mixed).as_posix() for path, _ in photos.images] == FACES
    assert tree.left_out == photos.left_out == {HIDDEN: 4, LISTED: 1}


def test_a_reader_says_how_many_were_left_out(mixed: Path) -> None:
    listing = read_folder(mixed, None)
    assert [sample.path for sample in listing.samples] == FACES
    assert f"4 files or folders left out: {HIDDEN}." in listing.notes


def test_the_zip_of_a_folder_hides_the_same(mixed: Path, tmp_path: Path) -> None:
    (mixed / "happy" / "again").unlink()
    tree = Tree(zipped(mixed))
    assert tree.pictures() == ["happy/a.png", "happy/c.png"]  # Python packs no linked folder
    assert tree.left_out == {HIDDEN: 4}


def test_a_file_counts_under_each_of_its_names(tmp_path: Path) -> None:
    put_picture(tmp_path / "train" / "happy" / "a.png")
    (tmp_path / "test" / "happy").mkdir(parents=True)
    (tmp_path / "test" / "happy" / "b.png").symlink_to(tmp_path / "train" / "happy" / "a.png")
    assert Tree(tmp_path).pictures() == ["test/happy/b.png", "train/happy/a.png"]
