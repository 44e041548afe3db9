"""Options that several commands share, with their help texts."""

from pathlib import Path
from typing import Annotated, Literal

import typer

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
    Literal["auto", "onnxruntime", "torch"],
    typer.Option(help="Engine that runs the networks; auto takes onnxruntime if installed."),
]
Detector = Annotated[
    Literal["default", "paper"],
    typer.Option(help="Occlusion detector: our trained one, or the paper's deep SVDD."),
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
