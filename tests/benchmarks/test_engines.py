"""`benchmarks/engines.py`: whether engines agree, and how fast detectors are."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import engines
import numpy as np
import pytest
from engines import BATCH, WARM_UP, evaluate_detection_speed, evaluate_parity

from archives import Trained, write_archives
from fakes import FakeBackend, fake_model
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.pipeline import LatentOFER
from latent_ofer.weights_folder import Thresholds, WeightsFolder


class Slow:
    """Takes 2 ms a batch for the latents, 8 ms for the scores; its first calls 50 ms more."""

    detects_on_latents = True
    recognises_on_latents = True

    def __init__(self) -> None:
        self.calls = {"encode": 0, "detect": 0}

    def encode(self, faces: np.ndarray) -> np.ndarray:
        assert faces.shape == (BATCH, 3, 112, 112) and faces.dtype == np.float32
        self._wait("encode", 0.002)
        return np.zeros((BATCH, 196, 4), dtype=np.float32)

    def detect(self, faces: np.ndarray, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert faces.shape == (BATCH, 3, 112, 112) and latents.shape == (BATCH, 196, 4)
        self._wait("detect", 0.008)
        return np.zeros((BATCH, 196), np.float32), np.zeros((BATCH, 0, 196), np.float32)

    def _wait(self, name: str, seconds: float) -> None:
        self.calls[name] += 1
        time.sleep(seconds + (0.05 if self.calls[name] <= WARM_UP else 0))

    def reconstruct(self, faces: np.ndarray, mask: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def recognise(
        self, faces: np.ndarray, latents: np.ndarray, mask: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError


def test_milliseconds_are_per_face_without_the_warm_up_and_the_detector_is_told_apart() -> None:
    engine = Slow()
    report = evaluate_detection_speed(engine, 112, repeats=5)
    both, alone = report["encoder_and_detector_ms_per_face"], report["detector_ms_per_face"]
    assert 10 / BATCH <= both["fastest"] <= both["median"] <= both["slowest"]
    assert 8 / BATCH <= alone["fastest"] < 16 / BATCH
    assert both["fastest"] < 50 / BATCH
    assert engine.calls["detect"] == 2 * (WARM_UP + 5)
    assert report["engine"] == "Slow" and report["batch_size"] == BATCH
    assert report["cores"] >= 1
    assert report["versions"]["numpy"] == np.__version__


@pytest.mark.parametrize("size", [112, 224])
def test_faces_have_the_size_that_the_weights_were_trained_on(size: int) -> None:
    seen: list[tuple[int, ...]] = []

    class Looks(Slow):
        def encode(self, faces: np.ndarray) -> np.ndarray:
            seen.append(faces.shape)
            return np.zeros((BATCH, 196, 4), dtype=np.float32)

        def detect(self, faces: np.ndarray, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return np.zeros((BATCH, 196), np.float32), np.zeros((BATCH, 0, 196), np.float32)

    evaluate_detection_speed(Looks(), size, repeats=1)
    assert set(seen) == {(BATCH, 3, size, size)}


def test_an_engine_agrees_with_itself_and_not_with_another() -> None:
    class Other(FakeBackend):
        def recognise(self, faces, latents, mask):  # type: ignore[no-untyped-def]
            logits, attention = super().recognise(faces, latents, mask)
            return logits[:, ::-1].copy(), attention

    rng = np.random.default_rng(0)
    faces = [rng.integers(0, 255, (112, 112, 3), dtype=np.uint8) for _ in range(3)]
    same = evaluate_parity(fake_model()[0], fake_model()[0], faces)
    assert same["same_expression"] == 3
    assert same["largest_probability_difference"] == 0
    other = LatentOFER(Other(), Thresholds(0.5, 0.5))
    assert evaluate_parity(fake_model()[0], other, faces)["largest_probability_difference"] > 0


def test_engines_are_compared_behind_unseen_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, shown = write_archives(tmp_path / "data"), set[str]()
    protocol_copy = engines.protocol_copy

    def noted(face: Any, cutouts: list[Cutout], seed: int) -> Any:
        shown.update(cutout.category for cutout in cutouts)
        return protocol_copy(face, cutouts, seed)

    monkeypatch.setattr(engines, "protocol_copy", noted)
    assert len(engines.crops_with_objects(data, tmp_path / "cache", 2)) == 2
    assert shown == {"hand"}


@pytest.mark.parametrize("figure", ["parity", "speed", "detection-speed"])
def test_each_figure_is_measured_on_barely_trained_networks(
    figure: str,
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--data", trained.data, "--cache", tmp_path, "--weights", trained.weights]
    # Twenty repeats of a batch take seconds.
    monkeypatch.setattr(
        engines, "evaluate_detection_speed", partial(evaluate_detection_speed, repeats=1)
    )
    monkeypatch.setattr("sys.argv", ["engines.py", figure, *map(str, words)])
    engines.main()
    report = json.loads(capsys.readouterr().out)
    if figure == "parity":
        assert report["same_expression"] == report["n"]
        assert report["largest_probability_difference"] < 1e-3
    elif figure == "speed":
        assert report["faces_per_second"] > 0
    else:
        assert (report["threads"], report["batch_size"]) == (2, 32)
        assert report["detector"] == WeightsFolder.open(trained.weights).default_detector
