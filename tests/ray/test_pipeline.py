"""What is sent to the workers, without Ray around it."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from latent_ofer.errors import image_error
from latent_ofer.ray.inputs import Named
from latent_ofer.ray.pipeline import _known, _paths, _Read
from latent_ofer.ray.shards import Shard

ERROR = image_error("empty", "nothing", "no image in this folder", "name another one")


def test_paths_go_out_some_at_a_time_and_errors_that_are_known_do_not() -> None:
    inputs = [Named("a.png"), Named("nothing", error=ERROR), Named("\udcff.png"), Named("b.png")]
    shard = Shard(3, 10, 4, inputs)
    sent = [block.to_pydict() for block in _paths(shard, 2)]
    assert [block["path"] for block in sent] == [[b"a.png", b"\xff.png"], [b"b.png"]]
    assert [block["picture"] for block in sent] == [[10, 12], [13]]
    assert sent[0]["shard"] == [3, 3]
    (row,) = _known(shard).select(["file", "error_code", "picture", "shard"]).to_pylist()
    assert tuple(row.values()) == ("nothing", "empty", 11, 3)


@pytest.mark.parametrize(
    "columns, names",
    [
        ({"bytes": [b"1", b"2", b"3"]}, ["#0", "#1", "#2"]),
        ({"path": ["x", "y", None], "bytes": [b"1", b"2", b"3"], "more": [1, 2, 3]}, "xy"),
        ({"path": ["x", "y", "z"]}, "xyz"),
    ],
)
def test_the_pictures_of_a_parquet_file_are_numbered_on_from_its_first(
    tmp_path: Path, columns: dict[str, Any], names: str
) -> None:
    file = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table(columns), file)
    place = np.array([str(file).encode()], dtype=object)
    files = {"path": place, "picture": np.array([20]), "shard": np.array([4])}
    read = pyarrow.concat_tables(_Read(2)(files)).to_pydict()
    assert (read["picture"], read["shard"]) == ([20, 21, 22], [4, 4, 4])
    found = [path.decode().removeprefix(str(file)) for path in read["path"] if path]
    assert found == [*names]
    assert read.get("bytes") == columns.get("bytes")
    assert "more" not in read
