"""What a step needs, counted for a network whose needs are plain."""

import torch
import training_memory
from torch import nn


def test_bytes_and_operations_of_one_layer_are_those_on_paper() -> None:
    model = nn.Linear(10, 4, bias=False)
    found = training_memory.needs(
        8, model, [nn.Linear(3, 2)], lambda count: model(torch.rand(count, 10)).float().sum()
    )
    assert found["weights"] == 40
    assert found["fixed_bytes"] == 40 * 20 + 8 * 4
    assert found["bytes_a_face"] == 10 * 2  # the input in 16 bits, for the weight's gradient
    assert found["flops_a_face"] == 2 * 2 * 10 * 4  # there, and back to the weight
    assert found["batch_gb"] == 0.0
    assert found["faces_that_fit"]["16"] == int((0.75 * 16e9 - 832) / 20)
