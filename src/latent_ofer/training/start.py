"""Starting from finished weights in place of random ones: further training, fine-tuning."""

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import nn

from latent_ofer.errors import StaleError, WeightsError
from latent_ofer.files import file_sha256, whole_file
from latent_ofer.training.checkpoint import MODEL, START, start_digest

MANIFEST = "manifest.json"


def keep_start(weights: Path, runs: Path) -> None:
    """Let the stages of `runs` start from released weights; a copy of them is kept there.

    Parameters
    ----------
    weights : Path
        File of weights; its manifest lies beside it.

    Raises
    ------
    StaleError
        When the stages of `runs` start from other weights.
    """
    digest = start_digest(runs)
    if digest is None:
        for source, name in ((weights.with_name(MANIFEST), MANIFEST), (weights, MODEL)):
            with whole_file(runs / START / name) as path:
                shutil.copyfile(source, path)
    elif digest != file_sha256(weights):
        raise StaleError(
            f"{runs / START}: training there starts from other weights than {weights}. "
            "Give another folder with --runs."
        )


def start_from(model: nn.Module, prefix: str, runs: Path) -> bool:
    """Give a network what the start weights of `runs` hold of it.

    Parameters
    ----------
    prefix : str
        Of its tensors' names.

    Returns
    -------
    bool
        False when there are no start weights, or none of this network: it keeps its own.

    Raises
    ------
    WeightsError
        When they are of a network of other sizes.
    """
    if start_digest(runs) is None:
        return False
    path = runs / START / MODEL
    own = model.state_dict()
    with safe_open(path, framework="pt") as bundle:
        names = {name for name in bundle.keys() if name.startswith(prefix)}  # noqa: SIM118
        if not names:
            return False
        found = {name.removeprefix(prefix): bundle.get_tensor(name) for name in names}
    wrong = [name for name in own if name not in found or found[name].shape != own[name].shape]
    if wrong:
        raise WeightsError(
            f"{path}: '{prefix}{wrong[0]}' does not fit the recipe. Start from weights of the "
            "recipe's own sizes, or without --from."
        )
    model.load_state_dict({name: found[name].to(own[name].dtype) for name in own})
    return True


def start_manifest(runs: Path) -> dict[str, Any] | None:
    """What the start weights of `runs` say of themselves, None without such weights."""
    if start_digest(runs) is None:
        return None
    manifest: dict[str, Any] = json.loads((runs / START / MANIFEST).read_text(encoding="utf-8"))
    return manifest
