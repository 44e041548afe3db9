"""`latent-ofer synthesize`: a data set's faces with something in front of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from latent_ofer.cli.data import Codes, Name, Place
from latent_ofer.cli.options import Output, Runs
from latent_ofer.cli.output import complain, one_line, say
from latent_ofer.cli.stopping import Stopped

if TYPE_CHECKING:
    from latent_ofer.datasets.prepare import Split as Part
    from latent_ofer.occlusion.cutouts import Cutout
    from latent_ofer.synthesis.jobs import HeatMaps
    from latent_ofer.synthesis.protocols import Settings

ProtocolName = Literal["objects", "procedural", "irregular", "random", "grad-cam", "eyes", "mouth"]
Hole = Literal["1-10", "10-20", "20-30", "30-40", "40-50", "50-60"]
Split = Literal["train", "val", "test"]
BELONGS: dict[str, tuple[str, ...]] = {
    "--coverage": ("objects", "procedural"),
    "--share": ("random", "grad-cam"),
    "--hole": ("irregular",),
    "--occluders": ("objects",),
    "--occluder-split": ("objects",),
}
"""Options that only some protocols understand."""
BAR = 40


def synthesize(
    name: Name,
    path: Place,
    output: Output,
    protocol: Annotated[
        ProtocolName,
        typer.Option(
            help="objects: cut-outs of real things. procedural: made-up things, needs no files. "
            "irregular: free-form holes. random, grad-cam: patches at random, or those that a "
            "plain CNN looks at. eyes, mouth: the patches around them."
        ),
    ],
    split: Annotated[Split, typer.Option(help="Which faces.")] = "val",
    occluders: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="For objects: occluders.zip, or a folder of pictures with transparency.",
        ),
    ] = None,
    occluder_split: Annotated[
        Literal["train", "val"] | None,
        typer.Option(help="Which cut-outs; by default train for train faces and val for others."),
    ] = None,
    coverage: Annotated[
        str | None,
        typer.Option(
            metavar="LOW-HIGH",
            help="For objects and procedural: per cent of the face to cover; 5-40 by default.",
        ),
    ] = None,
    share: Annotated[
        int | None,
        typer.Option(
            min=1, max=100, metavar="P", help="For random and grad-cam: per cent of the patches."
        ),
    ] = None,
    hole: Annotated[
        Hole | None, typer.Option(help="For irregular: per cent of the pixels in the hole.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another set.")] = 7,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the first N faces.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes; they change nothing but the time.")
    ] = 1,
    codes: Codes = None,
    runs: Runs = Path("runs"),
) -> None:
    """Make Syn-X: hide part of every face of a data set, the same way for everybody.

    Writes pictures (images/), pixel masks (pixels/), a table with labels, patch masks and hashes
    (manifest.csv) and the settings with a digest over all (synthesis.json). The same seed gives
    the same bytes.

    Ctrl-C is safe: the same command goes on where it stopped. NAME is one of `latent-ofer data
    list`; faces.zip and ferplus.zip bring landmarks of their own.
    """
    given = {
        "--coverage": coverage,
        "--share": share,
        "--hole": hole,
        "--occluders": occluders,
        "--occluder-split": occluder_split,
    }
    _check_options(protocol, {option for option, value in given.items() if value is not None})
    from latent_ofer.datasets.prepare import prepare, summary
    from latent_ofer.datasets.registry import data_set, open_set
    from latent_ofer.synthesis.writing import synthesize as write

    settings = _settings(protocol, seed, coverage, share, hole)
    cutouts = _cutouts(occluders, occluder_split or ("train" if split == "train" else "val"))
    heat = _heat_maps(runs) if protocol == "grad-cam" else None
    try:
        listing, crops = open_set(name, path, codes), data_set(name).crops
        parts: tuple[Part, ...] = ("train", "dev") if split == "train" else (split,)
        cache = runs / "cache"
        faces = [prepare(listing, part, cache, crops=crops, workers=workers) for part in parts]
        record = write(
            faces,
            output,
            settings,
            name=name.lower(),
            split=split,
            cutouts=cutouts,
            heat=heat,
            limit=limit,
            workers=workers,
        )
    except Stopped as stop:
        complain("stopped; the same command goes on from here")
        raise typer.Exit(stop.exit_code) from None
    say(one_line(str(summary(listing, cache, crops=crops))))
    _print(record, output)


def _check_options(protocol: ProtocolName, given: set[str]) -> None:
    for option, protocols in BELONGS.items():
        if option in given and protocol not in protocols:
            raise ValueError(f"{option} belongs to {' and '.join(protocols)}, not to {protocol}.")
    if protocol in BELONGS["--share"] and "--share" not in given:
        raise ValueError(f"{protocol} needs --share, the per cent of patches to hide, such as 30.")
    if protocol in BELONGS["--hole"] and "--hole" not in given:
        raise ValueError("irregular needs --hole, such as 20-30.")
    if protocol == "objects" and "--occluders" not in given:
        raise ValueError(
            "objects needs --occluders: occluders.zip or a folder of pictures with transparency. "
            "--protocol procedural needs no files."
        )


def _settings(
    protocol: ProtocolName, seed: int, coverage: str | None, share: int | None, hole: str | None
) -> "Settings":
    from latent_ofer.synthesis.protocols import Settings

    return Settings(
        protocol,
        seed,
        coverage=_per_cent(coverage or "5-40", "--coverage"),
        share=share or 0,
        hole=_per_cent(hole or "20-30", "--hole"),
    )


def _per_cent(text: str, option: str) -> tuple[float, float]:
    """Read a range such as 5-40 as shares in 0-1."""
    low, _, high = text.partition("-")
    try:
        limits = float(low) / 100, float(high) / 100
    except ValueError:
        limits = 0.0, 0.0
    if not 0 < limits[0] <= limits[1] < 1:
        raise ValueError(f"{option} {text}: give a range of per cent, such as 5-40.")
    return limits


def _cutouts(occluders: Path | None, split: str) -> "list[Cutout]":
    from latent_ofer.occlusion.cutouts import load_cutouts

    return [] if occluders is None else load_cutouts(occluders, split)


def _heat_maps(runs: Path) -> "HeatMaps":
    """The plain CNN's Grad-CAM."""
    try:
        from latent_ofer.recogniser.heat import plain_heat_maps
    except ImportError as error:
        raise ImportError(
            f"grad-cam needs torch and what belongs to it ({error.name} is missing): "
            'pip install "latent-ofer[train]"'
        ) from error
    return plain_heat_maps(runs, "small")


def _print(record: dict[str, Any], output: Path) -> None:
    say(f"Wrote {record['n']:,} faces to {one_line(str(output))}")
    say(f"Digest {record['digest']}")
    report = record["coverage"]
    say(f"Covered {report['mean']:.1f} % of the pixels on average")
    if "bins" not in report:
        return
    from latent_ofer.synthesis.coverage import uneven_bins

    most = max(1, *(part["reached"] for part in report["bins"]))
    say("per cent covered      faces  (wanted)")
    for part in report["bins"]:
        bar = "#" * round(BAR * part["reached"] / most)
        span = f"{part['from']:6.2f}-{part['to']:6.2f}"
        say(f"{span:>16} {part['reached']:10,} {part['wanted']:9,}  {bar}")
    say(f"below {report['below']:,}, above {report['above']:,}")
    uneven = uneven_bins(report)
    even = "every bin within a quarter of the mean"
    say(f"{len(uneven)} bins more than a quarter off the mean" if uneven else even)
    for category, part in report["categories"].items():
        if part["missed"]:
            say(
                f"  {one_line(category) or 'shapes'}: {part['missed']:,} of {part['faces']:,} miss "
                f"theirs by more than a point, {part['missing_on_average']:+.1f} short on average"
            )
