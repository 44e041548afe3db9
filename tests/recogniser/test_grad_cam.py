"""Where the plain CNN looks."""

import pytest
import torch
from torch import nn

from latent_ofer.recogniser.cnn import ExpressionCNN
from latent_ofer.recogniser.grad_cam import grad_cam


@pytest.fixture(scope="module")
def model() -> ExpressionCNN:
    torch.manual_seed(0)
    return ExpressionCNN([8, 8, 16, 16], 2, 4, 0.3).eval().requires_grad_(False)


def one_by_one(model: ExpressionCNN, faces: torch.Tensor) -> torch.Tensor:
    """Each face alone, each channel in turn."""
    maps = []
    for face in faces:
        with torch.no_grad():
            nothing = torch.zeros(1, 14, 14, dtype=torch.bool)
            features = model.features(face[None], nothing)[0]
        features.requires_grad_()
        logits = model.answer(features[None])[0][0]
        logits[int(logits.argmax())].backward()
        assert features.grad is not None
        heat = torch.zeros(7, 7)
        for weights, channel in zip(features.grad, features.detach(), strict=True):
            heat += weights.sum() / 49 * channel
        wide = nn.functional.interpolate(heat[None, None], size=(14, 14), mode="bilinear")
        maps.append(wide[0, 0])
    return torch.stack(maps)


def test_heat_is_that_of_each_face_alone_made_slowly(model: ExpressionCNN) -> None:
    faces = torch.rand(2, 3, 112, 112)
    heat = grad_cam(model, faces)
    assert heat.shape == (2, 14, 14) and not heat.requires_grad
    torch.testing.assert_close(heat, one_by_one(model, faces), rtol=1e-3, atol=1e-6)


def test_heat_lies_where_the_evidence_is() -> None:
    """With one channel that lights up in one corner, the heat is in that corner."""

    class Corner(ExpressionCNN):
        def features(self, faces: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            features = torch.zeros(len(faces), 16, 7, 7)
            features[:, 5, 6, 0] = 1
            return features

        def answer(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            logits = torch.zeros(len(features), 8)
            logits[:, 3] = 2 * features[:, 5].mean((1, 2))
            return logits, features[:, 0]

    painted = Corner([8, 8, 16, 16], 2, 4, 0.0).eval()
    heat = grad_cam(painted, torch.rand(2, 3, 112, 112))
    assert heat[0].argmax() == heat[1].argmax() == 13 * 14
    assert (heat[:, :10, 4:] == 0).all()


def test_it_works_inside_no_grad(model: ExpressionCNN) -> None:
    faces = torch.rand(1, 3, 112, 112)
    with torch.no_grad():
        heat = grad_cam(model, faces)
    torch.testing.assert_close(heat, grad_cam(model, faces))
