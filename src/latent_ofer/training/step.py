"""One step: the gradient of a batch, part by part, before anything is learned from it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from latent_ofer.errors import TrainingError
from latent_ofer.files import write_text
from latent_ofer.training import processes
from latent_ofer.training.batch import Drawn
from latent_ofer.training.how import How
from latent_ofer.training.job import Figures, Job
from latent_ofer.training.recipe import Recipe

CULPRITS = "not-finite.txt"
"""In the folder of a run: the faces of a batch whose loss was no finite number."""
NAMED = 3


@dataclass(frozen=True)
class Step:
    """What is said of a batch.

    Attributes
    ----------
    loss : float
    figures : mapping
        Mean over its faces.
    stop : bool
        One of the processes was told to stop.
    """

    loss: float
    figures: Figures
    stop: bool


def gradient(
    job: Job,
    recipe: Recipe,
    how: How,
    batch: Drawn,
    seed: int,
    stopping: Callable[[], bool],
    where: str,
) -> Step:
    """Leave the gradient of a batch in the network: of all its parts, in all processes.

    Parameters
    ----------
    seed : int
        Of the batch. Each part has one of its own for dropout, whichever process it falls to.
    stopping : callable
        Whether this process was told to stop.
    where : str
        Which step it is, for whoever is told of a loss that is no number.

    Raises
    ------
    TrainingError
        When the loss is no finite number, or the batch is cut into more parts than it has faces.
    """
    parts = how.slices * processes.count()
    faces = len(batch.rows)
    if parts > faces:
        raise TrainingError(
            f"{job.run.name}: a batch of {faces} faces cannot be cut into {parts} parts "
            f"({processes.count()} processes, --accumulate {how.slices})."
        )
    losses, figures = [0.0] * parts, dict[str, float]()
    job.model.zero_grad(set_to_none=True)
    for place in range(processes.place(), parts, processes.count()):
        share = len(batch.rows[place::parts]) / faces
        inputs = batch.part(place, parts, how.device)
        torch.manual_seed(seed + place)
        with precision(recipe, how):
            loss, said = job.loss(job.model, inputs)
        (loss * share).backward()
        losses[place] = float(loss.detach()) * share
        for name, figure in said.items():
            figures[name] = figures.get(name, 0.0) + figure * share
    sums = processes.total([*losses, *figures.values(), float(stopping())], how.device)
    value = sum(sums[:parts])
    if not math.isfinite(value):
        strange = [place for place in range(parts) if not math.isfinite(sums[place])]
        rows = [int(row) for place in strange for row in batch.rows[place::parts]]
        raise TrainingError(_not_finite(job, value, where, rows))
    processes.add_up_gradients(job.model)
    processes.share_statistics(job.model)
    return Step(value, dict(zip(figures, sums[parts:-1], strict=True)), sums[-1] > 0)


def precision(recipe: Recipe, how: How) -> torch.autocast:
    """The numbers that networks compute in."""
    return torch.autocast(how.device.type, dtype=torch.bfloat16, enabled=recipe.bf16)


def _not_finite(job: Job, value: float, where: str, rows: list[int]) -> str:
    faces = ["/".join(job.key_of(row)) for row in rows]
    if processes.place() == 0:
        write_text(job.run / CULPRITS, "".join(f"{face}\n" for face in faces))
    named = ", ".join(faces[:NAMED])
    more = f" and {len(faces) - NAMED} more" if len(faces) > NAMED else ""
    return (
        f"{job.run.name}: the loss is {value} in {where}, and nothing was learned from it. Its "
        f"faces: {named}{more} (all in {job.run / CULPRITS}). The last checkpoint is whole: go on "
        "from it with --resume; if it happens again, look at these faces, or start afresh with a "
        "lower learning_rate in the recipe."
    )
