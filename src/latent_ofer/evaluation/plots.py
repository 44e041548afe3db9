"""Plots of the evaluation, as PNG files on the user's disk."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import ConfusionMatrixDisplay

from latent_ofer.files import whole_file

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's palette: told apart by colour-blind readers."""
LINES = ("-", "--", "-.", ":")


def new_figure(title: str, width: float, height: float) -> Figure:
    """One without axes; inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    return figure


def _axes(title: str, width: float = 6.4, height: float = 4.4) -> tuple[Figure, Axes]:
    figure = new_figure(title, width, height)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Figure, path: Path) -> Path:
    """As PNG, whole or not at all. Raises OSError."""
    with whole_file(path) as partial:
        figure.savefig(partial, dpi=150)
    return path


def style_of(number: int) -> dict[str, Any]:
    """Colour and line of the one of this number."""
    line = LINES[(number // len(COLOURS) + number) % len(LINES)]
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": line}


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
        style = style_of(number)
        axes.plot(across, line["value"], **style, marker="o", ms=3.5, label=name)
        axes.fill_between(across, line["low"], line["high"], color=style["color"], alpha=0.15, lw=0)
    if chance is not None:
        axes.axhline(chance, color="0.6", lw=0.8)
        axes.annotate("most frequent label", (across[0], chance), ha="left", va="bottom", size=8)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8)
    return save(figure, path)


def bars(
    path: Path,
    title: str,
    groups: Sequence[str],
    series: Mapping[str, Mapping[str, Sequence[float]]],
    label: str,
) -> Path:
    """Grouped bars with 95 % intervals: groups on the x axis, a colour for each series."""
    figure, axes = _axes(title, max(6.4, 0.9 * len(groups) * max(1, len(series) / 2)))
    width, places = 0.8 / len(series), np.arange(len(groups))
    whiskers = {"lw": 1, "ecolor": "0.25"}
    for number, (name, one) in enumerate(series.items()):
        value = np.asarray(one["value"], dtype=float)
        reach = np.abs(np.array([one["low"], one["high"]], dtype=float) - value)
        at, colour = places + (number - (len(series) - 1) / 2) * width, style_of(number)["color"]
        axes.bar(at, value, width, yerr=reach, label=name, color=colour, error_kw=whiskers)
    axes.set_xticks(places, groups)
    axes.set_ylabel(label)
    axes.grid(axis="y", alpha=0.25)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return save(figure, path)


def confusion(path: Path, title: str, counts: NDArray[np.int64], labels: Sequence[str]) -> Path:
    """Confusion matrix (K, K), rows are the true labels; shares of the row, counts beneath."""
    figure, axes = _axes(title, 6.4, 5.6)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(100 * counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    names = [f"{label} ({int(n)})" for label, n in zip(labels, totals[:, 0], strict=True)]
    ConfusionMatrixDisplay(shares, display_labels=labels).plot(
        ax=axes,
        cmap="Blues",
        values_format=".0f",
        colorbar=False,
        xticks_rotation=40,
        im_kw={"vmin": 0, "vmax": 100},
        text_kw={"fontsize": 8},
    )
    axes.set_yticks(range(len(labels)), names)
    axes.set(xlabel="recognised as", ylabel="label (faces)")
    return save(figure, path)


def reliability(
    path: Path, title: str, curves: Mapping[str, Sequence[tuple[float, float, int]]]
) -> Path:
    """Accuracy against confidence.

    Parameters
    ----------
    curves : name -> a (mean confidence, accuracy, faces) for each bin that has faces
    """
    figure, axes = _axes(title, 5.2, 4.6)
    axes.plot([0, 1], [0, 1], color="0.6", lw=0.8)
    for number, (name, points) in enumerate(curves.items()):
        confidence, right, faces = np.array(points, dtype=float).T
        colour, area = style_of(number)["color"], 6 + 120 * faces / faces.sum()
        axes.plot(confidence, right, color=colour, label=name)
        axes.scatter(confidence, right, s=area, color=colour, zorder=3)
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False, fontsize=8, title="area: share of faces", title_fontsize=8)
    return save(figure, path)


def risk_coverage(
    path: Path, title: str, curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]
) -> Path:
    """Share of wrong answers against the share of faces answered, most confident first."""
    figure, axes = _axes(title)
    for number, (name, points) in enumerate(curves.items()):
        axes.plot(*(100 * np.array(points)), **style_of(number), label=name)
    axes.set(xlabel="faces answered, most confident first (%)", ylabel="wrong among them (%)")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8)
    return save(figure, path)


def sample_sheet(
    path: Path, title: str, columns: Mapping[str, Sequence[NDArray[np.uint8]]]
) -> Path:
    """Faces in rows, one column a condition or method; (S, S, 3) uint8 each."""
    rows = max(len(faces) for faces in columns.values())
    figure = new_figure(title, 1.25 * len(columns), 1.3 * rows + 0.6)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for column, (name, faces) in zip(grid.T, columns.items(), strict=True):
        column[0].set_title(name, fontsize=8)
        for axes, face in zip_longest(column, faces):
            axes.axis("off")
            if face is not None:
                axes.imshow(face)
    return save(figure, path)
