"""Trainings that a test runs alone, and torchrun in two processes: `together.py FOLDER`."""

import json
import math
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from latent_ofer.errors import TrainingError
from latent_ofer.training import processes
from latent_ofer.training.batch import Drawn
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.loop import fit, shuffled, steps_in
from latent_ofer.training.recipe import Recipe

FACES = 16
RECIPE = Recipe(epochs=2, batch_size=5, learning_rate=0.01, average=0.5, bf16=False)
Loss = Callable[[nn.Module, tuple[Tensor]], tuple[Tensor, dict[str, float]]]


def net(*, normed: bool, dropout: float = 0.0, frozen: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(6) if normed else nn.Identity()
    if frozen:
        norm.train = lambda mode=True: norm  # type: ignore[method-assign,assignment]
        norm.training = False
    drop = nn.Dropout(dropout)
    return nn.Sequential(nn.Linear(3, 6), norm, nn.Tanh(), drop, nn.Linear(6, 1))


def loss(model: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor, dict[str, float]]:
    error = (model(*inputs) - inputs[0].square().sum(1, keepdim=True)).square().mean()
    return error, {"first": float(inputs[0][:, 0].mean())}


def job(run: Path, model: nn.Module, of: Loss = loss) -> Job:
    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Drawn]:
        for rows in shuffled(FACES, RECIPE, rng):
            noise = rng.standard_normal((len(rows), 3)) / 10
            yield Drawn(rows, (torch.from_numpy(np.sin(rows[:, None] + noise)).float(),))

    def dev(model: nn.Module) -> dict[str, float]:
        return {"bias": float(model[0].bias.sum())}  # type: ignore[index]

    steps = steps_in(FACES, RECIPE)
    return Job(run, model, batches, steps, of, dev, "same", lambda row: ("set", f"{row}.png"))


def trained(run: Path, model: nn.Module, how: How, of: Loss = loss) -> dict[str, Tensor]:
    return fit(job(run, model, of), RECIPE, how)


def _told_to_stop(number: int, of: int) -> Loss:
    """One of the processes gets a signal in its second step."""
    steps = 0

    def stopped(model: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor, dict[str, float]]:
        nonlocal steps
        steps += 1
        if steps == 2 and processes.place() == of:
            signal.raise_signal(number)
        return loss(model, inputs)

    return stopped


def _not_finite(model: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor, dict[str, float]]:
    found, figures = loss(model, inputs)
    return found * (math.nan if processes.place() == 1 else 1), figures


def _main(folder: Path) -> None:
    signal.signal(signal.SIGTERM, lambda *_: None)
    quiet = How(quiet=True)
    with processes.joined(torch.device("cpu")) as device:
        assert device.type == "cpu" and processes.count() == 2
        found = {
            "plain": trained(folder / "plain" / "net", net(normed=False), quiet),
            "frozen": trained(folder / "frozen" / "net", net(normed=True, frozen=True), quiet),
            "dropout": trained(folder / "drop" / "net", net(normed=False, dropout=0.5), quiet),
            "normed": trained(folder / "normed" / "net", net(normed=True), quiet),
        }
        said = {}
        for name, of in (("stop", _told_to_stop(signal.SIGTERM, 1)), ("nan", _not_finite)):
            try:
                trained(folder / name / "net", net(normed=False), quiet, of)
            except TrainingError as error:
                said[name] = str(error)
        again = How(resume=True, quiet=True)
        found["resumed"] = trained(folder / "stop" / "net", net(normed=False), again)
        own = folder / f"process-{processes.place()}"
        torch.save(found, own.with_suffix(".pt"))
        own.with_suffix(".json").write_text(json.dumps(said))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
