"""Temperature scaling on logits whose temperature is known, and on which faces it is fitted."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from archives import write_archives
from helpers import drawn_face
from latent_ofer.datasets.sources import Sources
from latent_ofer.recogniser import calibration, train
from latent_ofer.recogniser.attention_cnn import AttentionCNN
from latent_ofer.recogniser.calibration import best_temperature, train_calibration
from latent_ofer.recogniser.copies import Pool
from latent_ofer.recogniser.train import train_recogniser
from latent_ofer.training.checkpoint import save_weights
from latent_ofer.training.how import How
from latent_ofer.training.loop import Job
from random_runs import RandomRuns, write_random_runs

Faces = NDArray[np.uint8]


@pytest.mark.parametrize("known", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found(known: float) -> None:
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(20000, 8, generator=generator) * 2
    labels = torch.multinomial(honest.softmax(1), 1, generator=generator)[:, 0]
    assert best_temperature(honest * known, labels) == pytest.approx(known, rel=0.05)


def test_no_other_temperature_fits_better() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(500, 8, generator=generator) * 4
    labels = torch.randint(8, (500,), generator=generator)
    best = best_temperature(logits, labels)
    least = F.cross_entropy(logits / best, labels)
    for other in torch.linspace(0.25, 4.9, 60):
        assert F.cross_entropy(logits / other, labels) >= least - 1e-4


def untouched(faces: Faces) -> tuple[Faces, NDArray[np.bool_]]:
    return faces, np.zeros((len(faces), 14, 14), dtype=np.bool_)


@pytest.fixture
def made(tmp_path: Path) -> RandomRuns:
    faces = np.stack([drawn_face(seed=seed)[0] for seed in range(2)])
    faces[0] = faces[0, ..., :1]
    made = write_random_runs(tmp_path, faces)
    save_weights(made.runs / "teacher", {"weight": torch.zeros(1)}, {})
    return made


def test_the_temperature_is_fitted_on_dev_faces_as_they_are_and_repaired(
    made: RandomRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = Sources(write_archives(tmp_path / "data"), tmp_path / "cache")
    read: list[tuple[Pool, NDArray[np.int64]]] = []

    def noted(pool: Pool, rows: NDArray[np.int64], *_: object) -> Tensor:
        read.append((pool, rows))
        return torch.zeros(len(rows), 8)

    monkeypatch.setattr(calibration, "logits_of", noted)
    train_calibration(sources, made.runs, made.config, untouched)
    ((pool, rows),) = read
    dev = sources.labelled("dev")
    assert pool.clean.keys == dev.keys and pool.copied == len(dev)
    labelled = np.flatnonzero(dev.labels >= 0)
    assert rows.tolist() == [*labelled, *(labelled + len(dev))]


def test_the_papers_recogniser_learns_from_training_faces_and_is_watched_on_dev(
    made: RandomRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = Sources(write_archives(tmp_path / "data"), tmp_path / "cache")
    learnt: list[object] = []
    watched: list[object] = []

    def fitted(job: Job, *_: object) -> dict[str, Tensor]:
        list(job.batches(0, np.random.default_rng(0)))
        job.dev(job.model)
        return job.model.state_dict()

    def noted(pool: Pool, *_: object) -> list[object]:
        learnt.append(pool.clean.keys)
        return []

    def watching(pool: Pool, *_: object) -> float:
        watched.append(pool.clean.keys)
        return 0.0

    monkeypatch.setattr(train, "train_cnn", lambda *_: AttentionCNN(2, 8))
    monkeypatch.setattr(train, "fit", fitted)
    monkeypatch.setattr(train, "augmented", noted)
    monkeypatch.setattr(train, "accuracy", watching)
    train_recogniser(sources, made.runs, made.config, How(), untouched)
    assert learnt == [sources.labelled("train").keys]
    assert watched == [sources.labelled("dev").keys] * 2


def test_the_papers_recogniser_begins_alike_whatever_was_drawn_for_its_cnn(
    made: RandomRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = Sources(write_archives(tmp_path / "data"), tmp_path / "cache")
    cnn = AttentionCNN(2, 8)
    begun: list[dict[str, Tensor]] = []

    def fitted(job: Job, *_: object) -> dict[str, Tensor]:
        begun.append({name: value.clone() for name, value in job.model.state_dict().items()})
        return job.model.state_dict()

    def trained(*_: object) -> AttentionCNN:
        torch.manual_seed(len(begun))
        return cnn

    monkeypatch.setattr(train, "train_cnn", trained)
    monkeypatch.setattr(train, "fit", fitted)
    for _ in range(2):
        train_recogniser(sources, made.runs, made.config, How(), untouched)
    first, second = begun
    assert all(torch.equal(first[name], second[name]) for name in first)
