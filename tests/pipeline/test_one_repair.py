"""Detect, mask and repair: the same masks and pixels in the pipeline, training and evaluation."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from paper_tables import open_ways
from repairers import SHIPPED, repaired_by

from fakes import fake_model, hide
from helpers import drawn_face
from latent_ofer.arrays import is_grey
from latent_ofer.backends.torch import TorchBackend
from latent_ofer.evaluation.measurements import Asked
from latent_ofer.pipeline import LatentOFER
from latent_ofer.results import FaceResult
from latent_ofer.stages import Stages
from latent_ofer.train_all import repair_with, trained_networks
from latent_ofer.weights_folder import Thresholds
from random_runs import write_random_runs

Faces = NDArray[np.uint8]
Masks = NDArray[np.bool_]


@pytest.fixture(scope="module")
def faces() -> Faces:
    """Twelve drawn faces, half of them grey; most have a square of noise over a part of them."""
    rng = np.random.default_rng(0)
    drawn = []
    for seed in range(12):
        face = drawn_face(seed=seed)[0]
        if seed % 3:
            y, x = rng.integers(0, 72, 2)
            face[y : y + 40, x : x + 40] = rng.integers(0, 256, (40, 40, 3))
        drawn.append(face if seed % 2 else np.repeat(face[..., :1], 3, axis=2))
    return np.stack(drawn)


def read(model: LatentOFER, faces: Faces) -> tuple[Faces, Masks]:
    """Repaired faces and masks of the pipeline's one public way."""
    found: list[list[FaceResult]] = model.predict(list(faces), crops=True)
    repaired = np.stack([one.reconstruction for (one,) in found])
    return repaired, np.stack([one.occlusion.mask for (one,) in found])


def test_training_repairs_as_the_pipeline_does(faces: Faces, tmp_path: Path) -> None:
    made = write_random_runs(tmp_path, faces)
    networks = trained_networks(made.runs, made.config)
    engine = TorchBackend(networks.graphs(), "synthetic", "paper")
    thresholds = networks.detectors["synthetic"].thresholds
    repaired, masks = repair_with(made.runs, made.config)(faces)
    expected, hidden = read(LatentOFER(engine, thresholds), faces)
    assert np.array_equal(masks, hidden) and np.array_equal(repaired, expected)
    # Only where these hold would other thresholds or another mask show.
    assert is_grey(faces).sum() == 6 and 0 < masks.mean() < 1
    swapped = LatentOFER(engine, Thresholds(thresholds.grey, thresholds.colour))
    assert not np.array_equal(read(swapped, faces)[1], hidden)
    pixels = masks.repeat(8, axis=1).repeat(8, axis=2)
    assert (repaired[pixels] != faces[pixels]).any()


def test_evaluation_repairs_as_the_pipeline_does(faces: Faces, tmp_path: Path) -> None:
    repairs = open_ways(Asked(runs=tmp_path), [SHIPPED], [])
    (shipped,) = [one for one in repairs.trained if one.name == SHIPPED]
    assert repairs.finder.answer is not None
    found = repairs.finder.answer(SimpleNamespace(shown=faces))["mask"]  # type: ignore[arg-type]
    repaired, masks = repaired_by(shipped, faces, found)
    expected, hidden = read(LatentOFER.from_pretrained(), faces)
    assert np.array_equal(masks, hidden) and np.array_equal(repaired, expected)
    assert 0 < masks.mean() < 1


def test_a_repair_in_one_call_is_that_of_the_pipeline_for_whole_faces_too() -> None:
    model, engine = fake_model()
    shown = np.stack([drawn_face(seed=0)[0], hide(drawn_face(seed=1)[0], slice(3, 6), slice(4, 9))])
    repaired, masks = Stages(engine, Thresholds(colour=0.5, grey=0.25)).repair(shown)
    expected, hidden = read(model, shown)
    assert np.array_equal(masks, hidden) and np.array_equal(repaired, expected)
    assert not masks[0].any() and masks[1].sum() == 15 and engine.repaired == 2
