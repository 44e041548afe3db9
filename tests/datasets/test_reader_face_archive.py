from pathlib import Path

import pytest

from archives import write_faces
from latent_ofer.datasets.readers.tables import read_face_archive
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS
from layouts_b import put_picture, write_face_archive, zipped


@pytest.mark.parametrize("root", ["folder", "above", "zip"])
def test_index_and_pictures_are_read(tmp_path: Path, root: str) -> None:
    folder = write_face_archive(tmp_path / "above" / "faces")
    roots = {"folder": folder, "above": folder.parent, "zip": zipped(folder)}
    listing = read_face_archive(roots[root], None)
    assert [len(listing.of(split)) for split in ("train", "val", "test")] == [3, 2, 0]
    assert [s.label for s in listing.samples] == [1, None, 1, None, 1]
    assert EXPRESSIONS[1] == listing.samples[0].code
    assert listing.samples[4].subject == "p4"
    first = {"name": "0000000000.webp", "source": "utkface", "age": "31", "sex": "1", "race": "2"}
    assert listing.samples[0].tags == first
    assert listing.pictures.read(listing.samples[0].path).shape == (112, 112, 3)
    assert not listing.problems


def test_the_archives_that_training_reads_have_this_layout(tmp_path: Path) -> None:
    names = write_faces(tmp_path)
    listing = read_face_archive(tmp_path / "faces.zip", None)
    assert {sample.path for sample in listing.of("val")} == set(names["val"])
    assert not listing.problems


def test_a_kind_of_occlusion_and_no_expression_column_are_fine(tmp_path: Path) -> None:
    put_picture(tmp_path / "images" / "mask" / "a.webp")
    text = "path,source,kind,split\r\nimages/mask/a.webp,rmfd,mask,val\r\n"
    (tmp_path / "index.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (sample,) = read_face_archive(tmp_path, None).samples
    assert (sample.label, sample.tags) == (
        None,
        {"name": "a.webp", "source": "rmfd", "kind": "mask"},
    )


def test_what_is_wrong_with_a_row_is_told_with_its_line(tmp_path: Path) -> None:
    folder = write_face_archive(tmp_path)
    index = folder / "index.csv"
    lines = index.read_text().splitlines()
    lines[1] = lines[1].replace("happiness", "bored")
    lines[2] = lines[2].replace(",train,", ",exam,")
    index.write_text("\n".join(lines))
    (folder / "images" / "utkface" / f"{2:010x}.webp").unlink()
    put_picture(folder / "images" / "more.webp")
    listing = read_face_archive(folder, None)
    assert {(p.kind, p.place) for p in listing.problems} == {
        ("unknown_code", "index.csv:2"),
        ("unknown_code", "index.csv:3"),
        ("missing_image", "index.csv:4"),
        ("unlisted_image", "images/more.webp"),
    }
    assert len(listing.samples) == 2


def test_without_index_or_its_columns_it_is_refused(tmp_path: Path) -> None:
    folder = write_face_archive(tmp_path)
    (folder / "index.csv").write_text("file,label\na,b\n")
    with pytest.raises(DataError, match="lacks the columns path and split"):
        read_face_archive(folder, None)
    (folder / "index.csv").unlink()
    with pytest.raises(DataError, match=r"index\.csv, found images/"):
        read_face_archive(folder, None)
