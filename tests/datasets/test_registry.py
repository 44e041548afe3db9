"""Every data set opens by its name; names nobody knows are answered with the nearest."""

from pathlib import Path

import pytest

from latent_ofer.datasets.registry import SETS, open_set
from latent_ofer.errors import DataError
from layouts_b import write_fedro

NAMES = {
    "raf-db",
    "affectnet",
    "kdef",
    "ck+",
    "jaffe",
    "fer2013",
    "ferplus",
    "fed-ro",
    "sfew",
    "expw",
    "folder",
    "table",
    "faces",
}


def test_all_sets_are_there_under_their_own_names() -> None:
    assert set(SETS) == NAMES
    assert all(known.name == name for name, known in SETS.items())


def test_each_set_says_its_terms_where_to_ask_and_what_it_looks_like() -> None:
    for known in SETS.values():
        for line in (known.title, known.licence, known.ask):
            assert line.strip()
            assert "\n" not in line
        assert 1 <= len(known.expected.splitlines()) <= 3
        assert set(known.counts) <= {"train", "val", "test", "all"}
        assert set(known.optional) <= set(known.classes)


def test_whole_photos_are_told_from_crops() -> None:
    photos = {name for name, known in SETS.items() if not known.crops}
    assert photos == {"kdef", "ck+", "jaffe", "sfew", "expw", "fed-ro"}


def test_a_set_opens_by_name_without_regard_to_case(tmp_path: Path) -> None:
    write_fedro(tmp_path)
    assert open_set("FED-RO", tmp_path).name == "fed-ro"
    assert len(open_set("fed-ro", tmp_path).samples) == 7


@pytest.mark.parametrize(("wrong", "right"), [("rafdb", "raf-db"), ("fer-plus", "ferplus")])
def test_an_unknown_name_is_answered_with_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(DataError, match=rf"{wrong}.*did you mean {right}\?"):
        open_set(wrong, Path("anywhere"))


def test_a_name_like_no_other_is_answered_with_all_names() -> None:
    with pytest.raises(DataError) as caught:
        open_set("zzzz", Path("anywhere"))
    assert "did you mean" not in str(caught.value)
    assert all(name in str(caught.value) for name in NAMES)


def test_an_unknown_table_of_codes_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"manet.*did you mean ma-net\?"):
        open_set("folder", tmp_path, "manet")
