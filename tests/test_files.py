"""Files that are whole or absent."""

import os
from pathlib import Path

import pytest

from latent_ofer.files import whole_file, write_text


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(OSError, match="disk full"), whole_file(target) as path:
        path.write_text("ne")
        raise OSError("disk full")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_write_replaces_the_old_file_and_makes_its_folder(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.txt"
    for text in ("old", "new \N{SNOWMAN}\n"):
        write_text(target, text)
        assert target.read_bytes() == text.encode()
    assert list(target.parent.iterdir()) == [target]


def test_the_other_path_has_the_ending_and_lies_beside(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a.npz") as path:
        assert path.suffix == ".npz"
        assert path.parent == tmp_path
        assert not (tmp_path / "a.npz").exists()


def test_what_a_writer_puts_in_its_place_may_be_read_like_other_new_files(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with whole_file(tmp_path / "file") as path:
        path.chmod(0o600)
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_two_writers_with_the_same_process_number_do_not_mix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    target = tmp_path / "file"
    with whole_file(target) as first, whole_file(target) as second:
        with first.open("w") as one, second.open("w") as other:
            one.write("one\n")
            other.write("other\n")
        assert first != second
    assert target.read_text() == "one\n"
    assert list(tmp_path.iterdir()) == [target]
