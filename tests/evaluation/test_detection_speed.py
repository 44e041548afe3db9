import time

import numpy as np
import pytest

from latent_ofer.evaluation.engines import BATCH, WARM_UP, evaluate_detection_speed


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
