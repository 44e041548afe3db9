"""Reading the archives: splits, twins, landmarks, the decoded copy, and what is broken."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from archives import TWINS, of_split, picture, write_faces, write_ferplus
from helpers import drawn_face
from latent_ofer.datasets.archives import archive, read_faces, read_ferplus, read_pool
from latent_ofer.datasets.ferplus import TEMPLATE_48
from latent_ofer.datasets.tree import Tree
from latent_ofer.errors import DataError


@pytest.mark.parametrize("split", ["train", "dev", "val"])
def test_each_split_of_faces_holds_its_faces_in_order(tmp_path: Path, split: str) -> None:
    expected = write_faces(tmp_path)
    faces = read_faces(tmp_path, split, tmp_path / "cache")  # type: ignore[arg-type]
    assert faces.names == [Path(path).name for path in expected[split]]
    assert faces.images.shape == (len(faces), 112, 112, 3) and faces.images.dtype == np.uint8
    assert faces.landmarks.shape == (len(faces), 5, 2)
    assert faces.colour.tolist() == ["utkface" in path for path in expected[split]]
    assert faces.sources == [path.split("/")[1] for path in expected[split]]
    assert {tags["found"] for tags in faces.tags if "found" in tags} == set()


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
    assert faces.images.shape == (len(faces), 48, 48) and {*faces.sources} == {"ferplus"}
    assert np.array_equal(faces.landmarks[0], TEMPLATE_48)
    assert not np.array_equal(faces.landmarks[1], TEMPLATE_48)


def test_the_noisy_labels_of_the_photos_are_left_aside_in_training_alone(tmp_path: Path) -> None:
    write_faces(tmp_path, sizes=(2, 0, 0))
    write_ferplus(tmp_path)
    assert read_faces(tmp_path, "train", tmp_path / "cache").labels.tolist() == [1, 1]
    pool = read_pool(tmp_path, "train", tmp_path / "cache")
    assert pool.labels[:2].tolist() == [-1, -1] and not pool.targets[:2].any()
    assert pool.labels[2:].max() > 0


def test_pictures_are_decoded_once_and_again_when_the_archive_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_faces(tmp_path, sizes=(2, 1, 0))
    seen: list[str] = []
    read = Tree.read

    def counted(tree: Tree, path: str) -> NDArray[np.uint8]:
        seen.append(path)
        return read(tree, path)

    monkeypatch.setattr(Tree, "read", counted)
    first = read_faces(tmp_path, "train", tmp_path / "cache")
    assert len(seen) == 3
    again = read_faces(tmp_path, "train", tmp_path / "cache")
    assert len(seen) == 3 and np.array_equal(first.images, again.images)
    write_faces(tmp_path, sizes=(4, 1, 0))
    assert len(read_faces(tmp_path, "train", tmp_path / "cache")) == 4
    assert len(seen) == 8
    assert len(list((tmp_path / "cache").iterdir())) == 2


def rewritten(archive: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """The same archive with other content, or without what becomes None."""
    with zipfile.ZipFile(archive) as bundle:
        content = {name: change(name, bundle.read(name)) for name in bundle.namelist()}
    with zipfile.ZipFile(archive, "w") as bundle:
        for name, data in content.items():
            if data is not None:
                bundle.writestr(name, data)


def test_other_landmarks_for_the_same_pictures_are_noticed(tmp_path: Path) -> None:
    write_faces(tmp_path, sizes=(2, 0, 0))
    first = read_faces(tmp_path, "train", tmp_path / "cache").landmarks
    moved = f"{first[0, 0, 0]:.1f}".encode()
    rewritten(
        tmp_path / "faces.zip",
        lambda name, data: data.replace(moved, b"7.5", 1) if name == "index.csv" else data,
    )
    second = read_faces(tmp_path, "train", tmp_path / "cache").landmarks
    assert second[0, 0, 0] == 7.5 and np.array_equal(second[1:], first[1:])


def test_a_face_that_is_listed_and_missing_is_an_error(tmp_path: Path) -> None:
    (path,) = write_faces(tmp_path, sizes=(1, 0, 0))["train"]
    rewritten(tmp_path / "faces.zip", lambda name, data: None if name == path else data)
    with pytest.raises(DataError, match=rf"{path} is listed but not there\. Copy it anew"):
        read_faces(tmp_path, "train", tmp_path / "cache")


def test_a_missing_archive_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"faces\.zip: not found.*--data.*LATENT_OFER_DATA"):
        archive(tmp_path, "faces.zip")


def test_a_file_that_is_no_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "faces.zip").write_bytes(b"not a zip file")
    with pytest.raises(DataError, match=r"faces\.zip: neither a folder nor a whole zip"):
        read_faces(tmp_path, "train", tmp_path / "cache")


def test_an_archive_cut_short_is_named(tmp_path: Path) -> None:
    write_ferplus(tmp_path)
    path = tmp_path / "ferplus.zip"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"ferplus\.zip: .*may be cut short"):
        read_ferplus(tmp_path, "train", tmp_path / "cache")


def test_an_altered_picture_is_named(tmp_path: Path) -> None:
    names = write_ferplus(tmp_path)["train"]
    path = tmp_path / "ferplus.zip"
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as bundle:
        place = bundle.getinfo(f"FER2013Train/{names[3]}")
    altered = bytearray(whole)
    start = place.header_offset + 30 + len(place.filename)
    altered[start : start + 40] = b"\xff" * 40
    path.write_bytes(altered)
    for _ in range(2):
        with pytest.raises(DataError, match=rf"ferplus\.zip: cannot read FER2013Train/{names[3]}"):
            read_ferplus(tmp_path, "train", tmp_path / "cache")
    # The directories of both copies are alike: nothing of the broken one is kept.
    path.write_bytes(whole)
    assert read_ferplus(tmp_path, "train", tmp_path / "cache").names == names


def test_a_face_of_another_size_is_found_and_aligned_like_any_other(tmp_path: Path) -> None:
    names = write_faces(tmp_path, sizes=(2, 0, 0))["train"]
    small = picture(drawn_face(64)[0], "WEBP")
    rewritten(tmp_path / "faces.zip", lambda name, data: small if name == names[0] else data)
    faces = [read_faces(tmp_path, split, tmp_path / "cache") for split in ("train", "dev")]  # type: ignore[arg-type]
    found = {tags["name"]: tags.get("found") for part in faces for tags in part.tags}
    assert found[Path(names[0]).name] in ("yes", "no") and found[Path(names[1]).name] is None
