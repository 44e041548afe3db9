"""Faces of a set made ready: which picture becomes which face, in which split, only once."""

import errno
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import drawn_face
from latent_ofer.datasets import face_cache
from latent_ofer.datasets.face_cache import FILES, RECORD
from latent_ofer.datasets.ferplus import TEMPLATE_48
from latent_ofer.datasets.listing import Listing, Sample
from latent_ofer.datasets.main_face import MainFaces, main_face
from latent_ofer.datasets.prepare import content_key, prepare, summary
from latent_ofer.datasets.tree import Tree
from latent_ofer.errors import DataError
from latent_ofer.images.align import TEMPLATE_112
from latent_ofer.images.find import FoundFace

PORTRAIT = resources.files("latent_ofer").joinpath("assets/portrait.jpg").read_bytes()
"""The one face in it is at (160-290, 45-195) px."""


def listed(root: Path, samples: Sequence[Sample], name: str = "fer2013") -> Listing:
    return Listing(name, root, Tree(root), list(samples))


@pytest.fixture
def small(tmp_path: Path) -> Listing:
    """Eighteen 48 px crops: 14 train, 2 val, 2 test."""
    root = tmp_path / "set"
    root.mkdir()
    samples = []
    for number in range(18):
        split = "train" if number < 14 else "val" if number < 16 else "test"
        Image.fromarray(drawn_face(48, number)[0]).convert("L").save(root / f"{number:02}.png")
        samples.append(Sample(f"{number:02}.png", split, number % 8))  # type: ignore[arg-type]
    return listed(root, reversed(samples))


def test_small_grey_crops_are_taken_as_they_are(small: Listing, tmp_path: Path) -> None:
    faces = prepare(small, "val", tmp_path / "cache", crops=True)
    assert faces.names == ["15.png", "14.png"] and faces.sources == ["fer2013"] * 2
    assert faces.images.shape == (2, 48, 48) and not faces.images.flags.writeable
    assert np.array_equal(faces.images[1], np.asarray(Image.open(small.root / "14.png")))
    assert np.array_equal(faces.landmarks, [TEMPLATE_48] * 2) and not faces.colour.any()
    assert faces.labels.tolist() == [7, 6]
    assert np.array_equal(faces.targets, np.eye(8, dtype=np.float32)[[7, 6]])
    assert faces.tags == [{}, {}]


def test_every_face_is_in_the_split_that_its_sample_belongs_to(
    small: Listing, tmp_path: Path
) -> None:
    twin = replace(small.samples[5], tags={"twin": "yes"})
    listing = replace(small, samples=[*small.samples[:5], twin, *small.samples[6:]])
    splits = ("train", "dev", "val", "test")
    names = {
        split: prepare(listing, split, tmp_path / "cache", crops=True).names for split in splits
    }
    in_order = [s.path for s in listing.samples if s is not twin]
    for kept in names.values():
        assert kept == [name for name in in_order if name in kept]
    assert {*names["val"]} == {"14.png", "15.png"} and {*names["test"]} == {"16.png", "17.png"}
    together = sum(names.values(), [])
    assert len(set(together)) == len(together) == 17 and twin.path not in together
    assert names["dev"] and names["train"]


def test_votes_become_soft_labels_and_no_label_becomes_zeros(
    small: Listing, tmp_path: Path
) -> None:
    voted = Sample("00.png", "test", 0, votes=(6, 2, 0, 0, 0, 0, 0, 0, 1, 1))
    samples = [voted, Sample("01.png", "test", None)]
    faces = prepare(listed(small.root, samples), "test", tmp_path / "cache", crops=True)
    assert np.allclose(faces.targets, [[0.75, 0.25, 0, 0, 0, 0, 0, 0], [0] * 8])
    assert faces.labels.tolist() == [0, -1]


def _photos(root: Path) -> Listing:
    root.mkdir()
    (root / "face.jpg").write_bytes(PORTRAIT)
    (root / "broken.jpg").write_bytes(PORTRAIT[:4000])
    Image.new("RGB", (80, 60), (90, 160, 200)).save(root / "sky.png")
    names = ("face.jpg", "broken.jpg", "sky.png")
    return listed(root, [Sample(name, "test", 1, subject="A") for name in names], "kdef")


def test_whole_photos_are_aligned_and_those_without_a_face_left_out_and_counted(
    tmp_path: Path,
) -> None:
    listing = _photos(tmp_path / "set")
    faces = prepare(listing, "test", tmp_path / "cache", crops=False)
    assert faces.names == ["face.jpg"] and faces.subjects == ["A"]
    assert faces.images.shape == (1, 112, 112, 3) and faces.colour.tolist() == [True]
    assert np.abs(faces.landmarks[0] - TEMPLATE_112).max() < 6
    assert not np.array_equal(faces.landmarks[0], TEMPLATE_112)
    assert faces.tags == [{"found": "yes"}]
    told = summary(listing, tmp_path / "cache", crops=False)
    assert str(told) == (
        "kdef: 1 of 3 faces ready; 2 left out "
        "(1 truncated, such as broken.jpg; 1 no face, such as sky.png)."
    )


def test_a_crop_without_a_face_found_is_squared_and_says_so(tmp_path: Path) -> None:
    listing = _photos(tmp_path / "set")
    faces = prepare(listing, "test", tmp_path / "cache", crops=True)
    assert faces.names == ["face.jpg", "sky.png"]
    assert [tags["found"] for tags in faces.tags] == ["yes", "no"]
    assert (faces.images[1] == (90, 160, 200)).all()
    assert np.array_equal(faces.landmarks[1], TEMPLATE_112)
    told = summary(listing, tmp_path / "cache", crops=True)
    assert (told.kept, told.squared, told.left_out) == (2, 1, {"truncated": 1})


def test_a_set_without_any_face_is_one_clear_error(tmp_path: Path) -> None:
    listing = _photos(tmp_path / "set")
    empty = replace(listing, samples=listing.samples[1:])
    with pytest.raises(DataError, match=r"^No face to work with\. kdef: 0 of 2 faces ready;"):
        prepare(empty, "test", tmp_path / "cache", crops=False)


def test_several_faces_of_one_photo_get_names_of_their_own(tmp_path: Path) -> None:
    listing = _photos(tmp_path / "set")
    here = replace(listing.samples[0], box=(160.0, 45.0, 130.0, 150.0))
    beside = replace(here, box=(0.0, 0.0, 60.0, 60.0))
    both = replace(listing, samples=[beside, here])
    faces = prepare(both, "test", tmp_path / "cache", crops=False)
    assert faces.names == ["face.jpg#2"]


def face_at(x: float, y: float, side: float) -> FoundFace:
    return FoundFace((x, y, x + side, y + side), np.zeros((5, 2)), 0.9)


def test_the_main_face_is_large_and_central_or_the_one_in_the_box() -> None:
    middle, corner, large = face_at(80, 80, 40), face_at(0, 0, 45), face_at(60, 60, 90)
    assert main_face([corner, middle], (200, 200), None) is middle
    assert main_face([corner, large, middle], (200, 200), None) is large
    assert main_face([large, middle, corner], (200, 200), (2, 2, 40, 40)) is corner
    assert main_face([large, middle], (200, 200), (0, 0, 40, 40)) is None
    assert main_face([], (200, 200), None) is None


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the samples whose faces are made, in order."""
    paths: list[str] = []
    of = MainFaces.of

    def counting(self, sample):  # type: ignore[no-untyped-def]
        paths.append(sample.path)
        return of(self, sample)

    monkeypatch.setattr(MainFaces, "of", counting)
    return paths


def test_faces_are_made_once_and_again_when_a_picture_changes(
    small: Listing, tmp_path: Path, made: list[str]
) -> None:
    cache = tmp_path / "cache"
    prepare(small, "train", cache, crops=True)
    prepare(small, "test", cache, crops=True)
    assert sorted(made) == [f"{number:02}.png" for number in range(18)]
    Image.fromarray(drawn_face(48, 99)[0]).save(small.root / "17.png")
    changed = prepare(small, "test", cache, crops=True)
    assert len(made) == 36
    assert np.array_equal(changed.images[0], _grey(small.root / "17.png"))


def _grey(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    return np.rint(np.asarray(Image.open(path)).mean(axis=2)).astype(np.uint8)


@pytest.mark.parametrize("file", FILES)
def test_a_run_that_was_stopped_goes_on_and_a_half_written_face_is_made_anew(
    small: Listing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    splits = ("train", "dev", "val", "test")
    whole = [prepare(small, split, tmp_path / "other", crops=True) for split in splits]
    made: list[str] = []
    of = MainFaces.of

    def stopping(self, sample):  # type: ignore[no-untyped-def]
        if len(made) == 10:
            raise KeyboardInterrupt
        made.append(sample.path)
        return of(self, sample)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(MainFaces, "of", stopping)
        prepare(small, "test", tmp_path / "cache", crops=True)
    (partial,) = (tmp_path / "cache").glob("fer2013-*.partial")
    in_dev = np.fromfile(partial / "records.raw", dtype=RECORD)["dev"]
    cut = np.flatnonzero(in_dev == (file == "dev.raw"))[-1]
    with (partial / file).open("r+b") as stream:
        stream.truncate((partial / file).stat().st_size - 48 * 48 + 100)
    made_later: list[str] = []

    def counting(self, sample):  # type: ignore[no-untyped-def]
        made_later.append(sample.path)
        return of(self, sample)

    monkeypatch.setattr(MainFaces, "of", counting)
    again = [prepare(small, split, tmp_path / "cache", crops=True) for split in splits]
    assert made_later[0] == made[cut] and len(made_later) == 18 - cut
    for one, other in zip(again, whole, strict=True):
        assert one.names == other.names and np.array_equal(one.images, other.images)
    assert not partial.exists() and not list((tmp_path / "cache").glob("*.lock"))


def test_a_full_disk_is_one_clear_line_and_leaves_no_faces(
    small: Listing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(stream: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(face_cache, "to_disk", full)
        with pytest.raises(DataError, match="the disk became full; 0.00 GiB needed"):
            prepare(small, "test", tmp_path / "cache", crops=True)
    assert not list((tmp_path / "cache").glob("fer2013-*"))
    assert len(prepare(small, "test", tmp_path / "cache", crops=True)) == 2


def test_two_processes_at_once_make_one_sound_cache(small: Listing, tmp_path: Path) -> None:
    script = (
        "import sys, hashlib\n"
        "from pathlib import Path\n"
        "from latent_ofer.datasets.listing import Listing, Sample\n"
        "from latent_ofer.datasets.prepare import prepare\n"
        "from latent_ofer.datasets.tree import Tree\n"
        "root, cache = map(Path, sys.argv[1:])\n"
        "tree = Tree(root)\n"
        "samples = [Sample(path, 'test', 0) for path in tree.paths]\n"
        "listing = Listing('fer2013', root, tree, samples)\n"
        "faces = prepare(listing, 'test', cache, crops=True)\n"
        "print(len(faces), hashlib.sha256(faces.images.tobytes()).hexdigest())\n"
    )
    command = [sys.executable, "-c", script, str(small.root), str(tmp_path / "cache")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert told[0] == told[1] and told[0].startswith("18 ")
    assert len(list((tmp_path / "cache").glob("fer2013-*"))) == 1


def test_the_content_key_changes_with_labels_landmarks_and_pictures(small: Listing) -> None:
    first = content_key(small, crops=True)
    assert content_key(small, crops=True) == first
    other = [replace(small.samples[0], label=0), *small.samples[1:]]
    assert content_key(replace(small, samples=other), crops=True) != first
    marked = [replace(small.samples[0], landmarks=((1.0, 2.0),) * 5), *small.samples[1:]]
    assert content_key(replace(small, samples=marked), crops=True) != first
    Image.fromarray(drawn_face(48, 99)[0]).save(small.root / "17.png")
    assert content_key(small, crops=True) != first


def test_the_same_faces_come_from_two_workers(small: Listing, tmp_path: Path) -> None:
    many = [replace(sample, split="test") for sample in small.samples] * 8
    listing = replace(small, samples=many)  # type: ignore[arg-type]
    one = prepare(listing, "test", tmp_path / "one", crops=True)
    two = prepare(listing, "test", tmp_path / "two", crops=True, workers=2)
    assert len(two) == 144 and np.array_equal(one.images, two.images)
    assert one.names == two.names and len(set(two.names)) == 144
