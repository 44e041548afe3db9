"""Shards of a run, without Ray: how they are made up, written, found again and refused."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet
from ray.exceptions import RayError as AnyRayError

from latent_ofer.predict.journal import Run, UnfinishedError
from latent_ofer.predict.rows import TABLE_COLUMNS
from latent_ofer.predict.run import Counts, Options, TooManyErrorsError
from latent_ofer.predict.tables import parquet_schema
from latent_ofer.ray import run as runs
from latent_ofer.ray.cluster import RayError
from latent_ofer.ray.inputs import Named
from latent_ofer.ray.pipeline import NUMBERS
from latent_ofer.ray.run import Job, Workers, predict_shards, take_up
from latent_ofer.ray.shards import divided

RUN = Run({"weights": "1"}, [])
INPUTS = [Named(f"{number}.png", 5, 1) for number in range(5)]
SCHEMA = parquet_schema({**TABLE_COLUMNS["latent-ofer"], **dict.fromkeys(NUMBERS, int)})


def row(picture: int, shard: int, **cells: Any) -> dict[str, Any]:
    ok = {"status": "ok", "face": 0, "faces": 1, "expression": "fear"}
    return {"file": f"{picture}.png", "picture": picture, "shard": shard, **(cells or ok)}


def table(*rows: dict[str, Any]) -> pyarrow.Table:
    return pyarrow.Table.from_pylist(list(rows), schema=SCHEMA)


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[pyarrow.Table]:
    """What the workers answer, in place of Ray."""
    answers: list[pyarrow.Table] = []

    def answer(*_: object) -> Iterator[pyarrow.Table]:
        while answers:
            yield answers.pop(0)

    monkeypatch.setattr(runs, "rows_of_shards", answer)
    monkeypatch.setattr(runs, "cluster", lambda *_: nullcontext())
    return answers


def run(job: Job, **options: Any) -> Counts:
    counts = Counts()
    predict_shards(job, {}, Options(**options), Workers(), counts, lambda _: None)
    return counts


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_images_are_divided_in_order_and_each_table_is_a_shard_of_its_own() -> None:
    inputs = [Named("a.parquet", rows=7), *INPUTS, Named("e.parquet", rows=0)]
    shards = divided(inputs, 2)
    assert [(s.number, s.first, s.pictures) for s in shards] == [
        *((0, 0, 2), (1, 2, 2), (2, 4, 1)),
        (3, 5, 7),
    ]
    assert [one.place for one in shards[3].inputs] == ["a.parquet"]


def test_a_shard_is_written_when_all_of_its_pictures_are_there_in_their_order(
    tmp_path: Path, worked: list[pyarrow.Table]
) -> None:
    job = take_up(tmp_path, INPUTS, RUN, 3, False)
    two = [row(0, 0, status="ok", face=n, faces=2, expression="fear") for n in (1, 0)]
    worked += [
        table(row(3, 1), row(2, 0, status="no_face", faces=0)),
        table(*two, row(4, 1)),
        table(row(1, 0, status="error", error_code="empty", error_message="1.png: empty")),
    ]
    counts = run(job)
    assert names(tmp_path) == [
        *("_run.jsonl", "shard-000000-of-000002.parquet", "shard-000001-of-000002.parquet"),
    ]
    rows = parquet.read_table(tmp_path).select(["file", "face", "status"]).to_pylist()
    assert [tuple(one.values()) for one in rows] == [
        ("0.png", 0, "ok"),
        ("0.png", 1, "ok"),
        ("1.png", None, "error"),
        ("2.png", None, "no_face"),
        ("3.png", 0, "ok"),
        ("4.png", 0, "ok"),
    ]
    assert (counts.images, counts.expressions.total(), counts.no_face) == (5, 4, 1)
    assert (counts.errors["empty"], counts.resumed) == (1, 0)
    assert parquet.read_schema(tmp_path / names(tmp_path)[1]).names == [
        *TABLE_COLUMNS["latent-ofer"]
    ]


def test_a_run_goes_on_with_the_shards_that_are_missing_and_counts_all(
    tmp_path: Path, worked: list[pyarrow.Table]
) -> None:
    worked += [table(row(0, 0), row(1, 0), row(2, 1))]
    run(take_up(tmp_path, INPUTS, RUN, 2, False))
    job = take_up(tmp_path, INPUTS, RUN, 2, False)
    assert [shard.number for shard in job.done] == [0]
    assert [shard.number for shard in job.open] == [1, 2]
    assert job.so_far == f"1 of 3 shards are in {tmp_path}"
    worked += [table(row(2, 1), row(3, 1), row(4, 2))]
    counts = run(job)
    assert (counts.images, counts.resumed) == (5, 2)
    assert run(take_up(tmp_path, INPUTS, RUN, 2, False)).images == 5  # and nobody asked Ray


@pytest.mark.parametrize(
    "inputs, settings, size, told",
    [
        (INPUTS[:4], {"weights": "1"}, 2, "inputs: 1 gone"),
        ([*INPUTS[:4], Named("4.png", 6, 1)], {"weights": "1"}, 2, "inputs: 1 altered"),
        (INPUTS, {"weights": "2"}, 2, "weights '1' then, '2' now"),
        (INPUTS, {"weights": "1"}, 3, "shard_size 2 then, 3 now"),
    ],
)
def test_shards_of_other_inputs_weights_or_settings_are_not_mixed(
    tmp_path: Path,
    worked: list[pyarrow.Table],
    inputs: list[Named],
    settings: dict[str, str],
    size: int,
    told: str,
) -> None:
    worked += [table(row(0, 0), row(1, 0))]
    run(take_up(tmp_path, INPUTS, RUN, 2, False))
    before = names(tmp_path)
    with pytest.raises(UnfinishedError, match=told):
        take_up(tmp_path, inputs, Run(settings, []), size, False)
    assert names(tmp_path) == before
    job = take_up(tmp_path, inputs, Run(settings, []), size, True)
    assert (job.done, names(tmp_path)) == ([], ["_run.jsonl"])


def test_a_starting_run_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    for name in ("shard-000000-of-000001.parquet", "mine.parquet"):
        (tmp_path / name).touch()
    take_up(tmp_path, INPUTS, RUN, 2, False)
    assert names(tmp_path) == ["_run.jsonl", "mine.parquet"]


def test_what_a_worker_fails_at_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Iterator[pyarrow.Table]:
        raise AnyRayError("died\nTraceback:\nWeightsError: the weights of a worker are others")
        yield

    monkeypatch.setattr(runs, "rows_of_shards", fail)
    monkeypatch.setattr(runs, "cluster", lambda *_: nullcontext())
    with pytest.raises(RayError, match="^Ray gave up: WeightsError: the weights of a worker"):
        run(take_up(tmp_path, INPUTS, RUN, 2, False))


def test_too_many_errors_end_the_run_and_leave_its_whole_shards(
    tmp_path: Path, worked: list[pyarrow.Table]
) -> None:
    bad = {"status": "error", "error_code": "empty", "error_message": "empty"}
    worked += [table(row(0, 0), row(1, 0)), table(row(2, 1, **bad), row(3, 1, **bad))]
    with pytest.raises(TooManyErrorsError, match="2 of 4 images"):
        run(take_up(tmp_path, INPUTS, RUN, 2, False), max_errors=1)
    assert "shard-000000-of-000003.parquet" in names(tmp_path)
