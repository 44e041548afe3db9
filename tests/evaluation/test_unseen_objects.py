"""Whatever is measured behind objects is measured behind those that training has never seen."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from archives import write_archives
from chosen import chosen_faces
from fakes import fake_model
from latent_ofer.cli.main import app
from latent_ofer.datasets.archives import read_ferplus
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Sources
from latent_ofer.evaluation import engines, recognition
from latent_ofer.evaluation.recognition_bench import open_bench
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.pipeline import LatentOFER

UNSEEN = {"hand"}
"""The one category of split `val` in the drawn archive."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_archives(tmp_path / "data")


def test_conditions_of_the_tables_hide_faces_behind_unseen_objects(
    data: Path, tmp_path: Path
) -> None:
    sources = Sources(data, tmp_path / "cache")
    folder = tmp_path / "predictions"
    bench = open_bench(
        chosen_faces(2), [], sources, ["clean", "objects"], runs=tmp_path, predictions=folder
    )
    assert {cutout.category for cutout in bench.cutouts} == UNSEEN


def test_engines_are_compared_behind_unseen_objects(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: set[str] = set()
    protocol_copy = engines.protocol_copy

    def noted(face: Any, cutouts: list[Cutout], seed: int) -> Any:
        shown.update(cutout.category for cutout in cutouts)
        return protocol_copy(face, cutouts, seed)

    monkeypatch.setattr(engines, "protocol_copy", noted)
    assert len(engines.crops_with_objects(data, tmp_path / "cache", 2)) == 2
    assert shown == UNSEEN


def test_evaluate_recognition_takes_validation_faces_and_unseen_objects(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[FacePool, set[str]]] = []

    def noted(pool: FacePool, cutouts: list[Cutout], *_: object, **__: object) -> dict[str, Any]:
        taken.append((pool, {cutout.category for cutout in cutouts}))
        return {}

    monkeypatch.setattr(LatentOFER, "from_pretrained", lambda *_, **__: fake_model()[0])
    monkeypatch.setattr(recognition, "evaluate_recognition", noted)
    monkeypatch.setattr(recognition, "other_source", lambda *_: {})
    words = ["evaluate", "recognition", "--data", str(data), "--runs", str(tmp_path)]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    ((pool, categories),) = taken
    assert categories == UNSEEN
    faces = read_ferplus(data, "val", tmp_path / "cache")
    known = np.flatnonzero(faces.targets.sum(1) > 0)
    assert [name for _, name in pool.keys] == [faces.names[row] for row in known]
