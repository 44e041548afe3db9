"""On what a training runs."""

import pytest
import torch

from latent_ofer.errors import TrainingError
from latent_ofer.training.how import device_named


def test_the_processor_is_always_there() -> None:
    assert device_named("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "cuda0"])
def test_names_of_no_device_are_refused(name: str) -> None:
    with pytest.raises(TrainingError, match="give cpu, cuda, or cuda:N"):
        device_named(name)


def test_a_gpu_that_torch_does_not_see_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert device_named("cuda") == torch.device("cuda")
    assert device_named("cuda:0") == torch.device("cuda", 0)
    with pytest.raises(TrainingError, match="sees 1 CUDA GPUs.*--device cpu"):
        device_named("cuda:1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(TrainingError, match="sees 0 CUDA GPUs"):
        device_named("cuda")
