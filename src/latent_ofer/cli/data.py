"""`latent-ofer data`: which data sets can be read, what is on disk, and what is wrong with it."""

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from latent_ofer.cli.output import complain, one_line, say
from latent_ofer.files import whole_file
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.names import utf8_values

if TYPE_CHECKING:
    from rich.table import Table

    from latent_ofer.datasets.check import CheckReport
    from latent_ofer.datasets.listing import Listing, Problem

SHOWN = 5
"""Problems of each kind that are shown to people; JSON has all."""
CODES_SHOWN = 24

data = typer.Typer(
    help="Your own data sets: what can be read, what is on disk, what is wrong with it. "
    "Nothing is downloaded or sent anywhere.",
    no_args_is_help=True,
)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A set's name, as in `latent-ofer data list`.")
]
Place = Annotated[
    Path, typer.Argument(metavar="PATH", help="The set's folder, zip archive or table.")
]
Codes = Annotated[
    str | None,
    typer.Option(
        metavar="MAP",
        help="For class folders that are bare digits: the table of codes that says what they "
        "mean, such as raf-db, affectnet or ma-net.",
    ),
]
Chosen = Annotated[
    Path | None,
    typer.Option(
        "--list",
        metavar="FILE",
        help="Only the pictures that this list of occluded or turned faces names.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]


@data.command("list")
def list_(as_json: Json = False) -> None:
    """Which sets can be read, their terms, and where to ask for them.

    None of them comes with this package.
    """
    from rich.console import Console
    from rich.table import Table

    from latent_ofer.datasets.registry import SETS

    if as_json:
        keys = ("name", "title", "licence", "ask", "expected", "crops", "counts")
        rows = [{key: getattr(known, key) for key in keys} for known in SETS.values()]
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("name", "title", "terms", "where to ask", show_lines=True)
    for known in SETS.values():
        table.add_row(known.name, known.title, known.licence, known.ask)
    Console().print(table)


@data.command()
def check(
    name: Name,
    path: Place,
    codes: Codes = None,
    chosen: Chosen = None,
    decode: Annotated[
        bool,
        typer.Option(
            "--decode/--no-decode",
            help="Open every picture, to find unreadable ones and copies; takes a while.",
        ),
    ] = True,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes that open pictures.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Say what a set on disk holds and what is wrong with it.

    Counts pictures by split and class, codes and people.

    Finds missing and unreadable files, unknown codes, copies, people in two splits, and in dev
    and training.

    Exit code: 0 nothing wrong, 1 problems found, 2 cannot be read as that set.
    """
    from latent_ofer.datasets.check import check as check_listing

    listing = _open(name, path, codes, chosen)
    report = check_listing(listing, decode=decode, whole=chosen is None, workers=workers)
    if as_json:
        typer.echo(json.dumps(utf8_values(report.to_dict()), indent=2))
    else:
        _print(report)
    if not report.ok:
        raise typer.Exit(1)


@data.command()
def show(
    name: Name,
    path: Place,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The picture: a PNG file.")
    ],
    codes: Codes = None,
    chosen: Chosen = None,
    split: Annotated[
        Literal["train", "val", "test"] | None, typer.Option(help="One split only.")
    ] = None,
    per_class: Annotated[
        int, typer.Option(min=1, max=100, metavar="N", help="Pictures of each class.")
    ] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Chooses the pictures.")] = 0,
) -> None:
    """Draw a contact sheet: some pictures of each class with their labels.

    It shows other people's faces: it stays on your disk, and should.

    The terms of most sets forbid to pass it on.
    """
    import numpy as np

    from latent_ofer.datasets.sheet import contact_sheet

    listing = _open(name, path, codes, chosen)
    sheet = contact_sheet(listing, np.random.default_rng(seed), per_class, split)
    with whole_file(output) as partial:
        sheet.save(partial, "PNG")
    say(f"Contact sheet: {one_line(str(output))} (keep it to yourself: people's faces)")


def _open(name: str, path: Path, codes: str | None, chosen: Path | None) -> "Listing":
    """The set's listing; says what the set's files look like where they are not to be found."""
    from latent_ofer.datasets.challenge_lists import read_list, restrict
    from latent_ofer.datasets.registry import data_set, open_set
    from latent_ofer.errors import DataError

    known = data_set(name)
    try:
        listing = open_set(name, path, codes)
    except DataError as error:
        complain(str(error))
        typer.echo(f"{known.title} looks like this:", err=True)
        for line in known.expected.splitlines():
            typer.echo(f"  {line}", err=True)
        raise typer.Exit(2) from None
    return listing if chosen is None else restrict(listing, read_list(chosen))


def _print(report: "CheckReport") -> None:
    from rich.console import Console

    _say(f"{report.name} in {report.root}")
    Console().print(_table(report))
    lines = [f"Codes: {_codes(report)}."] if report.codes else []
    if report.published is not None:
        found = sum(counts.images for counts in report.splits.values())
        lines.append(f"Published: {report.published:,} pictures in all; found: {found:,}.")
    if report.copies is not None:
        copies = report.copies
        lines.append(
            f"Copies: {copies.exact:,} with the very same pixels ({copies.exact_across:,} across "
            f"splits), {copies.near:,} nearly the same across splits, "
            f"{copies.near_within:,} nearly the same within a split (no problem)."
        )
    if report.dev is not None:
        dev = report.dev
        lines.append(
            f"Dev: {dev.faces:,} of {dev.faces + dev.training:,} training faces; "
            f"{dev.of_people_in_training:,} of somebody who is in training too, "
            f"{dev.copies_of_training:,} with the very same pixels as a training face."
        )
    for line in [*lines, *report.notes]:
        _say(line)
    by_kind: defaultdict[str, list[Problem]] = defaultdict(list)
    for problem in report.problems:
        by_kind[problem.kind].append(problem)
    for kind, problems in by_kind.items():
        _say(f"\n{kind.replace('_', ' ')}: {len(problems):,}")
        for problem in problems[:SHOWN]:
            _say(f"  {problem.message}")
        if len(problems) > SHOWN:
            _say(f"  ... and {len(problems) - SHOWN:,} more; --json has all of them")
    count = len(report.problems)
    _say("\nNothing wrong." if report.ok else f"\n{count:,} problem{'s' * (count > 1)}.")


def _table(report: "CheckReport") -> "Table":
    from rich.table import Table

    splits = report.splits
    table = Table("expression")
    for split in splits:
        table.add_column(split, justify="right")
    expressions = {name for counts in splits.values() for name in counts.by_expression}
    for name in (name for name in EXPRESSIONS if name in expressions):
        table.add_row(name, *(f"{counts.by_expression[name]:,}" for counts in splits.values()))
    table.add_section()
    rows: dict[str, list[int | None]] = {
        "labelled": [counts.images - counts.without_label for counts in splits.values()],
        "published": [counts.published for counts in splits.values()],
        "without label": [counts.without_label for counts in splits.values()],
        "people": [counts.people for counts in splits.values()],
    }
    for title, values in rows.items():
        if any(values):
            table.add_row(title, *("" if value is None else f"{value:,}" for value in values))
    return table


def _codes(report: "CheckReport") -> str:
    told = [
        f"{one_line(code.code) or 'none'} = {code.expression or 'no label'} ({code.images:,})"
        for code in report.codes[:CODES_SHOWN]
    ]
    rest = len(report.codes) - len(told)
    return "; ".join(told) + (f"; and {rest:,} more" if rest else "")


def _say(text: str) -> None:
    """Print a line; names of files in it cannot steer the terminal."""
    start = text[: len(text) - len(text.lstrip())]
    typer.echo(start + one_line(text))
