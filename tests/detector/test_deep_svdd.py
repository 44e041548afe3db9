import numpy as np
import pytest
import torch

from latent_ofer.detector.deep_svdd import DeepSVDD


def test_distances_are_those_of_a_loop_over_faces_and_places() -> None:
    torch.manual_seed(0)
    model = DeepSVDD(dim=6, hidden=5, out=4, centres=3)
    model.centre.normal_()
    latents = torch.randn(7, 3, 6)
    weights = [weight.detach().double().numpy() for weight in model.phi.parameters()]
    distances = model(latents).detach().numpy()
    for face in range(7):
        for place in range(3):
            x = latents[face, place].double().numpy()
            for layer, weight in enumerate(weights):
                x = weight @ x
                x = x if layer == 2 else np.where(x > 0, x, 0.1 * x)
            offset = x - model.centre[place].double().numpy()
            assert distances[face, place] == pytest.approx(np.sqrt((offset**2).sum()), rel=1e-4)
