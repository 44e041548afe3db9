"""Figure 1, and its curves in one number each: the area under accuracy against the hidden share."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from recogniser_specs import FIGURE_1

from latent_ofer.evaluation.bootstrap import Intervals
from latent_ofer.evaluation.conditions import SHARES, SWEEPS
from latent_ofer.evaluation.measurements import Asked, recognisers
from latent_ofer.evaluation.prediction_lines import read_prediction_file, read_truth, unmatched
from latent_ofer.evaluation.recognisers import PIPELINE
from latent_ofer.evaluation.report import Table
from latent_ofer.files import write_text

AREAS: Final = "areas.json"


def figure1(asked: Asked) -> Table:
    """Measure the curves; the report's folder gets `areas` too."""
    table, folder = recognisers(FIGURE_1, False, asked), asked.report(FIGURE_1.name)
    write_text(folder / AREAS, json.dumps(areas(folder, asked.seed), indent=1) + "\n")
    return table


def areas(folder: Path, seed: int) -> dict[str, Any]:
    """Areas under the curves of a report, and by how much the pipeline's is above the others'.

    Parameters
    ----------
    folder : Path
        With ``labels.tsv`` and ``answers``, as `evaluate_recognisers` leaves them.
    seed : int
        Of the resamples.

    Returns
    -------
    dict
        By sweep, then recogniser: ``area``, the mean accuracy over the hidden shares from 0 to
        70 % (trapezoids), and ``less``, the pipeline's minus this, paired; each
        ``{"value", "low", "high"}``.
    """
    truth = read_truth(folder / "labels.tsv")
    among = Intervals.of([person for _, person in truth.values()], seed)
    right = partial(_right, folder, {path: label for path, (label, _) in truth.items()})
    report: dict[str, Any] = {"seed": seed, "n": len(truth)}
    everybody = [path.name.removesuffix("-clean.tsv") for path in _answers(folder, "*", "clean")]
    for sweep in SWEEPS:
        names = ("clean", *(f"{sweep}-{share}" for share in SHARES))
        each = {
            who: _area(np.stack([right(who, name) for name in names]))
            for who in sorted(everybody)
            if all(_answers(folder, who, name) for name in names)
        }
        report[sweep] = {who: {"area": among.mean(one)} for who, one in each.items()}
        for who in each.keys() - {PIPELINE}:
            if PIPELINE in each:
                report[sweep][who]["less"] = among.mean(each[PIPELINE] - each[who])
    return report


def _area(right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each face, from (8, n): its mean over the shares, by trapezoids."""
    return np.asarray(np.trapezoid(right, (0, *SHARES), axis=0) / SHARES[-1])


def _answers(folder: Path, who: str, condition: str) -> list[Path]:
    return list((folder / "answers").glob(f"{who}-{condition}.tsv"))


def _right(folder: Path, truth: Mapping[str, int], who: str, condition: str) -> NDArray[np.float64]:
    """Which of the n faces are read right; one without an answer is not."""
    given = unmatched(read_prediction_file(*_answers(folder, who, condition)))
    said = dict(zip(given.ids, given.labels.tolist(), strict=True))
    return np.array([said.get(path) == label for path, label in truth.items()], dtype=np.float64)
