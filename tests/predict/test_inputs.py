"""Which images a user means who names files and folders."""

import os
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from latent_ofer.errors import ImageError
from latent_ofer.figure import save_figure
from latent_ofer.images.folders import HIDDEN, LISTED
from latent_ofer.predict.inputs import OURS, find_images


def images(*paths: Path) -> list[Path]:
    found = find_images(paths).images
    assert all(error is None for _, error in found)
    return [path for path, _ in found]


def left_out(*paths: Path) -> Counter[str]:
    return find_images(paths).left_out


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folders_become_the_images_below_them_and_named_files_stay(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    names = ("b.PNG", "a.jpg", "notes.txt", "deep/er/c.webp", "deep/phone.heic", "deep/film.MOV")
    touch(tmp_path / "deep" / "program.ts")
    touch(*(tmp_path / name for name in names))
    missing = tmp_path / "missing.txt"
    assert images(missing, tmp_path, tmp_path / "notes.txt") == [
        missing,
        tmp_path / "a.jpg",
        tmp_path / "b.PNG",
        tmp_path / "deep/er/c.webp",
        tmp_path / "deep/film.MOV",
        tmp_path / "deep/phone.heic",
        tmp_path / "notes.txt",
    ]
    assert not left_out(tmp_path)


def test_a_folder_without_images_is_an_error_and_not_silence(tmp_path: Path) -> None:
    touch(tmp_path / "two\nlines" / "notes.txt")
    ((path, error),) = find_images([tmp_path / "two\nlines"]).images
    assert isinstance(error, ImageError) and error.code == "empty"
    assert path == tmp_path / "two\nlines"
    assert "\n" not in error.message


def test_linked_folders_and_files_are_followed_and_each_real_one_counts_once(
    tmp_path: Path,
) -> None:
    photos, album = tmp_path / "photos", tmp_path / "album"
    touch(photos / "m" / "own.jpg", album / "linked.jpg", tmp_path / "lone.jpg")
    (photos / "a_loop").symlink_to(photos)
    (photos / "a_twin").symlink_to(photos / "m")
    (photos / "a_twin.jpg").symlink_to(photos / "m" / "own.jpg")
    (photos / "album").symlink_to(album)
    (photos / "album too").symlink_to(album)
    (photos / "lone.jpg").symlink_to(tmp_path / "lone.jpg")
    (album / "back").symlink_to(photos)
    assert images(photos) == [
        photos / "album" / "linked.jpg",
        photos / "lone.jpg",
        photos / "m" / "own.jpg",
    ]
    # The loop, the twin folder, the twin file, the album's second name and the way back.
    assert left_out(photos) == {LISTED: 5}


def test_a_link_that_leads_nowhere_or_to_itself_is_listed_to_become_an_error(
    tmp_path: Path,
) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "self.jpg").symlink_to(tmp_path / "self.jpg")
    assert images(tmp_path) == [tmp_path / "gone.jpg", tmp_path / "self.jpg"]


def test_what_is_named_twice_stays_and_what_is_found_twice_does_not(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "below" / "b.jpg")
    named, found = tmp_path / "a.jpg", tmp_path / "below" / "b.jpg"
    assert images(named, named) == [named, named]
    assert images(tmp_path, named, tmp_path / "below") == [found, named]
    assert left_out(tmp_path, named, tmp_path / "below") == {LISTED: 2}


@pytest.mark.parametrize(
    "name",
    [
        *("._a.jpg", ".thumbnails/a.jpg", "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg"),
        *("__MACOSX/._a.jpg", "$RECYCLE.BIN/a.jpg", "lost+found/a.jpg", ".Trash-1000/a.jpg"),
    ],
)
def test_hidden_and_system_entries_are_left_out_and_counted(name: str, tmp_path: Path) -> None:
    touch(tmp_path / "b.jpg", tmp_path / name)
    assert images(tmp_path) == [tmp_path / "b.jpg"]
    assert left_out(tmp_path) == {HIDDEN: 1}


def test_a_hidden_folder_or_file_that_is_named_is_meant(tmp_path: Path) -> None:
    touch(tmp_path / ".photos" / "a.jpg", tmp_path / ".b.jpg")
    assert images(tmp_path / ".photos", tmp_path / ".b.jpg") == [
        tmp_path / ".photos" / "a.jpg",
        tmp_path / ".b.jpg",
    ]


def test_figures_of_ours_are_left_out_under_any_name_unless_named(tmp_path: Path) -> None:
    picture = Image.new("RGB", (8, 8))
    picture.save(tmp_path / "photo.png")
    save_figure(picture, tmp_path / "any name.PNG")
    os.mkfifo(tmp_path / "pipe.png")  # waits for ever for whoever opens it
    assert images(tmp_path) == [tmp_path / "photo.png", tmp_path / "pipe.png"]
    assert left_out(tmp_path) == {OURS: 1}
    assert images(tmp_path / "any name.PNG") == [tmp_path / "any name.PNG"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may list everything")
def test_a_folder_that_cannot_be_listed_is_listed_itself(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "closed" / "b.jpg")
    (tmp_path / "closed").chmod(0)
    assert images(tmp_path) == [tmp_path / "a.jpg", tmp_path / "closed"]
    (tmp_path / "closed").chmod(0o700)
