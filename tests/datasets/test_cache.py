"""Kept files: whole or not at all, one process at a time, quick to name the second time."""

import errno
import hashlib
import os
import shutil
import zipfile
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from latent_ofer.datasets.cache import fingerprint, written_to
from latent_ofer.datasets.readers.fer2013 import PixelTable
from latent_ofer.datasets.tree import FolderPictures, Tree
from latent_ofer.errors import DataError


def test_too_little_room_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(100, 70, 30))
    told = r"too little room: 2\.00 GiB needed, 0\.00 GiB free"
    with pytest.raises(DataError, match=told), written_to(tmp_path, 2**31):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_becomes_full_is_one_clear_line(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=rf"^{tmp_path}: the disk became full; .* needed") as caught,
        written_to(tmp_path, 0),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "\n" not in str(caught.value)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(DataError, match="cannot write here.*another folder"),
        written_to(tmp_path / "file" / "folder", 0),
    ):
        pass


def _touch(path: Path, content: bytes, seconds: int) -> None:
    path.write_bytes(content)
    os.utime(path, (seconds, seconds))


def test_a_changed_file_changes_the_fingerprint_and_others_do_not(tmp_path: Path) -> None:
    root, cache = tmp_path / "set", tmp_path / "cache"
    root.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        _touch(root / name, name.encode(), 1)
    wanted = ["a.png", "b.png"]
    first = fingerprint(Tree(root), wanted, cache)
    _touch(root / "c.png", b"other", 2)
    assert fingerprint(Tree(root), reversed(wanted), cache) == first
    _touch(root / "b.png", b"B.png", 2)
    changed = fingerprint(Tree(root), wanted, cache)
    assert changed != first and changed == fingerprint(FolderPictures(root), wanted)
    assert fingerprint(Tree(root), ["a.png"], cache) not in (first, changed)


def test_a_second_start_reads_only_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, cache = tmp_path / "set", tmp_path / "cache"
    root.mkdir()
    for name in ("a.png", "b.png"):
        _touch(root / name, name.encode(), 1)
    read: list[str] = []
    digest = hashlib.file_digest

    def counting(stream, name):  # type: ignore[no-untyped-def]
        read.append(Path(stream.name).name)
        return digest(stream, name)

    monkeypatch.setattr(hashlib, "file_digest", counting)
    fingerprint(Tree(root), ["a.png", "b.png"], cache)
    fingerprint(Tree(root), ["a.png", "b.png"], cache)
    assert read == ["a.png", "b.png"]
    _touch(root / "a.png", b"longer than before", 1)
    _touch(root / "b.png", b"b.png", 2)
    fingerprint(Tree(root), ["a.png", "b.png"], cache)
    assert read == ["a.png", "b.png"] * 2
    for sidecar in cache.iterdir():
        sidecar.write_text("{ broken")
    fingerprint(Tree(root), ["a.png", "b.png"], cache)
    assert read == ["a.png", "b.png"] * 3


def _write_zip(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w") as bundle:
        for name, content in members.items():
            bundle.writestr(name, content)


def test_members_of_an_archive_count_by_their_crc(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    _write_zip(path, a=b"first", b=b"second", c=b"third")
    first = fingerprint(Tree(path), ["a", "b"])
    _write_zip(path, c=b"another third", b=b"second", a=b"first")
    assert fingerprint(Tree(path), ["a", "b"]) == first
    _write_zip(path, a=b"first", b=b"SECOND")
    assert fingerprint(Tree(path), ["a", "b"]) != first


def test_a_table_of_pixels_counts_as_a_whole(tmp_path: Path) -> None:
    table = PixelTable(tmp_path / "fer2013.csv", None, np.zeros((2, 48, 48), np.uint8), {})
    (tmp_path / "fer2013.csv").write_bytes(b"0,1\n0,2\n")
    first = fingerprint(table, ["fer2013.csv#0"])
    (tmp_path / "fer2013.csv").write_bytes(b"0,1\n0,3\n")
    assert fingerprint(table, ["fer2013.csv#0"]) != first
