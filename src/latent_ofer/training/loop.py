"""The one training loop: batches, steps, an epoch's dev figures, checkpoints."""

import hashlib
import json
import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from torch import Tensor, nn

from latent_ofer.ahead import ahead
from latent_ofer.errors import StaleError, TrainingError
from latent_ofer.files import write_text
from latent_ofer.locks import held
from latent_ofer.progress import track
from latent_ofer.training.checkpoint import STATE, load_state, save_state
from latent_ofer.training.interrupts import held_back
from latent_ofer.training.recipe import Recipe

Figures = Mapping[str, float]
GRADIENT_NORM = 1.0
LOG = "log.jsonl"
FORMAT = 2
"""Of the checkpoints; others are not resumed."""
SAVE_SECONDS = 300.0
"""An epoch that takes longer leaves checkpoints on its way, this far apart."""
_KEPT: Final = ("average", "epoch", "step", "sums", "seconds", "log", "rng")

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
    """Train, with a checkpoint after every epoch, every few minutes, and when told to stop.

    A resumed training ends with the very weights of an unbroken one, on as many threads.

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
    TrainingError
        When the loss is no finite number; nothing is learned from it.
    InUseError
        When another training writes to `job.run`.
    """
    with held(job.run, f"a training of {job.run.name}"):
        return _fit(job, recipe, resume, quiet)


@dataclass
class _Run:
    """Where a training stands, beside its model."""

    optimiser: torch.optim.Optimizer
    average: dict[str, Tensor]
    epoch: int = 0
    step: int = 0
    """Of this epoch, done."""
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0
    log: list[str] = field(default_factory=list)
    rng: Tensor | None = None
    """State of torch's generator after that step."""
    saved: float = field(default_factory=time.monotonic)


def _fit(job: Job, recipe: Recipe, resume: Resume, quiet: bool) -> dict[str, Tensor]:
    torch.manual_seed(recipe.seed)
    run = _begun(job, recipe, resume)
    with held_back() as stopping:
        while run.epoch < recipe.epochs:
            if not _epoch(job, recipe, run, stopping, quiet):
                break
            trained = {name: value.clone() for name, value in job.model.state_dict().items()}
            job.model.load_state_dict(run.average)
            job.model.eval()
            with torch.inference_mode(), _precision(recipe):
                figures = dict(job.dev(job.model))
            job.model.load_state_dict(trained)
            means = {name: total / max(run.step, 1) for name, total in run.sums.items()}
            line = {"epoch": run.epoch, **means, **figures, "seconds": run.seconds}
            run.log.append(json.dumps({key: round(value, 5) for key, value in line.items()}))
            run.epoch, run.step, run.sums, run.seconds = run.epoch + 1, 0, {}, 0.0
            _save(job, run)
            write_text(job.run / LOG, "".join(f"{line}\n" for line in run.log))
            if stopping():
                break
    if run.epoch < recipe.epochs:  # and whoever handles signals let the program live
        raise TrainingError(f"{job.run.name}: stopped; go on with --resume")
    return run.average


def _begun(job: Job, recipe: Recipe, resume: Resume) -> _Run:
    """A new training, or one as its checkpoint left it."""
    optimiser = torch.optim.AdamW(
        _groups(job.model, recipe.weight_decay), lr=recipe.learning_rate, betas=(0.9, 0.95)
    )
    state = _state_of(job, resume)
    if state is None:
        (job.run / LOG).unlink(missing_ok=True)
        average = {name: value.clone() for name, value in job.model.state_dict().items()}
        return _Run(optimiser, average)
    if state["threads"] != torch.get_num_threads():
        warnings.warn(
            f"{job.run / STATE}: begun with {state['threads']} threads and resumed with "
            f"{torch.get_num_threads()}; the weights will differ in their last digits",
            stacklevel=2,
        )
    job.model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return _Run(optimiser, **{key: state[key] for key in _KEPT})


def _save(job: Job, run: _Run) -> None:
    state = {
        "format": FORMAT,
        "identity": job.identity,
        "threads": torch.get_num_threads(),
        "model": job.model.state_dict(),
        "optimiser": run.optimiser.state_dict(),
    }
    run.rng = torch.get_rng_state()
    save_state(job.run, state | {key: getattr(run, key) for key in _KEPT})
    run.saved = time.monotonic()


def _state_of(job: Job, resume: Resume) -> dict[str, Any] | None:
    """The checkpoint that the job goes on from, or None to start afresh."""
    state = load_state(job.run) if resume else None
    if state is None:
        return None
    if state.get("format") == FORMAT and state["identity"] == job.identity:
        return state
    if resume == "if same":
        return None
    raise StaleError(
        f"{job.run / STATE}: of another recipe, other data, other parents or another version. "
        "Start afresh without --resume, or train all, which goes on with what still fits."
    )


def _epoch(job: Job, recipe: Recipe, run: _Run, stopping: Callable[[], bool], quiet: bool) -> bool:
    """Train to the end of the epoch, from where it stands; False when told to stop before."""
    rng = epoch_rng(recipe.seed, job.run, run.epoch)
    torch.manual_seed(int(rng.integers(2**31)))
    if run.step and run.rng is not None:
        torch.set_rng_state(run.rng)
    job.model.train()
    title = f"{job.run.name} {run.epoch + 1}/{recipe.epochs}"
    # What was trained on already is drawn once more, for what is drawn after it.
    coming = islice(ahead(job.batches(run.epoch, rng)), run.step, None)
    batches = track(coming, job.steps_per_epoch - run.step, title, quiet)
    started = time.monotonic() - run.seconds
    for batch in batches:
        step = run.epoch * job.steps_per_epoch + run.step + 1
        rate = recipe.learning_rate * schedule(step, recipe.epochs * job.steps_per_epoch, recipe)
        for group in run.optimiser.param_groups:
            group["lr"] = rate
        with _precision(recipe):
            loss, figures = job.loss(job.model, batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"{job.run.name}: the loss is {value} in step {run.step + 1} of epoch "
                f"{run.epoch + 1}, and nothing was learned from it. The last checkpoint is "
                "whole: go on from it with --resume; if it happens again, start afresh with a "
                "lower learning_rate in the recipe."
            )
        run.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(job.model.parameters(), GRADIENT_NORM)
        run.optimiser.step()
        _update_average(run.average, job.model, min(recipe.average, step / (step + 10)))
        for name, figure in {"loss": value, **figures}.items():
            run.sums[name] = run.sums.get(name, 0.0) + figure
        run.step, run.seconds = run.step + 1, time.monotonic() - started
        batches.show(loss=run.sums["loss"] / run.step)
        if stopping() or time.monotonic() - run.saved > SAVE_SECONDS:
            _save(job, run)
        if stopping():
            return False
    return True


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
