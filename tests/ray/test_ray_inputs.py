from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from latent_ofer.errors import DataError
from latent_ofer.ray.inputs import address_of, find_inputs


@pytest.fixture
def storage() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    for name in ("a.png", "below/b.JPG", "notes.txt"):
        system.pipe(f"/pictures/{name}", b"12345")
    system.makedirs("/nothing", exist_ok=True)
    yield system
    system.store.clear()


def places(*paths: Path) -> list[str]:
    return [one.place for one in find_inputs(paths)[0]]


@pytest.mark.parametrize(
    "path, address",
    [
        ("s3://bucket/a//b.png", "s3://bucket/a/b.png"),
        ("file:///tmp/a.png", "file:///tmp/a.png"),
        ("gs://bucket", "gs://bucket"),
        ("photos/a.png", None),
        ("c:/photos", None),
        ("/a:/b", None),
    ],
)
def test_an_address_is_known_again_whose_slashes_a_path_has_joined(
    path: str, address: str | None
) -> None:
    assert address_of(Path(path)) == address


def test_a_folder_that_is_there_is_no_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd:" / "below").mkdir(parents=True)
    assert address_of(Path("odd:/below")) is None


def test_below_an_address_images_count_with_size_and_time(storage: Any) -> None:
    found, _ = find_inputs([Path("memory://pictures")])
    assert [one.place for one in found] == [
        "memory:///pictures/a.png",
        "memory:///pictures/below/b.JPG",
    ]
    assert [one.size for one in found] == [5, 5]
    before = found[0].input
    storage.pipe("/pictures/a.png", b"54321")
    assert find_inputs([Path("memory://pictures")])[0][0].input != before


def test_an_image_at_an_address_is_named_as_it_was_and_one_that_is_not_there_is_too(
    storage: Any,
) -> None:
    named = [Path("memory://pictures/a.png"), Path("memory://pictures/z.png")]
    found, _ = find_inputs(named)
    assert [(one.place, one.size) for one in found] == [
        ("memory://pictures/a.png", 5),
        ("memory://pictures/z.png", None),
    ]


def test_an_address_without_an_image_is_an_error_as_a_folder_is(
    storage: Any, tmp_path: Path
) -> None:
    found, _ = find_inputs([tmp_path, Path("memory://nothing")])
    assert [one.error.code for one in found if one.error is not None] == ["empty", "empty"]


def test_a_video_is_told_from_an_image(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").touch()
    ((told,), _) = find_inputs([tmp_path])
    assert told.error is not None
    assert (told.error.code, told.place) == ("unsupported_format", str(tmp_path / "film.mp4"))


def test_a_storage_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="nosuch://bucket: cannot be listed"):
        find_inputs([Path("nosuch://bucket")])


def test_files_come_before_addresses_and_tables_last(storage: Any, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    table = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table({"bytes": [b"1", b"2", b"3"]}), table)
    found, left_out = find_inputs([table, Path("memory://pictures/a.png"), tmp_path])
    assert [one.place for one in found] == [
        str(tmp_path / "a.png"),
        "memory://pictures/a.png",
        str(table),
    ]
    assert [one.rows for one in found] == [None, None, 3]
    assert found[2].size == table.stat().st_size
    assert not left_out


def test_a_table_without_pictures_or_that_is_none_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table({"image": [b"1"]}), table)
    with pytest.raises(DataError, match="neither a column path nor bytes, but image"):
        find_inputs([table])
    table.write_bytes(b"no")
    with pytest.raises(DataError, match=r"t\.parquet: cannot be read \("):
        find_inputs([table])
