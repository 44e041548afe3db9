"""Tables of what covers faces."""

from pathlib import Path

import numpy as np
import pytest

from latent_ofer.datasets.covers import (
    HIDING,
    TYPES,
    Cover,
    read_covers,
    read_outlines,
    shipped_covers,
    shipped_outlines,
)
from latent_ofer.errors import DataError


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_two_looks_agree_on_what_both_name(tmp_path: Path) -> None:
    table = written(
        tmp_path / "t.csv", "split,file,pass_a,pass_b\ndev,a.png,hand+text,hand\nvalid,b.png,,\n"
    )
    covers = read_covers(table)
    assert covers["ferplus", "a.png"].agreed == {"hand"}
    assert covers["ferplus", "a.png"].named == {"hand", "text"}
    assert covers["ferplus", "b.png"].named == frozenset()
    assert set(read_covers(table, "dev")) == {("ferplus", "a.png")}


@pytest.mark.parametrize(
    ("first", "second", "hides", "harmless"),
    [
        ({"hand"}, {"hand"}, True, False),
        ({"hand"}, set(), False, False),
        ({"hand"}, {"hair"}, False, False),
        ({"glasses"}, {"glasses", "text"}, False, True),
        (set(), set(), False, True),
    ],
)
def test_a_cover_hides_when_both_looks_name_the_same_hiding_type(
    first: set[str], second: set[str], hides: bool, harmless: bool
) -> None:
    cover = Cover(frozenset(first), frozenset(second))
    assert (cover.hides, cover.harmless) == (hides, harmless)


@pytest.mark.parametrize(
    "text",
    ["file,pass_a,pass_b\na.png,beard,\n", "file,pass_a\na.png,\n"],
    ids=["unknown type", "column missing"],
)
def test_a_table_that_is_none_is_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"t\.csv"):
        read_covers(written(tmp_path / "t.csv", text))


def test_outlines_are_read_row_by_row_the_first_patch_in_the_highest_bit(tmp_path: Path) -> None:
    mask = np.zeros((14, 14), dtype=np.bool_)
    mask[0, 0] = mask[3, 5] = mask[13, 13] = True
    digits = f"{int(''.join('1' if cell else '0' for cell in mask.ravel()), 2):049x}"
    table = written(tmp_path / "o.csv", f"file,patches\na.png,{digits}\n")
    assert (read_outlines(table)["ferplus", "a.png"] == mask).all()


@pytest.mark.parametrize("digits", ["", "xyz", "1" * 50, "-1"])
def test_an_outline_of_other_digits_is_refused(tmp_path: Path, digits: str) -> None:
    table = written(tmp_path / "o.csv", f"file,patches\na.png,{digits}\n")
    with pytest.raises(DataError, match=r"o\.csv:2"):
        read_outlines(table)


def test_the_shipped_tables_name_many_faces_and_outline_hidden_ones() -> None:
    covers, outlines = shipped_covers(), shipped_outlines()
    assert len(covers) > 19_000
    assert {source for source, _ in covers} == {"ferplus", "utkface", "celeba"}
    hiding = sum(cover.hides for cover in covers.values())
    assert 0.1 < hiding / len(covers) < 0.25
    assert set(outlines) <= set(covers)
    assert all(covers[face].named & set(HIDING) for face in outlines)
    assert all(0 < mask.mean() < 0.9 for mask in outlines.values())
    assert {name for cover in covers.values() for name in cover.named} == set(TYPES)
