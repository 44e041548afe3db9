"""`latent-ofer compare`: two recognisers on the same faces."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from latent_ofer.evaluation.predictions import Predictions

TITLES = {
    "accuracy": "accuracy, %",
    "macro_recall": "macro recall, %",
    "ece": "ECE, points",
    "brier": "Brier, x 100",
    "aurc": "AURC, x 100",
}


def compare(
    a: Annotated[
        Path,
        typer.Argument(
            metavar="A",
            help="A file of predictions, such as one in the folder `answers` of a report.",
        ),
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one, on the same faces.")],
    labels: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="The truth: lines path<TAB>label, or path<TAB>label<TAB>person; faces of one "
            "person are then resampled together.",
        ),
    ],
    classes: Annotated[
        int, typer.Option(min=7, max=8, help="8 expressions, or 7 without contempt.")
    ] = 8,
    common: Annotated[
        bool, typer.Option("--common", help="Compare on the faces that both have.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the resamples.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two recognisers on the same faces, with paired 95 % intervals.

    Lines of a predictions file: path<TAB>label[<TAB>probabilities].

    The label is a word; the probabilities are 8 numbers between commas, or 7 without contempt.

    "Better" means that the interval of the difference excludes 0.

    Faces without a label are left out, and counted.
    """
    import numpy as np

    from latent_ofer.evaluation.comparison import compare as paired
    from latent_ofer.evaluation.comparison import same_faces
    from latent_ofer.evaluation.prediction_lines import read_truth, with_truth

    one, other = same_faces(_predictions(a), _predictions(b), common=common)
    truth = read_truth(labels)
    rows, known, people = with_truth(one, truth)
    report = paired(
        one.take(rows),
        other.take(rows),
        known,
        rng=np.random.default_rng(seed),
        classes=classes,
        people=people,
    )
    report = {"seed": seed, "n_without_label": len(one) - len(rows), **report}
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        _print(report)


def _predictions(path: Path) -> "Predictions":
    from latent_ofer.evaluation.prediction_lines import read_prediction_file, unmatched

    return unmatched(read_prediction_file(path))


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "A", "B", "A - B", "95 % interval", "better")
    for column in table.columns[1:5]:
        column.justify = "right"
    for name, figure in report["figures"].items():
        gap = figure["difference"]
        table.add_row(
            TITLES[name],
            f"{100 * figure['a']:.1f}",
            f"{100 * figure['b']:.1f}",
            f"{100 * gap['value']:+.1f}",
            f"{100 * gap['low']:+.1f} to {100 * gap['high']:+.1f}",
            figure["better"].upper() if figure["better"] else "neither",
        )
    test = report["mcnemar"]
    console = Console()
    console.print(f"A: {report['a']}\nB: {report['b']}", markup=False, highlight=False)
    console.print(table)
    console.print(
        f"{report['n']} faces, {report['classes']} expressions, {report['resamples']} resamples, "
        f"seed {report['seed']}; {report['n_without_label']} faces without a label left out; "
        f"only A right on {test['only_a']}, only B on {test['only_b']} "
        f"(McNemar's exact p = {test['p']:.2g}).",
        markup=False,
        highlight=False,
    )
    if "ece" in report["figures"]:
        console.print("ECE, Brier and AURC: lower is better.")
