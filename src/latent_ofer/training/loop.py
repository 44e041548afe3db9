"""The one training loop: batches, steps, an epoch's dev figures, checkpoints."""

import hashlib
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from latent_ofer.ahead import ahead
from latent_ofer.errors import StaleError, TrainingError
from latent_ofer.files import remove_partial, write_text
from latent_ofer.locks import held
from latent_ofer.progress import track
from latent_ofer.training import processes
from latent_ofer.training.checkpoint import STATE, load_state, save_state
from latent_ofer.training.how import How, Resume
from latent_ofer.training.interrupts import held_back
from latent_ofer.training.job import Job
from latent_ofer.training.recipe import Recipe
from latent_ofer.training.step import gradient, precision

GRADIENT_NORM = 1.0
LOG = "log.jsonl"
FORMAT = 2
"""Of the checkpoints; others are not resumed."""
SAVE_SECONDS = 300.0
"""An epoch that takes longer leaves checkpoints on its way, this far apart."""
_KEPT: Final = ("average", "epoch", "step", "sums", "seconds", "log")


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


def fit(job: Job, recipe: Recipe, how: How) -> dict[str, Tensor]:
    """Train, with a checkpoint after every epoch, every few minutes, and when told to stop.

    A resumed training ends with the very weights of an unbroken one, on as many threads and with
    batches cut alike. Where several processes train together, the first one writes the files.

    Returns
    -------
    dict of str to Tensor
        The running average of the weights (and buffers) after the last epoch. These, and the
        network, are on the processor.

    Raises
    ------
    StaleError
        When the checkpoint to go on from is of another recipe, other data or other parents.
    TrainingError
        When the loss is no finite number; nothing is learned from it.
    InUseError
        When another training writes to `job.run`.
    """
    first = processes.place() == 0
    with held(job.run, f"a training of {job.run.name}") if first else nullcontext():
        if first:
            remove_partial(job.run)
        average = _fit(job, recipe, how)
    job.model.to("cpu")
    return {name: value.cpu() for name, value in average.items()}


@dataclass
class _Run:
    """Where a training stands, beside its model."""

    optimiser: torch.optim.Optimizer
    average: dict[str, Tensor]
    parts: int
    """That each batch is cut into."""
    epoch: int = 0
    step: int = 0
    """Of this epoch, done."""
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0
    log: list[str] = field(default_factory=list)
    saved: float = field(default_factory=time.monotonic)


def _fit(job: Job, recipe: Recipe, how: How) -> dict[str, Tensor]:
    torch.manual_seed(recipe.seed)
    run = _begun(job, recipe, how)
    with held_back() as stopping:
        while run.epoch < recipe.epochs:
            if not _epoch(job, recipe, how, run, stopping):
                break
            figures = _dev(job, recipe, how, run) if processes.place() == 0 else {}
            means = {name: total / max(run.step, 1) for name, total in run.sums.items()}
            line = {"epoch": run.epoch, **means, **figures, "seconds": run.seconds}
            run.log.append(json.dumps({key: round(value, 5) for key, value in line.items()}))
            run.epoch, run.step, run.sums, run.seconds = run.epoch + 1, 0, {}, 0.0
            _save(job, run)
            # The others wait here for the first one, which measures and writes.
            if any(processes.total([float(stopping())], how.device)):
                break
    if run.epoch < recipe.epochs:  # and whoever handles signals let the program live
        raise TrainingError(f"{job.run.name}: stopped; go on with --resume")
    return run.average


def _dev(job: Job, recipe: Recipe, how: How, run: _Run) -> dict[str, float]:
    """Figures of the averaged weights; the network is left as it was."""
    trained = {name: value.clone() for name, value in job.model.state_dict().items()}
    job.model.load_state_dict(run.average)
    job.model.eval()
    with torch.inference_mode(), precision(recipe, how):
        figures = dict(job.dev(job.model))
    job.model.load_state_dict(trained)
    return figures


def _begun(job: Job, recipe: Recipe, how: How) -> _Run:
    """A new training, or one as its checkpoint left it."""
    job.model = processes.prepared(job.model, how.device)
    optimiser = torch.optim.AdamW(
        _groups(job.model, recipe.weight_decay), lr=recipe.learning_rate, betas=(0.9, 0.95)
    )
    parts = how.slices * processes.count()
    state = _state_of(job, how.resume)
    processes.wait()  # until all have read what one of them will write over
    if state is None:
        if processes.place() == 0:
            (job.run / LOG).unlink(missing_ok=True)
        average = {name: value.clone() for name, value in job.model.state_dict().items()}
        return _Run(optimiser, average, parts)
    _warn_of_change(job.run / STATE, state, "threads", torch.get_num_threads())
    _warn_of_change(job.run / STATE, {"parts": 1} | state, "parts", parts)
    job.model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    run = _Run(optimiser, parts=parts, **{key: state[key] for key in _KEPT})
    run.average = {name: value.to(how.device) for name, value in run.average.items()}
    _write_log(job, run)  # whoever was killed after the last checkpoint may not have
    return run


def _warn_of_change(path: Path, state: dict[str, Any], what: str, now: int) -> None:
    told = {
        "threads": "threads and resumed with {now}; the weights will differ in their last digits",
        "parts": "parts of each batch and resumed with {now}; batch norm and dropout see others",
    }
    if state[what] != now:
        text = f"{path}: begun with {state[what]} {told[what].format(now=now)}"
        warnings.warn(text, stacklevel=3)


def _save(job: Job, run: _Run) -> None:
    """Keep where the training stands, and what it has to say."""
    run.saved = time.monotonic()
    if processes.place() > 0:
        return
    state = {
        "format": FORMAT,
        "identity": job.identity,
        "threads": torch.get_num_threads(),
        "parts": run.parts,
        "model": job.model.state_dict(),
        "optimiser": run.optimiser.state_dict(),
    }
    save_state(job.run, state | {key: getattr(run, key) for key in _KEPT})
    _write_log(job, run)


def _write_log(job: Job, run: _Run) -> None:
    if processes.place() == 0:
        write_text(job.run / LOG, "".join(f"{line}\n" for line in run.log))


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


def _epoch(job: Job, recipe: Recipe, how: How, run: _Run, stopping: Callable[[], bool]) -> bool:
    """Train to the end of the epoch, from where it stands; False when told to stop before."""
    rng = epoch_rng(recipe.seed, job.run, run.epoch)
    seed = int(rng.integers(2**31))
    job.model.train()
    title = f"{job.run.name} {run.epoch + 1}/{recipe.epochs}"
    # What was trained on already is drawn once more, for what is drawn after it.
    coming = islice(ahead(job.batches(run.epoch, rng)), run.step, None)
    quiet = how.quiet or processes.place() > 0
    batches = track(coming, job.steps_per_epoch - run.step, title, quiet)
    started = time.monotonic() - run.seconds
    for batch in batches:
        where = f"step {run.step + 1} of epoch {run.epoch + 1}"
        done = gradient(job, recipe, how, batch, seed + run.step * run.parts, stopping, where)
        step = run.epoch * job.steps_per_epoch + run.step + 1
        rate = recipe.learning_rate * schedule(step, recipe.epochs * job.steps_per_epoch, recipe)
        for group in run.optimiser.param_groups:
            group["lr"] = rate
        nn.utils.clip_grad_norm_(job.model.parameters(), GRADIENT_NORM)
        run.optimiser.step()
        _update_average(run.average, job.model, min(recipe.average, step / (step + 10)))
        for name, figure in {"loss": done.loss, **done.figures}.items():
            run.sums[name] = run.sums.get(name, 0.0) + figure
        run.step, run.seconds = run.step + 1, time.monotonic() - started
        batches.show(loss=run.sums["loss"] / run.step)
        if done.stop or time.monotonic() - run.saved > SAVE_SECONDS:
            _save(job, run)
        if done.stop:
            return False
    return True


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
