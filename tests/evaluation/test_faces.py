"""Which faces are measured: of a split, of a list, of a kind, and so many of them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archives import write_ferplus
from helpers import drawn_face
from latent_ofer.datasets.pool import FacePool, FaceSet
from latent_ofer.datasets.prepare import prepare
from latent_ofer.datasets.registry import open_set
from latent_ofer.datasets.sources import Sources
from latent_ofer.errors import DataError
from latent_ofer.evaluation.faces import (
    choose_faces,
    choose_listed,
    chosen,
    kinds_of,
    subset,
)
from layouts_b import write_ferplus_tables

USAGES = {"Training": 4, "PublicTest": 6, "PrivateTest": 14}
IDS = ["a.png", "b.png", "c.png", "d.png", "e.png"]


def test_the_subset_is_the_same_on_any_machine() -> None:
    # `printf 7:a.png | sha256sum` begins d8, b 17, c 05, d 41, e a8: the order is c, b, d, e, a.
    assert chosen(IDS, 2, 7).tolist() == [1, 2]
    assert chosen(IDS, 3, 7).tolist() == [1, 2, 3]


def test_the_same_faces_are_chosen_from_a_list_in_another_order() -> None:
    backwards = IDS[::-1]
    assert {backwards[row] for row in chosen(backwards, 3, 1)} == {
        IDS[row] for row in chosen(IDS, 3, 1)
    }


@settings(max_examples=30, deadline=None)
@given(st.sets(st.text(min_size=1), min_size=1, max_size=30), st.integers(0, 99))
def test_a_larger_limit_keeps_the_faces_of_a_smaller_one(names: set[str], seed: int) -> None:
    ids = sorted(names)
    before: set[int] = set()
    for limit in range(1, len(ids) + 2):
        rows = chosen(ids, limit, seed).tolist()
        assert rows == sorted(rows)
        assert len(rows) == min(limit, len(ids))
        assert before <= set(rows)
        before = set(rows)


def test_another_seed_chooses_others_and_no_limit_takes_all() -> None:
    ids = [f"{row}.png" for row in range(100)]
    assert chosen(ids, 50, 1).tolist() != chosen(ids, 50, 2).tolist()
    assert chosen(ids, None, 1).tolist() == list(range(100))
    with pytest.raises(ValueError, match="from 1 up"):
        chosen(ids, 0, 1)


def photos(count: int, source: str = "utkface", grey: bool = False) -> FaceSet:
    face, points = drawn_face()
    return FaceSet(
        images=np.stack([face] * count),
        landmarks=np.stack([points] * count),
        sources=[source] * count,
        names=[f"{i}.webp" for i in range(count)],
        colour=np.full(count, not grey),
        labels=np.full(count, -1),
        targets=np.zeros((count, 8), dtype=np.float32),
        subjects=[""] * count,
        tags=[{}] * count,
    )


def test_grey_photos_count_only_where_there_is_no_ferplus() -> None:
    colour, grey = photos(3), photos(2, "lfw", grey=True)
    ferplus = photos(2, "ferplus", grey=True)
    assert {k: len(p) for k, p in kinds_of(FacePool([colour, grey, ferplus])).items()} == {
        "colour": 3,
        "grey": 2,
    }
    kinds = kinds_of(FacePool([grey, ferplus]))
    assert {k: p.native(0).source for k, p in kinds.items()} == {"grey": "ferplus"}
    assert kinds_of(FacePool([grey, colour]))["grey"].native(0).source == "lfw"


def test_a_limit_picks_the_same_faces_in_any_order() -> None:
    pool = FacePool([photos(9)])
    turned = pool.take(np.arange(9)[::-1])
    picked, again = (
        {faces.native(row).name for row in range(4)}
        for faces in (subset(pool, 4, seed=1), subset(turned, 4, seed=1))
    )
    assert picked == again
    assert len(subset(pool, None, 1)) == 9


def test_a_limit_and_a_seed_choose_the_same_faces_and_more_of_them_keep_those(
    tmp_path: Path,
) -> None:
    write_ferplus(tmp_path, (12, 4, 24))
    sources = Sources(tmp_path, tmp_path / "cache")
    everybody = choose_faces(sources, "val", None, 7)
    five, nine = (choose_faces(sources, "val", limit, 7) for limit in (5, 9))
    other = choose_faces(sources, "val", 5, 8)
    # Of 24 faces one got no vote that counts and one is no face.
    assert (len(everybody), len(five), len(nine)) == (22, 5, 9)
    assert five.ids == choose_faces(sources, "val", 5, 7).ids
    assert set(five.ids) < set(nine.ids) < set(everybody.ids)
    assert set(five.ids) != set(other.ids)
    assert five.about["n"] == 5
    assert five.about["of"] == 22
    assert five.about["split"] == "validation"
    rows = [everybody.ids.index(face) for face in five.ids]
    np.testing.assert_array_equal(five.labels, everybody.labels[rows])
    np.testing.assert_array_equal(
        five.pool.batch(np.arange(5)), everybody.pool.batch(np.array(rows))
    )


def test_test_faces_are_not_in_the_archives(tmp_path: Path) -> None:
    write_ferplus(tmp_path)
    with pytest.raises(DataError, match="no test face has a label"):
        choose_faces(Sources(tmp_path, tmp_path / "cache"), "test", None, 7)


def test_a_list_takes_its_faces_from_wherever_the_tables_lie(tmp_path: Path) -> None:
    write_ferplus_tables(tmp_path / "one", USAGES)
    (tmp_path / "other").mkdir()
    (tmp_path / "one" / "fer2013new.csv").rename(tmp_path / "other" / "fer2013new.csv")
    listing = open_set("ferplus", tmp_path)
    named = tmp_path / "jianfei_occlusion_list.txt"
    # The third row has no name, so that fer0000010 is row 11 and fer0000012 row 13.
    named.write_text("3_fer0000010.png 8 1\n5_fer0000012.png 8 2\n0_fer0000999.png 8 1\n")
    faces = choose_listed(listing, named, tmp_path / "cache", None, 7)
    assert faces.ids == ["ferplus/fer0000010.png", "ferplus/fer0000012.png"]
    assert faces.labels.tolist() == [11 % 8, 13 % 8]
    assert [tags["occlusion"] for tags in faces.tags] == ["1", "2"]
    assert faces.about["list"] == "jianfei_occlusion_list.txt, 2 of its 3 faces here"
    assert faces.about["split"] == "test"


def test_every_face_of_a_set_is_taken_dev_among_them(tmp_path: Path) -> None:
    folder = write_ferplus_tables(tmp_path, {"Training": 24})
    listing = open_set("ferplus", folder)
    dev = prepare(listing, "dev", tmp_path / "cache", crops=True)
    faces = choose_listed(listing, None, tmp_path / "cache", None, 7)
    assert len(dev) > 0 and len(faces) == len(listing.samples) == 23


def test_a_list_of_another_set_is_refused(tmp_path: Path) -> None:
    folder = write_ferplus_tables(tmp_path / "set", USAGES)
    listing = open_set("ferplus", folder)
    named = tmp_path / "list.txt"
    named.write_text("test_0003_aligned 3 4\n")
    with pytest.raises(DataError, match="has none of its 1 faces"):
        choose_listed(listing, named, tmp_path / "cache", None, 7)


def test_missing_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"looked for .*fer2013new\.csv and fer2013\.csv, found"):
        open_set("ferplus", tmp_path / "fer2013new.csv")
