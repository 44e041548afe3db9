"""How well recognisers read repaired faces: the rows of Tables 2 and 9."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.pool import FacePool
from latent_ofer.errors import DataError
from latent_ofer.evaluation.grouping import SMALL, occluder_groups
from latent_ofer.evaluation.repair_bench import (
    JUDGE,
    RECOGNISER,
    Bench,
    Intervals,
    Values,
    kept,
)
from latent_ofer.evaluation.repaired_faces import CLEAN, Measured
from latent_ofer.evaluation.repairers import MAE, NONE, NotTrained
from latent_ofer.evaluation.report import Column, Figure, Row
from latent_ofer.labels import EXPRESSIONS

COLUMNS = (
    Column("accuracy", "accuracy, %"),
    Column("minus_none", "minus none, points"),
    Column("minus_mae", "minus MAE only, points"),
    Column("judge", "accuracy of the judge, %"),
    Column("kept", "expression kept, %"),
    Column("psnr", "PSNR, dB", 1, 2),
    Column("ssim", "SSIM", 1, 3),
)
COMPARED = {"minus_none": NONE, "minus_mae": MAE}


def labelled(bench: Bench) -> FacePool:
    """The faces that have one label, as many as the bench measures.

    Raises
    ------
    DataError
        When there is none.
    """
    pool = bench.sources.labelled(bench.split)
    rows = np.flatnonzero(pool.labels >= 0)
    if not len(rows):
        raise DataError(f"{bench.sources}: no {bench.split} face has a label that most agree on.")
    return bench.subset(pool.take(rows))


def accuracy_rows(
    bench: Bench,
    pool: FacePool,
    found: Measured,
    paper: Mapping[str, float],
    prefix: str = "",
    notes: Mapping[str, str] = MappingProxyType({}),
) -> list[Row]:
    """A row for the clean faces, and one for every repairer.

    Parameters
    ----------
    bench : Bench
    pool : FacePool
        The faces, all of which have a label.
    found : Measured
        By the shipped recogniser and, where there is one, the judge.
    paper : mapping of str to float
        The paper's accuracy by repairer, per cent.
    prefix : str
        Of the rows' names.
    notes : mapping of str to str
        What must be known of a repairer, by its name.

    Returns
    -------
    list of Row
        Differences are paired: "better" means that the interval excludes 0.
    """
    among = Intervals(len(pool), bench.seed, pool.people)
    rows = [Row(f"{prefix}{CLEAN}", _figures(found, CLEAN, pool.labels, among))]
    for one in bench.repairers:
        name, beside = f"{prefix}{one.name}", {}
        if one.name in paper:
            beside = {"accuracy": paper[one.name]}
        if isinstance(one, NotTrained):
            rows.append(Row(name, paper=beside, note=one.note))
        else:
            rows.append(
                Row(
                    name,
                    _figures(found, one.name, pool.labels, among),
                    beside,
                    notes.get(one.name, ""),
                )
            )
    return rows


def details(bench: Bench, pool: FacePool, found: Measured) -> dict[str, Any]:
    """Counts, and accuracy by category and coverage of what hides the faces."""
    among = Intervals(len(pool), bench.seed, pool.people)
    groups = occluder_groups(found.category.tolist(), found.coverage)
    by_group: dict[str, Any] = {}
    for group, members in groups.items():
        size = int(members.sum())
        by_group[group] = {"n": size} | ({"small": True} if size < SMALL else {})
        for name, arrays in found.figures.items():
            right = _right(arrays, RECOGNISER, pool.labels)
            by_group[group][name] = among.mean(right, members)
    return {
        "n": len(pool),
        "count_by_label": dict(
            zip(EXPRESSIONS, np.bincount(pool.labels, minlength=8).tolist(), strict=True)
        ),
        "share_of_pixels_hidden": float(found.coverage.mean()),
        "share_of_patches_repaired": float(found.flagged.mean()),
        "share_of_faces_repaired": float((found.flagged > 0).mean()),
        "accuracy_by_group": by_group,
    }


def _figures(
    found: Measured, name: str, labels: NDArray[np.int64], among: Intervals
) -> dict[str, Figure]:
    arrays, clean = found.figures[name], found.figures[CLEAN]
    right = _right(arrays, RECOGNISER, labels)
    figures: dict[str, Figure] = {"accuracy": among.mean(right)}
    if f"read {JUDGE}" in arrays:
        figures["judge"] = among.mean(_right(arrays, JUDGE, labels))
    if name == CLEAN:
        return figures
    for key, other in COMPARED.items():
        if other in found.figures and other != name:
            theirs = _right(found.figures[other], RECOGNISER, labels)
            figures[key] = among.mean(right.astype(float) - theirs)
    same = kept(arrays, clean)
    if same is not None:
        figures["kept"] = among.mean(same)
    return figures | {key: among.mean(arrays[key]) for key in ("psnr", "ssim")}


def _right(arrays: Mapping[str, Values], reader: str, labels: NDArray[np.int64]) -> Values:
    return np.asarray(arrays[f"read {reader}"].argmax(1) == labels)
