"""The one-class detector, of random numbers, exported: onnxruntime answers as torch does."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from helpers import drawn_face
from latent_ofer.backends.export import export_graph
from latent_ofer.backends.networks import DetectOneClass
from latent_ofer.detector.one_class import OneClassDetector
from latent_ofer.detector.place import FAR, NEAR, PlaceNetwork
from latent_ofer.encoder.mae import MaskedAutoencoder

KEPT = 5


@pytest.fixture(scope="module")
def detect() -> DetectOneClass:
    """Buffers of the sizes that training leaves, and nothing at its starting value."""
    torch.manual_seed(0)
    mae = MaskedAutoencoder(112, 8, 24, 3, 2, 16, 1, 2)
    one_class = OneClassDetector(PlaceNetwork(8), mae.dim, KEPT)
    with torch.no_grad():
        for name, buffer in one_class.named_buffers():
            if name.startswith(("projection", "mean", "whitening", "any_", "centre")):
                buffer.copy_(torch.randn(buffer.shape))
        one_class.scale.uniform_(0.5, 2)
    return DetectOneClass(mae, one_class).eval()


@pytest.fixture(scope="module")
def graph(detect: DetectOneClass) -> onnx.ModelProto:
    return export_graph(detect, (["faces"], ["scores"]), detect.mae)


@pytest.fixture(scope="module")
def session(graph: onnx.ModelProto) -> ort.InferenceSession:
    return ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])


def faces() -> np.ndarray:
    """Two in colour, two grey."""
    drawn = np.stack([drawn_face(seed=seed)[0] for seed in range(4)])
    drawn[2:] = drawn[2:, ..., 1:2]
    return np.ascontiguousarray(drawn.transpose(0, 3, 1, 2)).astype(np.float32) / 255


def test_both_engines_score_faces_alike_in_colour_and_grey(
    detect: DetectOneClass, session: ort.InferenceSession
) -> None:
    with torch.inference_mode():
        expected = detect(torch.from_numpy(faces())).numpy()
    (scores,) = session.run(None, {"faces": faces()})
    assert scores.shape == (4, 196) and scores.dtype == np.float32
    assert scores.std() > 0.1
    assert np.abs(scores - expected).max() < 1e-4


def test_a_face_is_scored_the_same_alone_and_in_a_batch(session: ort.InferenceSession) -> None:
    (together,) = session.run(None, {"faces": faces()})
    for row, face in enumerate(faces()):
        (alone,) = session.run(None, {"faces": face[None]})
        assert np.abs(alone[0] - together[row]).max() < 1e-4


def test_what_is_near_is_a_constant_of_the_graph(
    detect: DetectOneClass, graph: onnx.ModelProto
) -> None:
    assert not [name for name in detect.state_dict() if name.endswith("far")]
    (far,) = [t for t in graph.graph.initializer if t.name.endswith("place.far")]
    values = np.frombuffer(far.raw_data, np.float32).reshape(196, 196)
    row, column = np.divmod(np.arange(196), 14)
    apart = np.maximum(np.abs(row[:, None] - row), np.abs(column[:, None] - column))
    assert np.array_equal(values, np.where(apart > NEAR, np.float32(FAR), np.float32(0)))
