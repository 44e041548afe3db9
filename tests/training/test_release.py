"""What a release takes from the runs of its stages."""

from pathlib import Path

import numpy as np
import pytest

from archives import write_archives
from helpers import drawn_face
from latent_ofer import train_all
from latent_ofer.datasets.sources import Sources
from latent_ofer.recogniser.views import Fusion
from random_runs import FUSION, TEMPERATURE, write_random_runs


def test_a_release_holds_what_its_recognisers_were_calibrated_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    monkeypatch.setattr(train_all, "export_folder", lambda *args: written.append(args))
    faces = np.stack([drawn_face(seed=seed)[0] for seed in range(2)])
    faces[0] = faces[0, ..., :1]
    made = write_random_runs(tmp_path, faces)
    sources = Sources(write_archives(tmp_path / "data"), tmp_path / "cache")
    config = Path(made.config)
    (config / "fusion.yaml").write_text("epochs: 1\nbatch_size: 4\nlearning_rate: 0.1\n")
    train_all.release(sources, made.runs, made.config)
    ((networks, _, manifest),) = written
    assert float(networks.tensors()["recogniser.temperature"]) == TEMPERATURE
    assert Fusion.parse(manifest["recognisers"]["views"]) == FUSION
