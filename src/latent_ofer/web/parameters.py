"""The parameters of a request: every one is known, comes once, and means something."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from starlette.datastructures import QueryParams

from latent_ofer.web.answers import PICTURES, Format
from latent_ofer.web.engine import Extras, Options
from latent_ofer.web.limits import RefusedError

PARAMETERS: Final = ("crops", "labels", "abstain_below", "images", "format", "views")


@dataclass(frozen=True)
class Wanted:
    """What a request asks for."""

    options: Options
    extras: Extras
    pictures: frozenset[str]
    form: Format


def wanted(given: QueryParams) -> Wanted:
    """Read the parameters of a request. Raises RefusedError."""
    for name in given:
        if name not in PARAMETERS or len(given.getlist(name)) > 1:
            known = ", ".join(PARAMETERS)
            raise _bad(f"A parameter is unknown or came twice; there are {known}, each once.")
    try:
        share = float(given.get("abstain_below", "0"))
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise _bad("abstain_below must be a number from 0 to 1.")
    labels = _one_of(given, "labels", "8", ("8", "7"))
    pictures = frozenset(filter(None, given.get("images", "").split(",")))
    if not pictures <= set(PICTURES):
        raise _bad(f"images must be some of {', '.join(PICTURES)}, with commas between.")
    return Wanted(
        Options(_flag(given, "crops"), int(labels), share),
        Extras(_flag(given, "views"), "figure" in pictures, "photo" in pictures),
        pictures,
        "webp" if _one_of(given, "format", "png", get_args(Format)) == "webp" else "png",
    )


def _flag(given: Mapping[str, str], name: str) -> bool:
    return _one_of(given, name, "false", ("false", "true")) == "true"


def _one_of(given: Mapping[str, str], name: str, usual: str, allowed: tuple[str, ...]) -> str:
    value = given.get(name, usual)
    if value not in allowed:
        raise _bad(f"{name} must be {' or '.join(allowed)}.")
    return value


def _bad(message: str) -> RefusedError:
    return RefusedError(400, "bad_parameter", message)
