"""The detector of clean faces alone against slow versions of its parts."""

import numpy as np
import pytest
import torch
from torch import Tensor

from latent_ofer import arrays
from latent_ofer.detector.one_class import CLIPPED, COMPLEXITY, GREY_SPREAD, OneClassDetector
from latent_ofer.detector.place import PlaceNetwork
from latent_ofer.detector.train_one_class import _gaussian


@pytest.fixture(scope="module")
def model() -> OneClassDetector:
    torch.manual_seed(0)
    detector = OneClassDetector(PlaceNetwork(8), dim=16, kept=5).eval()
    for name, buffer in detector.named_buffers():
        if name.split(".")[0] in ("projection", "mean", "any_mean", "centre"):
            buffer.copy_(torch.randn_like(buffer))
        if name in ("whitening", "any_whitening"):
            buffer.copy_(torch.randn_like(buffer).tril())
    detector.scale.uniform_(0.5, 2)
    return detector


def inputs(grey: bool = False) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    faces = torch.rand(2, 3, 112, 112, generator=generator)
    early = torch.randn(2, 196, 16, generator=generator)
    return (faces.mean(1, keepdim=True).expand(-1, 3, -1, -1) if grey else faces), early


def test_grey_is_what_the_pipeline_calls_grey() -> None:
    assert pytest.approx(arrays.GREY_SPREAD / 255) == GREY_SPREAD


def test_features_are_the_pixels_of_the_patch_and_its_latent(model: OneClassDetector) -> None:
    faces, early = inputs()
    features = model.features(faces, early)
    patch = faces[1, :, 24:32, 40:48]
    assert torch.equal(features[1, 3 * 14 + 5, :192].sort().values, patch.flatten().sort().values)
    assert torch.equal(features[..., 192:], early)


@pytest.mark.parametrize("grey", [False, True])
def test_scores_against_a_slow_version(model: OneClassDetector, grey: bool) -> None:
    faces, early = inputs(grey)
    kind = int(grey)
    with torch.no_grad():
        scores = model(faces, early)
        vectors = model.vectors(faces, early).double()
        surprise = model.place.surprise(faces)
    added = torch.zeros(2, 14, 14, dtype=torch.float64)
    for face in range(2):
        for place in range(196):
            off = vectors[face, place] - model.mean[kind, place]
            here = (model.whitening[kind, place].double() @ off).square().sum().log()
            off = vectors[face, place] - model.any_mean[kind]
            anywhere = (model.any_whitening[kind].double() @ off).square().sum().log()
            opinions = (here - COMPLEXITY * anywhere, surprise[face, place])
            for number, opinion in enumerate(opinions):
                standard = (opinion - model.centre[number, kind, place]) / (
                    model.scale[number, kind, place]
                )
                added[face, place // 14, place % 14] += standard.clamp(*CLIPPED)
    weights = np.exp(-(np.arange(-2, 3) ** 2) / (2 * 0.7**2))
    kernel = torch.from_numpy(np.outer(weights, weights) / weights.sum() ** 2)
    for row, column in ((0, 0), (5, 9), (13, 6)):
        near = [
            (kernel[r + 2, c + 2], min(max(row + r, 0), 13), min(max(column + c, 0), 13))
            for r in range(-2, 3)
            for c in range(-2, 3)
        ]
        expected = sum(weight * added[:, r, c] for weight, r, c in near)
        assert torch.allclose(scores[:, 14 * row + column].double(), expected, atol=1e-3)


def test_a_face_alone_scores_as_in_a_batch(model: OneClassDetector) -> None:
    faces, early = inputs()
    with torch.no_grad():
        together = model(faces, early)
        alone = torch.cat([model(faces[i : i + 1], early[i : i + 1]) for i in range(2)])
    assert torch.allclose(together, alone, atol=1e-4)


def test_whitened_vectors_have_unit_covariance() -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((4000, 3)) @ rng.standard_normal((3, 3)) + 2).astype(np.float32)
    mean, whitening = _gaussian(vectors)
    white = (vectors - mean) @ whitening.T
    assert np.allclose(white.mean(axis=0), 0, atol=1e-3)
    assert np.allclose(np.cov(white, rowvar=False), np.eye(3), atol=0.1)


def test_where_all_faces_are_alike_there_is_still_a_gaussian() -> None:
    mean, whitening = _gaussian(np.ones((5, 4), dtype=np.float32))
    assert np.allclose(mean, 1) and np.isfinite(whitening).all()
