"""The public interface may grow; what `api_surface.json` lists must not change or go.

To record additions: `python tests/test_api_surface.py`.
"""

import dataclasses
import inspect
import json
from pathlib import Path
from typing import Any

import latent_ofer

RECORD = Path(__file__).with_name("api_surface.json")


def parameters(function: Any) -> dict[str, str]:
    """Parameter names and how each is given: kind and default, as text."""
    return {
        name: f"{p.kind.name} {'' if p.default is p.empty else repr(p.default)}".strip()
        for name, p in inspect.signature(function).parameters.items()
    }


def surface() -> dict[str, Any]:
    described: dict[str, Any] = {}
    for name in latent_ofer.__all__:
        value = getattr(latent_ofer, name)
        if inspect.isclass(value):
            members = {
                key: parameters(getattr(value, key))
                for key, member in vars(value).items()
                if not key.startswith("_")
                and (inspect.isfunction(member) or isinstance(member, classmethod))
            }
            if dataclasses.is_dataclass(value):
                members["fields"] = {f.name: "field" for f in dataclasses.fields(value)}
            described[name] = members
        elif callable(value):
            described[name] = parameters(value)
        else:
            described[name] = list(value) if name == "EXPRESSIONS" else type(value).__name__
    return described


def lost(recorded: Any, current: Any, place: str = "latent_ofer") -> list[str]:
    if not isinstance(recorded, dict):
        return [] if recorded == current else [f"{place}: {recorded!r} became {current!r}"]
    if not isinstance(current, dict):
        return [f"{place}: gone"]
    return [
        line
        for key, value in recorded.items()
        for line in lost(value, current.get(key), f"{place}.{key}")
    ]


def test_nothing_of_the_recorded_interface_is_lost() -> None:
    assert lost(json.loads(RECORD.read_text()), surface()) == []


def test_every_public_name_is_on_record() -> None:
    assert set(json.loads(RECORD.read_text())) == set(latent_ofer.__all__)


if __name__ == "__main__":
    RECORD.write_text(json.dumps(surface(), indent=1) + "\n")
