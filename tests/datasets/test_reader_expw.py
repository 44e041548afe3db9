from pathlib import Path

import pytest

from latent_ofer.datasets.readers.lists import read_expw
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS
from layouts_b import put_picture, write_expw, zipped


def swap_sides(folder: Path) -> None:
    table = folder / "label.lst"
    rows = [line.split() for line in table.read_text().splitlines()]
    table.write_text("\n".join(" ".join([*r[:2], r[3], r[2], *r[4:]]) for r in rows))


@pytest.mark.parametrize("images", ["image", "origin", "image/origin", "Image"])
@pytest.mark.parametrize("as_zip", [False, True])
def test_each_line_is_a_face_with_its_box(tmp_path: Path, images: str, as_zip: bool) -> None:
    folder = write_expw(tmp_path / "data", images=images)
    listing = read_expw(zipped(folder) if as_zip else folder, None)
    assert len(listing.samples) == len(listing.of("test")) == 8
    second = listing.samples[1]
    assert second.path == f"{images}/some_words_0.jpg"
    assert second.box == (30, 3, 20, 24)
    assert (second.code, second.tags["face"]) == ("1", "1")
    assert second.label == EXPRESSIONS.index("disgust")
    assert not listing.problems
    assert any("top left right bottom: 8 of 8" in note for note in listing.notes)


def test_boxes_in_the_other_order_are_recognised(tmp_path: Path) -> None:
    folder = write_expw(tmp_path)
    expected = [sample.box for sample in read_expw(folder, None).samples]
    swap_sides(folder)
    listing = read_expw(folder, None)
    assert [sample.box for sample in listing.samples] == expected
    assert not listing.problems


def test_the_order_is_the_one_that_most_boxes_have(tmp_path: Path) -> None:
    folder = write_expw(tmp_path)
    rows = ["some_words_0.jpg 0 500 10 560 70 1 0", "some_words_0.jpg 1 400 10 460 70 1 0"]
    (folder / "label.lst").write_text("\n".join(rows))
    listing = read_expw(folder, None)
    assert listing.samples[0].box == (500, 10, 60, 60)
    assert any("left top right bottom: 2 of 2" in note for note in listing.notes)


def test_bad_lines_boxes_and_labels_are_told_with_their_line(tmp_path: Path) -> None:
    folder = write_expw(tmp_path)
    table = folder / "label.lst"
    lines = table.read_text().splitlines()
    lines[0] = "some_words_0.jpg 0 2 0"
    lines[1] = "some_words_0.jpg 1 3 30 10 1 44.5 1"
    lines[2] = lines[2][:-1] + "7"
    lines[3] = lines[3].replace("some_words_1", "gone")
    table.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    put_picture(folder / "image" / "more.jpg")
    listing = read_expw(folder, None)
    assert {(p.kind, p.place) for p in listing.problems} == {
        ("bad_file", "label.lst:1"),
        ("bad_file", "label.lst:2"),
        ("label_out_of_range", "label.lst:3"),
        ("missing_image", "label.lst:4"),
        ("unlisted_image", "image/more.jpg"),
    }
    assert len(listing.samples) == 4


def test_missing_list_and_missing_pictures_are_told(tmp_path: Path) -> None:
    folder = write_expw(tmp_path)
    (folder / "image").rename(folder / "elsewhere")
    listing = read_expw(folder, None)
    assert [p.kind for p in listing.problems] == ["missing_folder"]
    assert not listing.samples
    (folder / "label.lst").unlink()
    with pytest.raises(DataError, match=r"label\.lst, found elsewhere/"):
        read_expw(folder, None)
