"""Table 9: recognition of faces with repaired free-form holes (paper, Table 9)."""

from collections.abc import Sequence
from pathlib import Path

from latent_ofer.evaluation.plots import lines_with_bands
from latent_ofer.evaluation.repair_accuracy import COLUMNS, accuracy_rows, details, labelled
from latent_ofer.evaluation.repair_bench import Bench, draw_samples
from latent_ofer.evaluation.repairers import CSA, LOSES_LESS, MAE, NONE, SHIPPED
from latent_ofer.evaluation.report import Row, Table, write_report
from latent_ofer.evaluation.table2 import SHEET_ROWS, draw_accuracy
from latent_ofer.synthesis.protocols import Settings

PAPER = {MAE: 72.6, CSA: 71.6, SHIPPED: 77.3}
"""Accuracy on RAF-DB, per cent."""

Bin = tuple[float, float]


def evaluate_table9(bench: Bench, folder: Path, bins: Sequence[Bin]) -> Table:
    """Measure on labelled faces with irregular holes, the true mask given.

    Parameters
    ----------
    bench : Bench
    folder : Path
        Gets `summary.json`, `table.md`, a plot and a sheet of samples.
    bins : sequence of (low, high)
        Shares of hidden pixels, some of `irregular.BINS`.

    Raises
    ------
    DataError
        When no face has a label, or data are missing or broken.
    """
    pool = labelled(bench)
    rows: list[Row] = []
    by_bin: dict[str, list[Row]] = {}
    more = {}
    tasks = []
    for share in bins:
        name = name_of(share)
        settings = Settings("irregular", bench.seed, hole=share)
        tasks.append(bench.task(f"holes of {name} %", pool, settings, []))
        found = bench.measure(tasks[-1], [bench.recogniser, *bench.judges])
        by_bin[name] = accuracy_rows(bench, pool, found, PAPER)
        prefix = f"{name} %: " if len(bins) > 1 else ""
        rows += accuracy_rows(bench, pool, found, PAPER, prefix, {NONE: LOSES_LESS})
        more[f"{name} %"] = details(bench, pool, found)
    table = Table(
        "table9",
        "Table 9: recognition of faces with free-form holes, by how they are repaired",
        bench.protocol(
            n=len(pool), hole_share=f"{', '.join(by_bin)} %", mask="true, mean colour before"
        ),
        COLUMNS,
        rows,
        {"by_bin": more, **bench.origins()},
    )
    write_report(table, folder)
    title = "Faces with free-form holes, repaired"
    if len(bins) > 1:
        _draw_lines(folder / "accuracy.png", title, bins, list(by_bin.values()))
    else:
        draw_accuracy(folder / "accuracy.png", f"{title} ({next(iter(by_bin))} %)", rows)
    sheet = [tasks[row % len(tasks)] for row in range(min(SHEET_ROWS, len(pool)))]
    draw_samples(folder / "samples.png", "Free-form holes repaired", sheet, bench)
    return table


def name_of(share: Bin) -> str:
    """A bin of hole shares in per cent, such as "20-30"."""
    return "-".join(f"{100 * limit:.0f}" for limit in share)


def _draw_lines(path: Path, title: str, bins: Sequence[Bin], tables: list[list[Row]]) -> Path:
    """Accuracy against the hidden share, a line for every repairer."""
    lines = {
        first.name: {
            part: [100 * rows[number].figures["accuracy"][part] for rows in tables]
            for part in ("value", "low", "high")
        }
        for number, first in enumerate(tables[0])
        if first.figures
    }
    middles = [50 * sum(share) for share in bins]
    return lines_with_bands(path, title, middles, lines, ("hidden pixels (%)", "accuracy (%)"))
