"""Figure 1: accuracy against the hidden share, random patches and those a CNN looks at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from latent_ofer.evaluation.conditions import SHARES, SWEEPS
from latent_ofer.evaluation.occlusion_plots import draw_samples, draw_sweeps
from latent_ofer.evaluation.recognition_bench import Bench, Measured, labels_text, measure, note_of
from latent_ofer.evaluation.report import Column, Figure, Row, Table, write_report
from latent_ofer.files import write_text

CONDITIONS: Final = ("clean", *(f"{sweep}-{share}" for sweep in SWEEPS for share in SHARES))


def evaluate_figure1(bench: Bench, folder: Path) -> Table:
    """Measure under both sweeps and write table and plot.

    The paper shows the curves only, of DAN on RAF-DB: there are no values to set beside.

    Parameters
    ----------
    bench : Bench
    folder : Path
        Gets ``summary.json``, ``table.md``, ``labels.tsv``, ``figure1.png`` and ``samples.png``.

    Raises
    ------
    DataError
        If a recogniser's answer cannot be used.
    """
    found = [measure(bench, one) for one in bench.conditions(CONDITIONS)]
    rows = []
    for entrant in bench.entrants:
        note = note_of(entrant, found)
        if not any(entrant.name in one.scores for one in found):
            rows.append(Row(entrant.name, note=note))
            continue
        for sweep in SWEEPS:
            why = f"{sweep} left out" if sweep in bench.left_out else note
            rows.append(
                Row(f"{entrant.name}, {sweep}", _figures(entrant.name, sweep, found), note=why)
            )
    table = Table(
        "figure1",
        "Figure 1: accuracy (%) against the share of hidden patches",
        bench.about(),
        [Column(str(share), f"{share} %") for share in (0, *SHARES)],
        rows,
        {
            "scores": {one.condition.name: dict(one.scores) for one in found},
            "predictions": {
                one.condition.name: {name: str(place) for name, place in one.folders.items()}
                for one in found
            },
            **bench.origins(),
        },
    )
    write_report(table, folder)
    write_text(folder / "labels.tsv", labels_text(bench.faces))
    lines = {
        f"{one.name}, {sweep}": (one.name, sweep) for one in bench.entrants for sweep in SWEEPS
    }
    title = "Random patches, and those the plain CNN looks at (Grad-CAM)"
    draw_sweeps(folder / "figure1.png", title, lines, found)
    draw_samples(bench, [one.condition.name for one in found], folder / "samples.png")
    return table


def _figures(name: str, sweep: str, found: Sequence[Measured]) -> dict[str, Figure]:
    if not any(one.condition.protocol == sweep for one in found):
        return {}
    return {
        str(one.condition.share): one.scores[name]["accuracy"]
        for one in found
        if one.condition.protocol in ("clean", sweep) and name in one.scores
    }
