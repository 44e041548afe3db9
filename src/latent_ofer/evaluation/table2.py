"""Table 2: recognition of faces behind objects under every repair (paper, Table 2)."""

from collections.abc import Sequence
from pathlib import Path

from latent_ofer.evaluation.plots import bars
from latent_ofer.evaluation.repair_accuracy import COLUMNS, accuracy_rows, details, labelled
from latent_ofer.evaluation.repair_bench import Bench, draw_samples
from latent_ofer.evaluation.repairers import CSA, MAE, SHIPPED
from latent_ofer.evaluation.report import Row, Table, write_report
from latent_ofer.synthesis.protocols import Settings

PAPER = {MAE: 72.6, CSA: 75.6, SHIPPED: 77.3}
"""Accuracy on Syn-RAF-DB, per cent."""
SHEET_ROWS = 6


def evaluate_table2(bench: Bench, folder: Path) -> Table:
    """Measure on labelled faces with unseen objects, found by the detector.

    Parameters
    ----------
    bench : Bench
    folder : Path
        Gets `summary.json`, `table.md`, a plot and a sheet of samples.

    Raises
    ------
    DataError
        When no face has a label, or data are missing or broken.
    """
    pool = labelled(bench)
    settings = Settings("objects", bench.seed)
    task = bench.task("faces with objects", pool, settings, bench.sources.cutouts("val"))
    found = bench.measure(task, [bench.recogniser, *bench.judges])
    table = Table(
        "table2",
        "Table 2: recognition of faces behind objects, by how they are repaired",
        bench.protocol(
            n=len(pool),
            occlusion="unseen objects",
            mask=f"found by the detector {bench.detector.name!r}",
        ),
        COLUMNS,
        accuracy_rows(bench, pool, found, PAPER),
        {**details(bench, pool, found), **bench.origins()},
    )
    write_report(table, folder)
    draw_accuracy(folder / "accuracy.png", "Faces behind objects, repaired", table.rows)
    sheet = [task] * min(SHEET_ROWS, len(pool))
    draw_samples(folder / "samples.png", "Objects found and repaired", sheet, bench)
    return table


def draw_accuracy(path: Path, title: str, rows: Sequence[Row]) -> Path:
    """Bars of accuracy and of expressions kept, for every row that has them."""
    shown = [row for row in rows if "accuracy" in row.figures]
    series = {}
    for key, name in (("accuracy", "shipped recogniser"), ("judge", "judge")):
        if all(key in row.figures for row in shown):
            series[name] = {
                part: [100 * row.figures[key][part] for row in shown]
                for part in ("value", "low", "high")
            }
    names = [row.name.replace(" ", "\n", 1) for row in shown]
    return bars(path, title, names, series, "accuracy (%)")
