import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import FakeBackend, fake_model
from helpers import drawn_set
from latent_ofer.datasets.pool import FacePool
from latent_ofer.evaluation import recognition
from latent_ofer.evaluation.bootstrap import resample_counts
from latent_ofer.evaluation.engines import evaluate_parity
from latent_ofer.evaluation.recognition import (
    difference,
    evaluate_recognition,
    expected_calibration_error,
    figures,
    read,
)
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.pipeline import LatentOFER
from latent_ofer.weights_folder import Thresholds


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return powers / powers.sum(1, keepdims=True)


def test_figures_agree_with_counting_by_hand() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.2, 0.3], [0.1, 0.1, 0.8]])
    labels = np.array([0, 1, 1, 2])
    counts = resample_counts(4, np.random.default_rng(0))
    found = figures(probabilities, labels, counts)
    assert found["accuracy"]["value"] == 0.75
    assert found["recall"] == {"neutral": 1.0, "happiness": 0.5, "surprise": 1.0}
    assert found["macro_recall"]["value"] == pytest.approx(2.5 / 3)
    brier = np.mean([0.14, 0.26, 0.98, 0.06])
    assert found["brier"]["value"] == pytest.approx(brier)
    assert found["accuracy"]["low"] <= 0.75 <= found["accuracy"]["high"]


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_calibration_error_agrees_with_a_loop_over_bins(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = softmax(rng.normal(0, 2, (n, 8)))
    labels = rng.integers(0, 8, n)
    total = 0.0
    for low in np.arange(15) / 15:
        inside = [
            i
            for i in range(n)
            if low <= probabilities[i].max() < low + 1 / 15
            or (low > 0.93 and probabilities[i].max() == 1)
        ]
        if inside:
            right = np.mean([probabilities[i].argmax() == labels[i] for i in inside])
            sure = np.mean([probabilities[i].max() for i in inside])
            total += abs(right - sure) * len(inside) / n
    assert expected_calibration_error(probabilities, labels) == pytest.approx(total, abs=1e-9)


def test_the_paired_interval_of_a_clear_gain_excludes_zero() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 8, 400)
    good = np.eye(8)[labels]
    bad = np.where(rng.random(400)[:, None] < 0.3, np.roll(good, 1, axis=1), good)
    gain = difference(good, bad, labels, resample_counts(400, rng))
    assert gain["low"] > 0
    assert gain["value"] == pytest.approx(1 - (bad.argmax(1) == labels).mean())


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
    before, after, hidden = read(fake_model()[0], faces)
    assert before.shape == after.shape == (3, 8)
    assert hidden.shape == (3,)


def test_repaired_is_the_pipelines_answer_and_as_it_came_the_one_before_the_repair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = np.array([3, 1, 4, 1])
    pool = FacePool([drawn_set(4, labels=labels)])
    card = Cutout(np.full((9, 9, 4), 255, dtype=np.uint8), "card", "any", "card/1")
    wrong, right = np.eye(8)[(labels + 1) % 8], np.eye(8)[labels]
    # Three of four faces have something over them; the repair mends what was misread.
    answers = wrong, right, np.array([0.25, 0.5, 0.25, 0])
    monkeypatch.setattr(recognition, "read", lambda *_: answers)
    found = evaluate_recognition(pool, [card], fake_model()[0], np.random.default_rng(0))
    for kind in ("clean", "objects"):
        assert found[kind]["repaired"]["accuracy"]["value"] == 1
        assert found[kind]["as_it_came"]["accuracy"]["value"] == 0
        assert found[kind]["repaired_minus_as_it_came"]["value"] == 1
        assert found[kind]["share_of_faces_repaired"] == 0.75
        assert found[kind]["share_of_patches_flagged"] == 0.25
