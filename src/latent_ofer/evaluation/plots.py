"""Plots of the evaluation, as PNG files on the user's disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from latent_ofer.files import whole_file
from latent_ofer.images.align import TEMPLATE_112, TEMPLATE_SIZE

Floats = NDArray[np.float64]

SIZE = (6.4, 4.4)
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's palette: told apart by colour-blind readers."""
LINES = ("-", "--", "-.", ":")
ROC_FROM = 1e-3
"""Share of visible patches where the axis of the ROC begins."""
MAPS_IN_ROW = 4


def _axes(title: str, size: tuple[float, float] = SIZE) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: Path) -> Path:
    with whole_file(path) as partial:
        figure.savefig(partial, dpi=150)
    return path


def lines_with_bands(
    path: Path,
    title: str,
    across: Sequence[float],
    lines: Mapping[str, Mapping[str, Sequence[float]]],
    labels: tuple[str, str],
    chance: float | None = None,
) -> Path:
    """Lines with their 95 % intervals, such as accuracy against the hidden share.

    Parameters
    ----------
    across : (k,) numbers
    lines : name -> {"value", "low", "high"}, each (k,)
    labels : (x, y)
    chance : float, optional
        Drawn as a thin line.
    """
    figure, axes = _axes(title)
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        style = LINES[(number // len(COLOURS) + number) % len(LINES)]
        axes.plot(across, line["value"], style, color=colour, marker="o", ms=3.5, label=name)
        axes.fill_between(across, line["low"], line["high"], color=colour, alpha=0.15, lw=0)
    if chance is not None:
        axes.axhline(chance, color="0.6", lw=0.8)
        axes.annotate("most frequent label", (across[0], chance), ha="left", va="bottom", size=8)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8)
    return _save(figure, path)


def bars(
    path: Path,
    title: str,
    groups: Sequence[str],
    series: Mapping[str, Mapping[str, Sequence[float]]],
    label: str,
) -> Path:
    """Grouped bars with 95 % intervals: groups on the x axis, a colour for each series."""
    figure, axes = _axes(title, (max(6.4, 0.9 * len(groups) * max(1, len(series) / 2)), 4.4))
    width = 0.8 / len(series)
    places = np.arange(len(groups))
    for number, (name, one) in enumerate(series.items()):
        value = np.asarray(one["value"], dtype=float)
        reach = np.abs(np.array([one["low"], one["high"]], dtype=float) - value)
        axes.bar(
            places + (number - (len(series) - 1) / 2) * width,
            value,
            width,
            yerr=reach,
            label=name,
            color=COLOURS[number % len(COLOURS)],
            error_kw={"lw": 1, "ecolor": "0.25"},
        )
    axes.set_xticks(places, groups)
    axes.set_ylabel(label)
    axes.grid(axis="y", alpha=0.25)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return _save(figure, path)


def confusion(path: Path, title: str, counts: NDArray[np.int64], labels: Sequence[str]) -> Path:
    """Confusion matrix (K, K), rows are the true labels; shares of the row, counts beneath."""
    figure, axes = _axes(title, (6.4, 5.6))
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=40, ha="right")
    names = [f"{label} ({int(n)})" for label, n in zip(labels, totals[:, 0], strict=True)]
    axes.set_yticks(range(len(labels)), names)
    axes.set(xlabel="recognised as", ylabel="label (faces)")
    for row in range(len(labels)):
        for column in range(len(labels)):
            share = shares[row, column]
            axes.text(
                column,
                row,
                f"{100 * share:.0f}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if share > 0.55 else "0.2",
            )
    return _save(figure, path)


def reliability(
    path: Path, title: str, curves: Mapping[str, Sequence[tuple[float, float, int]]]
) -> Path:
    """Accuracy against confidence.

    Parameters
    ----------
    curves : name -> a (mean confidence, accuracy, faces) for each bin that has faces
    """
    figure, axes = _axes(title, (5.2, 4.6))
    axes.plot([0, 1], [0, 1], color="0.6", lw=0.8)
    for number, (name, points) in enumerate(curves.items()):
        confidence, right, faces = np.array(points, dtype=float).T
        axes.plot(confidence, right, "-", color=COLOURS[number % len(COLOURS)], label=name)
        axes.scatter(
            confidence,
            right,
            s=6 + 120 * faces / faces.sum(),
            color=COLOURS[number % len(COLOURS)],
            zorder=3,
        )
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False, fontsize=8, title="area: share of faces", title_fontsize=8)
    return _save(figure, path)


def risk_coverage(
    path: Path, title: str, curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]
) -> Path:
    """Share of wrong answers against the share of faces answered, most confident first."""
    figure, axes = _axes(title)
    for number, (name, (coverage, risk)) in enumerate(curves.items()):
        axes.plot(
            np.asarray(coverage) * 100,
            np.asarray(risk) * 100,
            LINES[number % len(LINES)],
            color=COLOURS[number % len(COLOURS)],
            label=name,
        )
    axes.set(xlabel="faces answered, most confident first (%)", ylabel="wrong among them (%)")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8)
    return _save(figure, path)


def roc(
    path: Path,
    title: str,
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
) -> Path:
    """Hidden patches found against visible patches marked, the latter on a logarithmic axis.

    Parameters
    ----------
    panels : name -> curves
        Side by side. Curves: name -> (false positive rates, true positive rates), 0 to 1; one
        name has one colour in all panels.
    """
    figure = Figure(figsize=(4.4 * len(panels), 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    # A detector that is of use works far to the left of what a linear axis would show.
    chance = np.geomspace(ROC_FROM, 1, 100)
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    lines = {}
    for number, (panel, curves) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), number)
        for name, (false, found) in curves.items():
            place = names.index(name)
            (lines[name],) = axes.plot(
                100 * np.asarray(false),
                100 * np.asarray(found),
                LINES[place % len(LINES)],
                color=COLOURS[place % len(COLOURS)],
            )
        axes.plot(100 * chance, 100 * chance, color="0.6", lw=0.8)
        axes.set_title(panel, fontsize=10)
        axes.set(xscale="log", xlim=(100 * ROC_FROM, 100), ylim=(0, 100))
        axes.set(xlabel="visible patches marked (%)", ylabel="hidden patches found (%)")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    handles = [lines[name] for name in names]
    figure.legend(
        handles, names, loc="outside lower center", ncols=2 * len(panels), frameon=False, fontsize=8
    )
    return _save(figure, path)


def position_maps(path: Path, title: str, maps: Mapping[str, Floats]) -> Path:
    """Maps (14, 14) of shares, 0 to 1, shown in per cent, each with its own scale.

    Four in a row; nan is grey. Dots: where eyes, nose and corners of the mouth are.
    """
    columns = min(len(maps), MAPS_IN_ROW)
    rows = -(-len(maps) // columns)
    figure = Figure(figsize=(3.3 * columns, 2.9 * rows + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    colours = colormaps["magma"].with_extremes(bad="0.8")
    for number, (name, values) in enumerate(maps.items(), start=1):
        axes = figure.add_subplot(rows, columns, number)
        shares = 100 * np.asarray(values)
        side = len(shares)
        image = axes.imshow(shares, cmap=colours, vmin=0)
        points = (TEMPLATE_112 + 0.5) * side / TEMPLATE_SIZE - 0.5
        axes.plot(*points.T, "o", ms=3, mfc="none", mec="#56b4e9")
        axes.set_title(name, fontsize=9)
        axes.set(xticks=range(0, side, 2), yticks=range(0, side, 2))
        figure.colorbar(image, ax=axes, shrink=0.8, format="{x:g} %")
    return _save(figure, path)


def sample_sheet(
    path: Path, title: str, columns: Mapping[str, Sequence[NDArray[np.uint8]]]
) -> Path:
    """Faces in rows, one column a condition or method; (S, S, 3) uint8 each."""
    rows = max(len(faces) for faces in columns.values())
    figure = Figure(figsize=(1.25 * len(columns), 1.3 * rows + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for column, (name, faces) in enumerate(columns.items()):
        for row in range(rows):
            axes = grid[row][column]
            axes.axis("off")
            if row == 0:
                axes.set_title(name, fontsize=8)
            if row < len(faces):
                axes.imshow(faces[row])
    return _save(figure, path)
