"""One result as a figure of matplotlib, for notebooks and for print."""

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from latent_ofer.occlusion.patches import GRID, outline, patch_pixels
from latent_ofer.results import FaceResult

_INK: Final = "#1c2028"
_QUIET: Final = "#68707c"
_BEFORE: Final = "#a4aebc"
_AFTER: Final = "#186ab8"
_OUTLINE: Final = "#00e6ff"
_BLANK: Final = (226, 229, 234)
_WHOLE: Final = (0, GRID, GRID, 0)
"""A face's place on the axes: patches from its top left corner."""
_NOTE: Final = "An apparent expression is what a face looks like, not what a person feels."


class ResultFigure(Figure):
    """A figure that notebooks show as it is, once, without pyplot and its list of figures."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=110)
        return stream.getvalue()


def plot_face(face: FaceResult) -> Figure:
    """Draw the stages of a face: what `FaceResult.plot` gives."""
    figure = ResultFigure(figsize=(10, 6.2), facecolor="white", layout="constrained")
    regions = face.occlusion.describe().replace("%", " %")
    hidden = f"Hidden: {face.occlusion.ratio:.0%} of the face".replace("%", " %")
    title = f"Apparent expression: {face.expression}, {_percent(face.confidence)}"
    before = f"Before repair: {face.before.expression}, {_percent(face.before.confidence)}"
    figure.suptitle(title, x=0.01, ha="left", size=16, color=_INK)
    halves: Any = figure.subfigures(2, 1, height_ratios=(1.15, 1))
    pictures, bars = halves
    pictures.suptitle(
        f"{before}.  {hidden}{'; ' if regions else ''}{regions}.",
        x=0.01, ha="left", size=10, color=_QUIET,
    )  # fmt: skip
    figure.supxlabel(_NOTE, x=0.01, ha="left", size=9, color=_QUIET)
    axes: Any = pictures.subplots(1, 4)
    _picture(axes[0], "1  Face", face.face)
    _map(axes[1], face)
    masked = np.where(
        patch_pixels(face.occlusion.mask, face.face.shape[0])[..., None], _BLANK, face.face
    )
    _picture(axes[2], "3  What is masked", masked.astype(np.uint8))
    _picture(axes[3], "4  Repaired face", face.reconstruction)
    both: Any = bars.subplots(1, 2, width_ratios=(1.9, 1))
    _probabilities(both[0], face)
    _regions(both[1], face)
    return figure


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _picture(axes: Axes, title: str, pixels: Any) -> None:
    axes.imshow(pixels, extent=_WHOLE, interpolation="bicubic")
    axes.set_title(title, loc="left", size=10, color=_INK)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("#dee2e8")


def _map(axes: Axes, face: FaceResult) -> None:
    occlusion = face.occlusion
    _picture(axes, f"2  Hidden above {occlusion.threshold:.2g}", face.face)
    # Never stretched below the threshold: the low scores of a clean face stay dark.
    top = max(float(occlusion.scores.max()), occlusion.threshold, 1e-9)
    grey = np.asarray(face.face, dtype=np.float64).mean(axis=2)
    axes.imshow(grey, extent=_WHOLE, cmap="gray", vmin=0, vmax=255)
    axes.imshow(
        occlusion.scores, extent=_WHOLE, cmap="inferno", vmin=0, vmax=top, alpha=0.6,
        interpolation="nearest",
    )  # fmt: skip
    axes.add_collection(LineCollection(list(outline(occlusion.mask)), colors=_OUTLINE, lw=1.8))


def _probabilities(axes: Axes, face: FaceResult) -> None:
    labels = list(face.probabilities)
    places = np.arange(len(labels))
    for shift, shares, colour, name in (
        (-0.2, face.before.probabilities, _BEFORE, "before repair"),
        (0.2, face.probabilities, _AFTER, "after"),
    ):
        values = [100 * shares[label] for label in labels]
        drawn = axes.barh(places + shift, values, 0.38, color=colour, label=name)
        _label(axes, drawn, values)
    axes.set_yticks(places, labels, color=_INK)
    for tick in axes.get_yticklabels():
        tick.set_fontweight("bold" if tick.get_text() == face.expression else "normal")
    axes.legend(
        frameon=False, fontsize=9, labelcolor=_INK, ncols=2,
        loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0,
    )  # fmt: skip
    _finish(axes, "5  Probabilities, %")


def _regions(axes: Axes, face: FaceResult) -> None:
    names = [name.replace("_", " ") for name in face.occlusion.regions]
    values = [100 * share for share in face.occlusion.regions.values()]
    drawn = axes.barh(np.arange(len(names)), values, 0.6, color=_QUIET)
    _label(axes, drawn, values)
    axes.set_yticks(np.arange(len(names)), names, color=_INK)
    _finish(axes, "6  Hidden share of each region, %")


def _label(axes: Axes, drawn: BarContainer, values: Sequence[float]) -> None:
    texts = [f"{value:.0f}" if value >= 0.5 else "" for value in values]
    axes.bar_label(drawn, texts, padding=3, size=8, color=_INK)


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", size=10, color=_INK)
    axes.set_xlim(0, 108)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.invert_yaxis()
    axes.set_facecolor("white")
    axes.tick_params(labelsize=9, colors=_QUIET, length=0)
    axes.tick_params(axis="y", labelcolor=_INK)
    axes.grid(axis="x", color="#dee2e8", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
