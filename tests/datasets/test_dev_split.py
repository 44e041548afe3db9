"""Dev and training: nobody, and no copy of a face, is on both sides, however the faces come."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archives import INDEX, POINTS, picture, write_faces, write_ferplus
from latent_ofer.datasets.archives import read_faces, read_ferplus
from latent_ofer.datasets.check import check
from latent_ofer.datasets.dev_split import DevCounts, in_dev
from latent_ofer.datasets.listing import Listing, Sample
from latent_ofer.datasets.pool import FaceSet
from latent_ofer.datasets.prepare import prepare
from latent_ofer.datasets.readers.ferplus import read_ferplus_set
from latent_ofer.datasets.readers.tables import read_face_archive
from latent_ofer.datasets.tree import Tree
from whole_sets import noise

PEOPLE, FACES_OF_EACH, COPIED, COPIES = 40, 3, 40, 3


def named_and_copied() -> list[tuple[str, int]]:
    """Who each face is, and the seed of its pixels: faces of people, and copies of nobody's."""
    named = [(f"p{i % PEOPLE}", i) for i in range(PEOPLE * FACES_OF_EACH)]
    return named + [("", 1000 + i % COPIED) for i in range(COPIED * COPIES)]


def assert_strangers(train: FaceSet, dev: FaceSet) -> None:
    assert not ({*train.subjects} & {*dev.subjects}) - {""}
    unnamed = [
        {faces.images[row].tobytes() for row in range(len(faces)) if not faces.subjects[row]}
        for faces in (train, dev)
    ]
    assert not unnamed[0] & unnamed[1]
    # Both kinds are on both sides, and dev is an eighth, give or take what so few faces allow.
    assert all({"", *faces.subjects} != {""} and "" in faces.subjects for faces in (train, dev))
    assert len(train) + len(dev) == len(named_and_copied())
    assert 1 / 20 < len(dev) / (len(train) + len(dev)) < 1 / 4


def test_dev_is_decided_by_the_hash_of_the_person_or_else_of_the_pixels() -> None:
    face = noise(0)
    for subject in ("", *(f"p{number}" for number in range(30))):
        key = subject.encode() if subject else bytes(face.ravel().tolist())
        assert in_dev(subject, face) == (hashlib.sha256(key).hexdigest()[-1] in ("0", "1"))


def test_faces_of_the_archive_share_nobody_and_no_copy_between_dev_and_training(
    tmp_path: Path,
) -> None:
    lines = [f"{INDEX},{POINTS}"]
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as bundle:
        for row, (subject, seed) in enumerate(named_and_copied()):
            path = f"images/celeba/{row:010x}.webp"
            bundle.writestr(path, picture(noise(seed, 112), "PNG"))
            lines.append(f"{path},celeba,train,,,,,{subject},0.9,1,48{',50' * 10}")
        bundle.writestr("index.csv", "\n".join(lines) + "\n")
    train, dev = (read_faces(tmp_path, split, tmp_path / "cache") for split in ("train", "dev"))  # type: ignore[arg-type]
    assert_strangers(train, dev)
    told = check(read_face_archive(tmp_path / "faces.zip", None)).dev
    assert told is not None and (told.faces, told.training) == (len(dev), len(train))


def write_small(folder: Path) -> Listing:
    """48 px crops; those with a subject are listed with it, as no copy of FER2013 does."""
    folder.mkdir()
    samples = []
    for row, (subject, seed) in enumerate(named_and_copied()):
        Image.fromarray(noise(seed)).save(folder / f"{row}.png")
        samples.append(Sample(f"{row}.png", "train", 0, subject=subject))
    return Listing("fer2013", folder, Tree(folder), samples)


def test_prepared_faces_share_nobody_and_no_copy_between_dev_and_training(tmp_path: Path) -> None:
    listing = write_small(tmp_path / "set")
    train, dev = (prepare(listing, s, tmp_path / "cache", crops=True) for s in ("train", "dev"))  # type: ignore[arg-type]
    assert_strangers(train, dev)
    for faces in (train, dev):
        # In memory nothing is copied, and each face still stands by its own name.
        assert isinstance(faces.images, np.memmap)
        for image, name in zip(faces.images, faces.names, strict=True):
            assert np.array_equal(image, np.asarray(Image.open(listing.root / name)))
    told = check(listing).dev
    assert told == DevCounts(len(dev), len(train), 0, 0)


def test_faces_of_no_split_but_training_are_kept_for_dev(tmp_path: Path) -> None:
    listing = write_small(tmp_path / "set")
    tested = replace(listing, samples=[replace(s, split="test") for s in listing.samples])
    faces = prepare(tested, "test", tmp_path / "cache", crops=True)
    assert len(faces) == len(listing.samples)
    assert len(prepare(tested, "dev", tmp_path / "cache", crops=True)) == 0
    assert check(tested).dev is None


@pytest.mark.parametrize("name", ["faces", "ferplus"])
def test_the_check_of_an_archive_counts_the_dev_faces_that_training_reads(
    tmp_path: Path, name: str
) -> None:
    if name == "faces":
        paths = write_faces(tmp_path, (12, 4, 2))
        told = check(read_face_archive(tmp_path / "faces.zip", None)).dev
        dev = read_faces(tmp_path, "dev", tmp_path / "cache").names
    else:
        paths = write_ferplus(tmp_path)
        told = check(read_ferplus_set(tmp_path / "ferplus.zip", None)).dev
        dev = read_ferplus(tmp_path, "dev", tmp_path / "cache").names
    assert told == DevCounts(4, 12, 0, 0)
    assert dev == [Path(path).name for path in paths["dev"]]


def test_the_check_tells_dev_faces_that_are_in_training_under_another_name(tmp_path: Path) -> None:
    people = [f"p{number}" for number in range(40)]
    nothing = np.empty(0, dtype=np.uint8)
    one = next(person for person in people if in_dev(person, nothing))
    other = next(person for person in people if not in_dev(person, nothing))
    for number in range(2):
        Image.fromarray(noise(5)).save(tmp_path / f"{number}.png")
    samples = [
        Sample(f"{number}.png", "train", 0, subject=s) for number, s in ((0, one), (1, other))
    ]
    told = check(Listing("kdef", tmp_path, Tree(tmp_path), samples)).dev
    assert told == DevCounts(1, 1, 0, 1)


@pytest.mark.parametrize("name", ["raf-db", "faces"])
def test_photos_of_unnamed_people_are_sorted_only_once_their_faces_are_prepared(
    tmp_path: Path, name: str
) -> None:
    Image.fromarray(noise(5)).save(tmp_path / "0.png")
    listing = Listing(name, tmp_path, Tree(tmp_path), [Sample("0.png", "train", 0)])
    assert check(listing).dev is None
