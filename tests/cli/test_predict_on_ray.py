"""`latent-ofer predict --engine ray`, with workers that are in this process."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas
import pyarrow
import pytest

from fakes import FakeFinder, fake_model
from helpers import drawn_face
from latent_ofer import LatentOFER
from latent_ofer.cli.main import main
from latent_ofer.images.guarded import GuardedDecoder
from latent_ofer.images.load import load_image
from latent_ofer.predict.run import Options
from latent_ofer.ray import pipeline, predictor
from latent_ofer.ray import run as runs
from latent_ofer.ray.cluster import RayError
from latent_ofer.ray.shards import Shard


@pytest.fixture(autouse=True)
def fake_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = fake_model(FakeFinder([drawn_face()[1]]))
    monkeypatch.setattr(LatentOFER, "from_pretrained", lambda *_, **__: model)
    monkeypatch.setattr(GuardedDecoder, "start", lambda _: None)
    monkeypatch.setattr(GuardedDecoder, "read", lambda _, path: load_image(path))


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(
        shards: list[Shard], model: Any, options: Options, *_: object
    ) -> Iterator[pyarrow.Table]:
        worker = predictor(**model, crops=options.crops, labels=options.labels)()
        for shard in shards:
            if (known := pipeline._known(shard)).num_rows:
                yield known
            for block in pipeline._paths(shard, 2):
                yield worker(block)

    monkeypatch.setattr(runs, "rows_of_shards", rows)
    monkeypatch.setattr(runs, "cluster", lambda *_: nullcontext())


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in ("predict", *arguments)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_shards_hold_the_rows_of_the_local_engine_and_the_command_says_the_same(
    three_photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (three_photos / "bad.png").write_bytes(b"text")
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    inputs = [three_photos, nothing, tmp_path / "missing.png"]
    assert run(*inputs, "--output", tmp_path / "a.parquet") == 1
    local = capsys.readouterr()
    words = [*inputs, "--engine", "ray", "--shard-size", 2, "--output", tmp_path / "out"]
    assert run(*words) == 1
    ray = capsys.readouterr()
    assert ray.out.splitlines()[:3] == local.out.splitlines()[:3]
    assert sorted(ray.err.splitlines()) == sorted(local.err.splitlines())
    assert ray.out.splitlines()[-1] == f"Results: {tmp_path / 'out' / 'results'}"
    found = pandas.read_parquet(tmp_path / "out" / "results")
    assert len(list((tmp_path / "out" / "results").glob("shard-*"))) == 3
    pandas.testing.assert_frame_equal(found, pandas.read_parquet(tmp_path / "a.parquet"))
    assert run(*words) == 1
    again = capsys.readouterr()
    assert (
        "going on with an earlier run: 3 of 3 shards are done; --restart starts anew" in again.err
    )
    assert "Images: 6, faces: 3, without a face: 0, errors: 3." in again.out
    assert run(*words, "--labels", 7) == 2
    assert "labels 8 then, 7 now" in capsys.readouterr().err


def test_a_ray_that_fails_is_one_line_that_says_what_is_done(
    three_photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RayError("Ray cannot be started: no room")

    monkeypatch.setattr(runs, "cluster", fail)
    assert run(three_photos, "--engine", "ray", "--output", tmp_path / "out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("latent-ofer: Ray cannot be started: no room; 0 of 1 shards are in ")


@pytest.mark.parametrize(
    "words, told",
    [
        (["--engine", "ray", "--figures"], "leave out --columns, --format, --figures"),
        (["--engine", "ray", "--annotate"], "leave out --columns, --format, --figures"),
        (["--engine", "ray", "--columns", "py-feat"], "leave out --columns, --format"),
        (["--engine", "ray", "--format", "csv"], "leave out --columns, --format"),
        (["--engine", "ray", "--every", 2], "are for videos, which Ray does not read"),
        (["--workers", 2], "--address, --workers and --shard-size need --engine ray"),
        (["--address", "a:1"], "--address, --workers and --shard-size need --engine ray"),
    ],
)
def test_what_only_one_of_the_engines_has_is_refused_of_the_other(
    three_photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[object],
    told: str,
) -> None:
    assert run(three_photos, *words, "--output", tmp_path / "out") == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_ray_writes_no_single_file(
    three_photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(three_photos, "--engine", "ray", "--output", tmp_path / "a.parquet") == 2
    assert "a.parquet: --engine ray writes many files: name a folder" in capsys.readouterr().err
