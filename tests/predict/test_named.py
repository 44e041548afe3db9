"""Patterns and lists of paths stand for what they name."""

import io
import os
import sys
from pathlib import Path

import pytest

from latent_ofer.predict.named import listed_paths, named_paths


def test_a_pattern_stands_for_its_matches_and_a_file_of_that_name_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("below/deep").mkdir(parents=True)
    for name in ("b.jpg", "a.jpg", ".hidden.jpg", "x[1].jpg", "x1.jpg", "below/deep/c.jpg"):
        Path(name).touch()
    assert named_paths([Path("?.jpg")]) == [Path("a.jpg"), Path("b.jpg")]
    assert named_paths([Path("below/**/*.jpg"), Path("a.jpg")]) == [
        *(Path("below/deep/c.jpg"), Path("a.jpg"))
    ]
    assert named_paths([Path("x[1].jpg")]) == [Path("x[1].jpg")]
    assert named_paths([Path("*.png")]) == [Path("*.png")]


@pytest.mark.parametrize(
    "data",
    [
        b"a.jpg\n\n b *.jpg\n",
        b"\xef\xbb\xbfa.jpg\r\n b *.jpg\r\n",
        b"a.jpg\0 b *.jpg\0",
        b"\xff\xfe" + "a.jpg\r\n b *.jpg".encode("utf-16-le"),
    ],
)
def test_lists_may_have_lines_of_any_system_or_nul_between_names(data: bytes) -> None:
    assert list(listed_paths(data)) == [Path("a.jpg"), Path(" b *.jpg")]


def test_a_list_may_name_what_is_no_utf_8_and_what_has_a_newline() -> None:
    assert list(listed_paths(b"caf\xe9.jpg\n")) == [Path(os.fsdecode(b"caf\xe9.jpg"))]
    assert list(listed_paths(b"two\nlines.jpg\0b\r.jpg\0")) == [
        *(Path("two\nlines.jpg"), Path("b\r.jpg"))
    ]


def test_a_dash_is_a_list_on_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list").write_bytes(b"c.jpg\n")
    for arguments, lists in (
        ([Path("-")], [tmp_path / "list"]),
        ([], [Path("-"), tmp_path / "list"]),
    ):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.jpg\nb.jpg\n")))
        assert named_paths(arguments, lists) == [Path("a.jpg"), Path("b.jpg"), Path("c.jpg")]
