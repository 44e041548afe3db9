"""Recipes: flat YAML, checked on load."""

import difflib
import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from latent_ofer.errors import RecipeError


class Settings(BaseModel):
    """What every stage's recipe has; a stage adds its own keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0

    def digest(self) -> str:
        """SHA-256 of the recipe's content."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class Recipe(Settings):
    """Recipe of a stage that is trained in steps."""

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    epoch_images: int | None = Field(default=None, ge=1)
    """Faces drawn for one epoch; all of them when not given."""
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of all steps in which the learning rate rises."""
    average: float = Field(default=0.998, ge=0, lt=1)
    """Decay of the running average of the weights, which is what ships."""
    bf16: bool = True


R = TypeVar("R", bound=Settings)


def load_recipe(kind: type[R], config: str, stage: str) -> R:
    """Read one stage's recipe.

    Parameters
    ----------
    kind : type
        The stage's recipe class.
    config : str
        ``small`` for the shipped folder of recipes, or a path to one's own.
    stage : str
        File name without ``.yaml``.

    Raises
    ------
    RecipeError
        When the file is missing, has an unknown key or a value out of range.
    """
    shipped = Path(str(files("latent_ofer"))) / "recipes" / config
    path = (shipped if shipped.is_dir() else Path(config)) / f"{stage}.yaml"
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise RecipeError(f"{path}: no such recipe ({error.strerror}).") from error
    except yaml.YAMLError as error:
        raise RecipeError(f"{path}: not valid YAML ({error}).") from error
    if not isinstance(content, dict):
        raise RecipeError(f"{path}: expected `key: value` lines.")
    try:
        return kind(**content)
    except ValidationError as error:
        raise RecipeError(f"{path}: {_explain(error, kind)}") from error


def _explain(error: ValidationError, kind: type[Settings]) -> str:
    # A misspelt key is also a missing one; what was written explains more than what was not.
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, kind.model_fields, n=1, cutoff=0)
        return f"unknown key '{key}'; did you mean '{near[0]}'?"
    return f"'{key}': {first['msg']}."
