import numpy as np
import pytest
import torch

from latent_ofer.detector.deep_svdd import DeepSVDD, svdd_loss


def model_and_latents() -> tuple[DeepSVDD, torch.Tensor]:
    torch.manual_seed(0)
    model = DeepSVDD(dim=6, hidden=5, out=4, centres=3)
    latents = torch.randn(7, 3, 6)
    model.set_centre(latents.split(2))
    return model, latents


def slow_phi(model: DeepSVDD, latent: np.ndarray) -> np.ndarray:
    x = latent
    weights = [w.detach().double().numpy() for w in model.phi.parameters()]
    for layer, weight in enumerate(weights):
        x = weight @ x
        if layer < len(weights) - 1:
            x = np.where(x > 0, x, 0.1 * x)
    return x


def test_distances_are_those_of_a_loop_over_faces_and_places() -> None:
    model, latents = model_and_latents()
    centre = model.centre.double().numpy()
    distances = model(latents).detach().numpy()
    for face in range(7):
        for place in range(3):
            offset = slow_phi(model, latents[face, place].double().numpy()) - centre[place]
            assert distances[face, place] == pytest.approx(np.sqrt((offset**2).sum()), rel=1e-4)


def test_centre_is_the_mean_of_each_place_pushed_away_from_zero() -> None:
    model, latents = model_and_latents()
    near_zero = 0
    for place in range(3):
        images = [slow_phi(model, row[place].double().numpy()) for row in latents]
        for component, mean in enumerate(np.mean(images, axis=0)):
            if abs(mean) < 0.1:
                near_zero += 1
                mean = 0.1 if mean >= 0 else -0.1
            assert float(model.centre[place, component]) == pytest.approx(mean, abs=1e-5)
    assert near_zero > 0


def test_loss_is_equation_1_by_hand() -> None:
    model, latents = model_and_latents()
    decay = 0.3
    centre = model.centre.double().numpy()
    squared = [
        ((slow_phi(model, latents[face, place].double().numpy()) - centre[place]) ** 2).sum()
        for face in range(7)
        for place in range(3)
    ]
    weights = sum(float(w.detach().double().square().sum()) for w in model.phi.parameters())
    expected = np.mean(squared) + decay / 2 * weights
    assert svdd_loss(model, latents, decay).item() == pytest.approx(expected, rel=1e-5)


def test_one_centre_is_the_mean_of_all_places() -> None:
    torch.manual_seed(0)
    model = DeepSVDD(dim=6, hidden=5, out=4)
    latents = 3 * torch.randn(8, 3, 6)
    model.set_centre(latents.split(2))
    mean = model.phi(latents).mean((0, 1))
    expected = torch.where(mean.abs() < 0.1, 0.1 * mean.sign(), mean)
    assert model.centre.shape == (1, 4)
    assert torch.allclose(model.centre[0], expected, atol=1e-5)
    slow = (model.phi(latents) - model.centre[0]).norm(dim=-1)
    assert torch.allclose(model(latents), slow, atol=1e-6)


def test_gradients_reach_every_weight_and_never_the_centre() -> None:
    model, latents = model_and_latents()
    svdd_loss(model, latents, 0.0).backward()
    weights = list(model.parameters())
    assert len(weights) == 3
    assert all(w.grad is not None and w.grad.abs().sum() > 0 for w in weights)
    assert not model.centre.requires_grad
    assert "centre" in model.state_dict()


def test_zero_latents_have_the_distance_of_the_centre_from_the_origin() -> None:
    model, _ = model_and_latents()
    distances = model(torch.zeros(1, 3, 6))[0]
    assert torch.allclose(distances, model.centre.norm(dim=1))
