"""What an actor does with a batch, without Ray around it."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas
import pyarrow
import pytest
from PIL import Image
from ray import cloudpickle

from fakes import FakeFinder, fake_model
from helpers import drawn_face
from latent_ofer import LatentOFER, WeightsError
from latent_ofer.images.guarded import GuardedDecoder
from latent_ofer.images.load import load_image
from latent_ofer.names import utf8_text
from latent_ofer.predict.rows import TABLE_COLUMNS
from latent_ofer.ray import predictor

FACE, LANDMARKS = drawn_face()
MEMORY = "memory://pictures"


@pytest.fixture(autouse=True)
def fake_weights(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Networks that answer from pixels, two faces in each photo; gives what was asked for."""
    asked: list[dict[str, Any]] = []

    def load(**arguments: Any) -> LatentOFER:
        asked.append(arguments)
        return fake_model(FakeFinder([LANDMARKS, LANDMARKS + 1]))[0]

    monkeypatch.setattr(LatentOFER, "from_pretrained", load)
    return asked


@pytest.fixture(autouse=True)
def no_process(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Decodes in this process; gives what was asked for."""
    asked: list[Any] = []

    def read(_: GuardedDecoder, source: Any) -> Any:
        asked.append(source)
        return load_image(source)

    monkeypatch.setattr(GuardedDecoder, "start", lambda _: None)
    monkeypatch.setattr(GuardedDecoder, "read", read)
    return asked


@pytest.fixture
def storage() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    system.pipe("/pictures/a.png", png())
    yield system
    system.store.clear()


def png(face: Any = FACE) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(face).save(stream, "PNG")
    return stream.getvalue()


def rows(batch: Any, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = predictor(**options)()(batch).to_pylist()
    return found


def column(*cells: object) -> Any:
    return np.array(cells, dtype=object)


def test_a_row_a_face_with_the_columns_of_the_commands_tables_and_those_of_the_batch(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "b.png").write_bytes(png(np.full_like(FACE, 255)))
    paths = [str(tmp_path / name) for name in ("a.png", "b.png", "c.png")]
    found = predictor()()({"path": column(*paths), "id": np.arange(3) + 7})
    assert found.column_names == [*TABLE_COLUMNS["latent-ofer"], "id"]
    told = found.select(["file", "status", "face", "faces", "error_code", "id"]).to_pylist()
    assert [tuple(row.values()) for row in told] == [
        (paths[0], "ok", 0, 2, None, 7),
        (paths[0], "ok", 1, 2, None, 7),
        (paths[1], "no_face", None, 0, None, 8),
        (paths[2], "error", None, None, "not_found", 9),
    ]
    assert found["p_neutral"].type == found["x0"].type == pyarrow.float64()


@pytest.mark.parametrize("form", [dict, pandas.DataFrame, pyarrow.table])
def test_batches_may_be_of_numpy_pandas_or_arrow(form: Callable[[Any], Any]) -> None:
    found = rows(form({"bytes": [png(), b"text"], "path": ["a", "b"]}), crops=True)
    told = [(row["file"], row["status"], row["error_message"]) for row in found]
    assert told[0] == ("a", "ok", None)
    assert told[1][:2] == ("b", "error")
    assert told[1][2].startswith("b: is no image; ")


def test_bytes_alone_are_rows_without_a_file_and_nothing_at_all_is_an_empty_image() -> None:
    found = rows({"bytes": column(png(), None)}, crops=True, labels=7)
    assert [(row["file"], row["status"], row["error_code"]) for row in found] == [
        (None, "ok", None),
        (None, "error", "empty"),
    ]
    assert found[0]["p_contempt"] is None


def test_an_address_is_read_by_fsspec_where_the_actor_is(storage: Any, no_process: Any) -> None:
    found = rows({"path": column(f"{MEMORY}/a.png", f"{MEMORY}/b.png")}, crops=True)
    assert [(row["file"], row["error_code"]) for row in found] == [
        (f"{MEMORY}/a.png", None),
        (f"{MEMORY}/b.png", "not_found"),
    ]
    assert no_process == [png()]


def test_no_more_of_a_large_file_is_fetched_than_an_image_may_have(
    storage: Any, no_process: Any
) -> None:
    storage.pipe("/pictures/large.png", bytes(21 * 2**20))
    (row,) = rows({"path": column(f"{MEMORY}/large.png")})
    assert (row["error_code"], len(no_process[0])) == ("too_large", 20 * 2**20 + 1)
    assert row["error_message"].startswith(f"{MEMORY}/large.png: ")


def test_a_storage_that_fails_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fsspec, "open", lambda *_: 1 / 0)
    (row,) = rows({"path": column("s3://bucket/a.png")})
    assert row["error_code"] == "internal"
    assert "s3://bucket/a.png: cannot be read (ZeroDivisionError" in row["error_message"]


def test_a_path_that_is_no_text_travels_as_bytes(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.png"
    try:
        with open(path, "wb") as stream:
            stream.write(png())
    except OSError:
        pytest.skip("this system wants names to be text")
    (row,) = rows({"path": column(path)}, crops=True)
    assert (row["status"], row["file"]) == ("ok", utf8_text(os.fsdecode(path)))
    assert row["file_b64"] is not None


def test_a_batch_without_a_picture_or_with_our_own_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a column path or bytes; it has"):
        rows({"image": column(b"")})
    with pytest.raises(ValueError, match=r"rename columns .*\['face', 'file'\]"):
        rows({"bytes": column(b""), "file": column("a"), "face": column(1)})


def test_one_model_is_loaded_an_actor_and_its_own_threads_may_be_given(
    fake_weights: list[dict[str, Any]],
) -> None:
    actor = predictor("weights", threads=3, detector="paper")()
    actor({"bytes": column(b"")})
    actor({"bytes": column(b"")})
    (asked,) = fake_weights
    assert (asked["threads"], asked["detector"]) == (3, "paper")
    assert asked["folder"] == Path("weights").absolute()


def test_a_worker_with_other_weights_is_refused() -> None:
    with pytest.raises(WeightsError, match="weights of a worker are not those"):
        predictor(weights="0123456789abcdef")()


def test_relative_paths_start_where_they_are_said_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(png())
    monkeypatch.chdir("/")
    (row,) = rows({"path": column("a.png")}, crops=True, start=tmp_path)
    assert (row["file"], row["status"]) == ("a.png", "ok")


def test_the_class_goes_to_the_actors_with_what_it_was_asked_for() -> None:
    sent = cloudpickle.loads(cloudpickle.dumps(predictor(labels=7)))
    assert sent.wanted.labels == 7
