"""Several processes that train one network together, as torchrun starts them.

Each takes its part of every batch; gradients are added up over all of them after the backward
pass. No wrapper around the network, as torch's `DistributedDataParallel` is: names in checkpoints
stay, stages call what methods they like, and parts need not be of one size. What that wrapper
gains, sending gradients during the backward pass, is little for networks of ten million weights.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

_PATIENCE = timedelta(hours=6)
"""One of them measures the dev faces, or prepares data; a dead one is torchrun's business."""


@contextmanager
def joined(device: torch.device) -> Iterator[torch.device]:
    """Meet the other processes until the block ends; gives this one's device.

    That is its own GPU of the machine where `device` is just ``cuda``. A process that nobody
    started with others stays alone.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    if device.type == "cuda":
        if device.index is None:
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield device
    finally:
        dist.destroy_process_group()


def count() -> int:
    """How many processes train together."""
    return dist.get_world_size() if _met() else 1


def place() -> int:
    """Which of them this is; 0 is the one that writes files and speaks."""
    return dist.get_rank() if _met() else 0


def wait() -> None:
    """For all of them to get here."""
    if count() > 1:
        dist.barrier()


def total(values: list[float], device: torch.device) -> list[float]:
    """Sums over all processes, which must all ask, with as many values."""
    if count() == 1:
        return values
    sums = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(sums)
    return sums.tolist()


def prepared(model: nn.Module, device: torch.device) -> nn.Module:
    """The network on its device, the same everywhere; on GPUs with synchronised batch norm."""
    model.to(device)
    if count() > 1:
        if device.type == "cuda":
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        for tensor in model.state_dict().values():
            whole = tensor.contiguous()
            dist.broadcast(whole, 0)
            tensor.copy_(whole)
    return model


def add_up_gradients(model: nn.Module) -> None:
    """Over all processes, each of which has those of its part of the batch."""
    if count() == 1:
        return
    trained = [p for p in model.parameters() if p.requires_grad]
    for parameter in trained:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients = [p.grad for p in trained if p.grad is not None]
    every = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(every)
    for gradient, part in zip(gradients, every.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


@torch.no_grad()
def share_statistics(model: nn.Module) -> None:
    """Take the mean over all processes of what batch norm remembers of its inputs."""
    if count() == 1:
        return
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            for kept in (module.running_mean, module.running_var):
                if kept is not None:
                    dist.all_reduce(kept)
                    kept /= count()


def _met() -> bool:
    return dist.is_available() and dist.is_initialized()
