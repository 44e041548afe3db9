"""Plots of detectors, as PNG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from latent_ofer.evaluation.plots import new_figure, save, style_of
from latent_ofer.images.align import TEMPLATE_112, TEMPLATE_SIZE

ROC_FROM = 1e-3
"""Share of visible patches where the axis of the ROC begins."""
MAPS_IN_ROW = 4


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
    figure = new_figure(title, 4.4 * len(panels), 5.0)
    # A detector that is of use works far to the left of what a linear axis would show.
    chance = 100 * np.geomspace(ROC_FROM, 1, 100)
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    lines = {}
    for number, (panel, curves) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), number)
        for name, points in curves.items():
            (lines[name],) = axes.plot(*(100 * np.array(points)), **style_of(names.index(name)))
        axes.plot(chance, chance, color="0.6", lw=0.8)
        axes.set_title(panel, fontsize=10)
        axes.set(xscale="log", xlim=(100 * ROC_FROM, 100), ylim=(0, 100))
        axes.set(xlabel="visible patches marked (%)", ylabel="hidden patches found (%)")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.grid(alpha=0.25)
    handles, columns = [lines[name] for name in names], 2 * len(panels)
    place = "outside lower center"
    figure.legend(handles, names, loc=place, ncols=columns, frameon=False, fontsize=8)
    return save(figure, path)


def position_maps(path: Path, title: str, maps: Mapping[str, NDArray[np.float64]]) -> Path:
    """Maps (14, 14) of shares, 0 to 1, shown in per cent, each with its own scale.

    Four in a row; nan is grey. Dots: where eyes, nose and corners of the mouth are.
    """
    columns = min(len(maps), MAPS_IN_ROW)
    rows = -(-len(maps) // columns)
    figure = new_figure(title, 3.3 * columns, 2.9 * rows + 0.4)
    colours = colormaps["magma"].with_extremes(bad="0.8")
    for number, (name, values) in enumerate(maps.items(), start=1):
        axes = figure.add_subplot(rows, columns, number)
        side = len(values)
        image = axes.imshow(100 * np.asarray(values), cmap=colours, vmin=0)
        points = (TEMPLATE_112 + 0.5) * side / TEMPLATE_SIZE - 0.5
        axes.plot(*points.T, "o", ms=3, mfc="none", mec="#56b4e9")
        axes.set_title(name, fontsize=9)
        axes.set(xticks=range(0, side, 2), yticks=range(0, side, 2))
        figure.colorbar(image, ax=axes, shrink=0.8, format="{x:g} %")
    return save(figure, path)
