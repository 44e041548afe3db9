"""Options that several commands share, with their help texts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from latent_ofer.errors import DataError
from latent_ofer.weights_folder import DetectorName, RecogniserName

if TYPE_CHECKING:
    from latent_ofer.datasets.sources import NamedSet

USE = (
    "An apparent expression is not an emotion: it is what a face looks like, not what a person "
    "feels. Intended for research, accessibility and media tools with consent; not for use at "
    "work or in education, covert use, or decisions about people. All processing is local."
)
"""Ends the help of every command that looks at faces."""

Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="DIR", help="Folder for the results; made if it does not exist."
    ),
]
Backend = Annotated[
    Literal["auto", "onnxruntime", "openvino-bf16", "torch"],
    typer.Option(
        help="Engine that runs the networks; auto takes onnxruntime if installed. All give the "
        "same answers but openvino-bf16, which rounds to three digits and is about one and a half "
        "times as fast where the processor computes in bfloat16."
    ),
]
Detector = Annotated[
    DetectorName,
    typer.Option(
        help="Occlusion detector: the weights' default, or one of the families by name: trained "
        "on real covers and pasted objects, on pasted objects alone, a model of clean faces "
        "alone, the paper's SVDD."
    ),
]
ReadBy = Annotated[
    RecogniserName,
    typer.Option(
        "--recogniser",
        help="What reads the expression: the weights' default, a small CNN on three views of the "
        "face, or the paper's on the repaired face and picked latents.",
    ),
]
TreatAsHidden = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TYPE",
        help="A type of cover that counts as hidden; repeat it. Without: hand, object, cloth (a "
        "mask too), hair and sunglasses; the others are glasses (clear ones), text and shade.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Processor threads; the engine's choice by default."),
]
Weights = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of weights in place of the shipped ones."),
]
Data = Annotated[
    Path,
    typer.Option(
        envvar="LATENT_OFER_DATA", metavar="DIR", help="Folder with the archives of faces."
    ),
]
Runs = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder of checkpoints, logs and decoded data.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=PATH",
        help="A data set to take in place of the archives of faces: its name and where it is. "
        "Repeat it for several.",
    ),
]
Codes = Annotated[
    list[str] | None,
    typer.Option(
        "--codes",
        metavar="NAME=MAP",
        help="What the digits of a set mean whose class folders are bare digits.",
    ),
]
Occluders = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Archive or folder of cut-outs with transparency, in place of occluders.zip.",
    ),
]
Workers = Annotated[
    int, typer.Option(min=1, metavar="N", help="Processes that prepare the faces of a set.")
]


def named_sets(sets: list[str] | None, codes: list[str] | None) -> "tuple[NamedSet, ...]":
    """The values of --set and --codes.

    Raises
    ------
    DataError
        When one is not NAME=VALUE, or --codes names a set that --set does not.
    """
    from latent_ofer.datasets.sources import NamedSet

    pairs = [_pair("--set", "NAME=PATH", text) for text in sets or []]
    maps = dict(_pair("--codes", "NAME=MAP", text) for text in codes or [])
    for name in maps.keys() - {name for name, _ in pairs}:
        raise DataError(f"--codes {name}={maps[name]}: there is no --set {name}=PATH.")
    return tuple(NamedSet(name, Path(path), maps.get(name)) for name, path in pairs)


def _pair(option: str, form: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise DataError(f"{option} {text}: give it as {form}.")
    return name, value
