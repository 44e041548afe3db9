"""Which faces are clean, for all detectors alike."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from archives import write_archives
from latent_ofer.datasets.covers import COVERS, Cover
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Sources
from latent_ofer.detector import clean as module
from latent_ofer.detector.clean import clean_faces, clean_rows, known_covers
from latent_ofer.detector.dev import read_dev

LOOKS = [("hand", "hand"), ("", ""), ("glasses", "glasses"), ("", "hair"), ("", "")]
BARE = Cover(frozenset(), frozenset())
HAND = Cover(frozenset({"hand"}), frozenset())


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """Archives with a table of what covers the dev faces beside them."""
    folder = write_archives(tmp_path_factory.mktemp("data"))
    lines = ["split,source,file,pass_a,pass_b"]
    keys = Sources(folder, folder / "cache").pool("dev").keys
    for (source, name), (first, second) in zip(keys, LOOKS, strict=False):
        lines.append(f"dev,{source},{name},{first},{second}")
    lines.append(f"valid,{keys[0][0]},{keys[0][1]},,")
    (folder / COVERS).write_text("\n".join(lines) + "\n")
    return Sources(folder, folder / "cache")


def test_clean_are_the_faces_of_a_kind_over_which_neither_look_saw_anything(
    sources: Sources,
) -> None:
    pool = sources.pool("train")
    keys = pool.keys
    colour = np.flatnonzero(pool.colour).tolist()
    covers = {keys[colour[0]]: BARE, keys[colour[1]]: HAND, keys[colour[3]]: BARE}
    assert sorted(clean_rows("colour", pool, covers, 0)) == [colour[0], colour[3]]
    # Nobody looked at a grey one: all of them.
    grey = np.flatnonzero(~pool.colour).tolist()
    assert sorted(clean_rows("grey", pool, covers, 0)) == grey
    only = pool.take(np.array(colour))
    assert sorted(clean_rows("grey", only, covers, 0)) == [0, 3]
    assert sorted(clean_rows("grey", only, {}, 0)) == list(range(len(only)))


def test_dev_faces_are_those_that_the_table_beside_the_data_calls_bare(sources: Sources) -> None:
    pool = sources.pool("dev")
    dev = read_dev(sources)
    for kind, colour in (("colour", True), ("grey", False)):
        of_kind = [row for row in range(len(pool)) if pool.colour[row] == colour]
        bare = [row for row in of_kind if row < len(LOOKS) and LOOKS[row] == ("", "")]
        expected = {face.tobytes() for face in pool.batch(np.array(bare or of_kind))}
        assert {face.tobytes() for face in dev[kind].clean} == expected
        assert len(dev[kind].clean) == len(dev[kind].clean_streaks) == len(dev[kind].occluded)
    looked_at = len(LOOKS) - sum(look != ("", "") for look in LOOKS)
    assert len(dev["colour"].clean) <= looked_at < pool.colour.sum()


def test_without_a_table_beside_the_data_the_packages_own_is_asked(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for archive in sources.data.glob("*.zip"):
        shutil.copy(archive, tmp_path)
    plain = Sources(tmp_path, tmp_path / "cache")
    monkeypatch.setattr(module, "shipped_covers", lambda: {("lfw", "a"): BARE})
    assert known_covers(plain) == {("lfw", "a"): BARE}
    assert set(known_covers(sources)) > {("lfw", "a")}


def test_clean_faces_are_training_faces_and_know_their_replicated_border(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = np.random.default_rng(0).random((len(sources.pool("train")), 196)) < 0.2
    by_pixels = {face.tobytes(): row for row, face in enumerate(all_of(sources))}
    monkeypatch.setattr(
        FacePool,
        "borders",
        property(
            lambda pool: marked[
                [by_pixels[face.tobytes()] for face in pool.batch(np.arange(len(pool)))]
            ]
        ),
    )
    faces = clean_faces(sources, "grey", 5, 0)
    rows = [by_pixels[face.tobytes()] for face in faces.pixels]
    assert len(set(rows)) == 5 and not sources.pool("train").colour[rows].any()
    assert np.array_equal(faces.photo, ~marked[rows])
    again = clean_faces(sources, "grey", 3, 0)
    assert np.array_equal(again.pixels, faces.pixels[:3])


def all_of(sources: Sources) -> np.ndarray:
    pool = sources.pool("train")
    return pool.batch(np.arange(len(pool)))
