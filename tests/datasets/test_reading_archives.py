"""Reading the archives: splits, twins, landmarks, the decoded copy, and what is broken."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from archives import TWINS, of_split, write_faces, write_ferplus
from helpers import drawn_face
from latent_ofer.datasets.archives import archive, decoded, file_sha256
from latent_ofer.datasets.faces import read_faces
from latent_ofer.datasets.ferplus import TEMPLATE_48, read_ferplus
from latent_ofer.errors import DataError


@pytest.mark.parametrize("split", ["train", "dev", "val"])
def test_each_split_of_faces_holds_its_faces_in_order(tmp_path: Path, split: str) -> None:
    expected = write_faces(tmp_path)
    faces = read_faces(tmp_path, split, tmp_path / "cache")  # type: ignore[arg-type]
    assert faces.names == expected[split] and len(faces) == len(expected[split])
    assert faces.images.shape == (len(faces), 112, 112, 3) and faces.images.dtype == np.uint8
    assert faces.landmarks.shape == (len(faces), 5, 2)
    assert faces.colour.tolist() == ["utkface" in name for name in faces.names]


def test_a_face_comes_with_its_own_pixels_and_landmarks(tmp_path: Path) -> None:
    write_faces(tmp_path, sizes=(3, 2, 1))
    pixels, points = drawn_face(seed=4)
    dev = read_faces(tmp_path, "dev", tmp_path / "cache")
    assert np.array_equal(dev.images[1], of_split(pixels, "dev"))
    assert np.allclose(dev.landmarks[1], points, atol=0.051)


@pytest.mark.parametrize("split", ["train", "dev", "val"])
def test_each_split_of_ferplus_holds_its_faces_without_twins(tmp_path: Path, split: str) -> None:
    expected = write_ferplus(tmp_path)
    with zipfile.ZipFile(tmp_path / "ferplus.zip") as bundle:
        listed = [bundle.read(name).decode().strip() for name in TWINS]
    faces = read_ferplus(tmp_path, split, tmp_path / "cache")  # type: ignore[arg-type]
    assert faces.names == expected[split]
    assert not {f"FER2013Train/{name}" for name in faces.names} & set(listed)
    assert faces.images.shape == (len(faces), 48, 48) and faces.votes.shape == (len(faces), 10)
    assert np.array_equal(faces.landmarks[0], TEMPLATE_48)
    assert not np.array_equal(faces.landmarks[1], TEMPLATE_48)


def test_pictures_are_decoded_once_and_again_when_the_archive_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_faces(tmp_path, sizes=(2, 1, 0))
    seen: list[str] = []

    def count(members, total, title):  # type: ignore[no-untyped-def]
        assert total == len(members) and "faces.zip" in title
        for member in members:
            seen.append(member)
            yield member

    monkeypatch.setattr("latent_ofer.datasets.archives.track", count)
    first = read_faces(tmp_path, "train", tmp_path / "cache")
    assert len(seen) == 3
    again = read_faces(tmp_path, "train", tmp_path / "cache")
    assert len(seen) == 3 and np.array_equal(first.images, again.images)
    write_faces(tmp_path, sizes=(4, 1, 0))
    file_sha256.cache_clear()
    assert len(read_faces(tmp_path, "train", tmp_path / "cache")) == 4
    assert len(seen) == 8
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_decoding_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    paths = write_faces(tmp_path, sizes=(2, 0, 0))["train"]
    with pytest.raises(DataError, match=r"faces\.zip: cannot read images/none\.webp"):
        decoded(tmp_path / "faces.zip", [*paths, "images/none.webp"], (112, 112, 3), tmp_path / "c")
    assert list((tmp_path / "c").iterdir()) == []


def test_a_missing_archive_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"faces\.zip: not found.*--data.*LATENT_OFER_DATA"):
        archive(tmp_path, "faces.zip")


def test_a_file_that_is_no_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "faces.zip").write_bytes(b"not a zip file")
    with pytest.raises(DataError, match=r"faces\.zip: cannot read index\.csv"):
        read_faces(tmp_path, "train", tmp_path / "cache")


def test_an_archive_cut_short_is_named(tmp_path: Path) -> None:
    write_ferplus(tmp_path)
    path = tmp_path / "ferplus.zip"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"ferplus\.zip: cannot read"):
        read_ferplus(tmp_path, "train", tmp_path / "cache")


def test_an_altered_picture_is_named(tmp_path: Path) -> None:
    names = write_ferplus(tmp_path)["train"]
    path = tmp_path / "ferplus.zip"
    with zipfile.ZipFile(path) as bundle:
        place = bundle.getinfo(f"FER2013Train/{names[3]}")
    altered = bytearray(path.read_bytes())
    start = place.header_offset + 30 + len(place.filename)
    altered[start : start + 40] = b"\xff" * 40
    path.write_bytes(altered)
    with pytest.raises(DataError, match=rf"ferplus\.zip: cannot read FER2013Train/{names[3]}"):
        read_ferplus(tmp_path, "train", tmp_path / "cache")


def test_a_picture_of_another_size_is_named(tmp_path: Path) -> None:
    paths = write_faces(tmp_path, sizes=(1, 0, 0))["train"]
    with pytest.raises(DataError, match=r"\.webp is \(112, 112, 3\), expected \(64, 64, 3\)"):
        decoded(tmp_path / "faces.zip", paths, (64, 64, 3), tmp_path / "cache")
