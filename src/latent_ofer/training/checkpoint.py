"""Checkpoints: our own training state, and the weights that later stages read."""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from latent_ofer.datasets.dev_split import DEV_RULE
from latent_ofer.errors import StaleError, WeightsError
from latent_ofer.files import file_sha256, whole_file
from latent_ofer.training import processes
from latent_ofer.training.recipe import Settings

WEIGHTS = "weights.safetensors"
STATE = "state.pt"
START = "start"
MODEL = "model.safetensors"
"""Folder of runs with the weights that training starts from, and their file."""


def save_state(run: Path, state: dict[str, Any]) -> None:
    """Keep what is needed to go on with training. Raises OSError; the state before stays whole."""
    # torch calls a full disk an internal error of its own.
    stream = io.BytesIO()
    torch.save(state, stream)
    with whole_file(run / STATE) as path:
        path.write_bytes(stream.getbuffer())


def load_state(run: Path) -> dict[str, Any] | None:
    """The state to go on from, or None when there is none."""
    path = run / STATE
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def save_weights(run: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> Path:
    """Write a finished stage's weights with what they were trained on as metadata.

    Of several processes the first one writes, and the others wait for it.
    """
    path = run / WEIGHTS
    if processes.place() == 0:
        plain = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
        with whole_file(path) as partial:
            save_file(plain, partial, metadata={"about": json.dumps(about)})
    processes.wait()
    file_sha256.cache_clear()
    return path


@dataclass(frozen=True)
class Weights:
    """A finished stage: tensors by name, and what they were trained on."""

    path: Path
    tensors: dict[str, Tensor]
    about: dict[str, Any]


def load_weights(run: Path, train: str = "latent-ofer train") -> Weights:
    """Read a finished stage; `train` is the command that trains it.

    Raises
    ------
    WeightsError
        When the stage has not been trained, or its file is broken.
    """
    path = run / WEIGHTS
    if not path.exists():
        raise WeightsError(f"{path}: not found. Train that stage first: {train} {run.name}.")
    try:
        with safe_open(path, framework="pt") as bundle:
            about = json.loads((bundle.metadata() or {}).get("about", "{}"))
            tensors = {name: bundle.get_tensor(name) for name in bundle.keys()}  # noqa: SIM118
    except Exception as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error}).") from error
    return Weights(path, tensors, about)


def parents_of(runs: Path, *stages: str) -> dict[str, str]:
    """SHA-256 of the finished weights of the stages that another one is trained on.

    What has not been trained in `runs` comes from the start weights, where there are any.
    """
    start = start_digest(runs)
    return {
        stage: start
        if start is not None and not is_trained(runs, stage)
        else file_sha256(load_weights(runs / stage).path)
        for stage in stages
    }


def is_trained(runs: Path, stage: str) -> bool:
    """Whether a stage has finished weights in `runs`."""
    return (runs / stage / WEIGHTS).exists()


def start_digest(runs: Path) -> str | None:
    """SHA-256 of the weights that the stages of `runs` start from, None for random ones."""
    path = runs / START / MODEL
    return file_sha256(path) if path.exists() else None


def describe(
    recipe: Settings, data: Mapping[str, str], runs: Path, parents: Iterable[str]
) -> dict[str, Any]:
    """What a stage is trained on: hashes of its recipe, data, parents and start; the rule of dev.

    `data` are the hashes of archives or sets by name.
    """
    about = {
        "recipe": recipe.digest(),
        "data": dict(data),
        "dev": DEV_RULE,
        "parents": parents_of(runs, *parents),
    }
    start = start_digest(runs)
    return about if start is None else {**about, "start": start}


def check_fresh(weights: Weights, runs: Path) -> None:
    """Refuse weights that were trained on other parents than the ones at hand.

    Raises
    ------
    StaleError
        Names the parent that changed and the command that mends it.
    WeightsError
        When a parent is missing.
    """
    for stage, digest in weights.about.get("parents", {}).items():
        if parents_of(runs, stage)[stage] != digest:
            own = weights.path.parent.name
            raise StaleError(
                f"{weights.path}: trained on another '{stage}' than the one in {runs}. "
                f"Run train {own}, or train all, which redoes what is stale."
            )
