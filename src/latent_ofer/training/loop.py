"""The one training loop: batches, steps, an epoch's dev figures, a checkpoint."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from latent_ofer.ahead import ahead
from latent_ofer.errors import StaleError
from latent_ofer.locks import held
from latent_ofer.progress import track
from latent_ofer.training.checkpoint import STATE, load_state, save_state
from latent_ofer.training.recipe import Recipe

Figures = Mapping[str, float]
GRADIENT_NORM = 1.0
LOG = "log.jsonl"

Resume = bool | Literal["if same"]
"""Go on from the last checkpoint: of another job it is an error, or with "if same" ignored."""


@dataclass
class Job:
    """What a stage hands to the loop.

    Attributes
    ----------
    run : Path
        Folder of checkpoints and log.
    model : nn.Module
        All that is trained, and nothing else.
    batches : callable
        ``batches(epoch, rng)`` yields the batches of an epoch. A second thread runs it: it draws
        from `rng` and generators of its own alone.
    steps_per_epoch : int
        How many of them.
    loss : callable
        ``loss(model, batch)`` gives the loss and figures to log.
    dev : callable
        ``dev(model)`` gives figures on dev faces, of the averaged weights.
    """

    run: Path
    model: nn.Module
    batches: Callable[[int, np.random.Generator], Iterable[Any]]
    steps_per_epoch: int
    loss: Callable[[nn.Module, Any], tuple[Tensor, Figures]]
    dev: Callable[[nn.Module], Figures]
    identity: str = field(default="")
    """Changes when data, recipe or parents do; a resumed run must have the same."""


def epoch_rng(seed: int, run: Path, epoch: int) -> np.random.Generator:
    """Generator of one epoch: a resumed run draws what an unbroken one would have."""
    digest = hashlib.sha256(f"{seed}:{run.name}:{epoch}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "big")))


def shuffled(
    count: int, recipe: Recipe, rng: np.random.Generator
) -> Iterator[np.ndarray[Any, np.dtype[np.int64]]]:
    """Row numbers of an epoch in whole batches, each face at most once."""
    order = rng.permutation(count)[: recipe.epoch_images]
    size = min(recipe.batch_size, len(order))
    for start in range(0, len(order) - size + 1, size):
        yield order[start : start + size]


def steps_in(count: int, recipe: Recipe) -> int:
    """How many batches :func:`shuffled` yields."""
    drawn = min(count, recipe.epoch_images or count)
    return drawn // min(recipe.batch_size, drawn)


def fit(job: Job, recipe: Recipe, resume: Resume, quiet: bool = False) -> dict[str, Tensor]:
    """Train, with a checkpoint after every epoch.

    Parameters
    ----------
    resume : bool or "if same"
        Go on from the last checkpoint of `job.run`.

    Returns
    -------
    dict of str to Tensor
        The running average of the weights (and buffers) after the last epoch.

    Raises
    ------
    StaleError
        When the checkpoint to go on from is of another recipe, other data or other parents.
    InUseError
        When another training writes to `job.run`.
    """
    with held(job.run, f"a training of {job.run.name}"):
        return _fit(job, recipe, resume, quiet)


def _fit(job: Job, recipe: Recipe, resume: Resume, quiet: bool) -> dict[str, Tensor]:
    torch.manual_seed(recipe.seed)
    optimiser = torch.optim.AdamW(
        _groups(job.model, recipe.weight_decay), lr=recipe.learning_rate, betas=(0.9, 0.95)
    )
    average = {name: value.clone() for name, value in job.model.state_dict().items()}
    first = 0
    state = _state_of(job, resume)
    if state is None:
        (job.run / LOG).unlink(missing_ok=True)
    else:
        job.model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average = state["average"]
        first = state["epoch"] + 1
    for epoch in range(first, recipe.epochs):
        started = time.monotonic()
        losses = _epoch(job, recipe, optimiser, average, epoch, quiet)
        trained = {name: value.clone() for name, value in job.model.state_dict().items()}
        job.model.load_state_dict(average)
        job.model.eval()
        with torch.inference_mode(), _precision(recipe):
            figures = dict(job.dev(job.model))
        job.model.load_state_dict(trained)
        save_state(
            job.run,
            {
                "identity": job.identity,
                "epoch": epoch,
                "model": trained,
                "average": average,
                "optimiser": optimiser.state_dict(),
            },
        )
        line = {"epoch": epoch, **losses, **figures, "seconds": time.monotonic() - started}
        with (job.run / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps({key: round(value, 5) for key, value in line.items()}) + "\n")
    return average


def _state_of(job: Job, resume: Resume) -> dict[str, Any] | None:
    """The checkpoint that the job goes on from, or None to start afresh."""
    state = load_state(job.run) if resume else None
    if state is None or state["identity"] == job.identity:
        return state
    if resume == "if same":
        return None
    raise StaleError(
        f"{job.run / STATE}: of another recipe, other data or other parents. "
        "Start afresh without --resume, or train all, which goes on with what still fits."
    )


def _epoch(
    job: Job,
    recipe: Recipe,
    optimiser: torch.optim.Optimizer,
    average: dict[str, Tensor],
    epoch: int,
    quiet: bool,
) -> dict[str, float]:
    rng = epoch_rng(recipe.seed, job.run, epoch)
    torch.manual_seed(int(rng.integers(2**31)))
    job.model.train()
    sums: dict[str, float] = {}
    title = f"{job.run.name} {epoch + 1}/{recipe.epochs}"
    batches = track(ahead(job.batches(epoch, rng)), job.steps_per_epoch, title, quiet)
    done = 0
    for done, batch in enumerate(batches, start=1):
        step = epoch * job.steps_per_epoch + done
        rate = recipe.learning_rate * schedule(step, recipe.epochs * job.steps_per_epoch, recipe)
        for group in optimiser.param_groups:
            group["lr"] = rate
        with _precision(recipe):
            loss, figures = job.loss(job.model, batch)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(job.model.parameters(), GRADIENT_NORM)
        optimiser.step()
        _update_average(average, job.model, min(recipe.average, step / (step + 10)))
        for name, value in {"loss": float(loss.detach()), **figures}.items():
            sums[name] = sums.get(name, 0.0) + value
        batches.show(loss=sums["loss"] / done)
    return {name: total / max(done, 1) for name, total in sums.items()}


def _precision(recipe: Recipe) -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.bf16)


def schedule(step: int, total: int, recipe: Recipe) -> float:
    """Share of the peak learning rate: linear rise, then half a cosine to a hundredth."""
    rise = max(1, int(recipe.warmup * total))
    if step < rise:
        return step / rise
    way = (step - rise) / max(1, total - rise)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(way, 1.0)))


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weights decay; biases, norms and single vectors do not."""
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]


@torch.no_grad()
def _update_average(average: dict[str, Tensor], model: nn.Module, decay: float) -> None:
    for name, value in model.state_dict().items():
        if value.dtype.is_floating_point:
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)
