"""The figures of the pipeline in docs/results.md: clean and behind objects; another source."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from latent_ofer.datasets.pool import FacePool
from latent_ofer.evaluation.bench import Bench, differences, measure
from latent_ofer.evaluation.conditions import condition
from latent_ofer.evaluation.grouping import COVERAGE_BANDS, coverage_band
from latent_ofer.evaluation.metrics import renormalised
from latent_ofer.evaluation.predictions import Predictions
from latent_ofer.evaluation.recognisers import PIPELINE, UNREPAIRED
from latent_ofer.evaluation.scoring import score
from latent_ofer.labels import EXPRESSIONS

RECOGNISERS: Final = (PIPELINE, UNREPAIRED)
CONDITIONS: Final = ("clean", "objects")
FIGURES: Final = ("accuracy", "macro_recall", "recall", "ece", "brier")
MOST_HIDDEN: Final = coverage_band(*COVERAGE_BANDS[-1])
OTHER_SOURCE: Final = "lfw"
COLUMNS: Final = [EXPRESSIONS.index(label) for label in ("neutral", "happiness", "surprise")]
"""Its labels."""


def recognition_report(bench: Bench) -> dict[str, Any]:
    """The whole pipeline on faces with a label.

    Parameters
    ----------
    bench : Bench
        Of `RECOGNISERS`.

    Returns
    -------
    dict
        Plain values; each measured one is ``{"value", "low", "high"}``, with its 95 % interval.
        "repaired" is what the pipeline answers, "as_it_came" the same recogniser without the
        repair, "most_hidden" its answers where three tenths of the face and more are hidden.

    Raises
    ------
    DataError
        If the cut-outs are missing, or no face has one of the classes.
    """
    report: dict[str, Any] = {"seed": bench.seed, "n": len(bench.faces)}
    for one in bench.conditions(CONDITIONS):
        found = measure(bench, one)
        ratio = bench.read(bench.methods[0], one)["ratio"]
        scores, paired = found.scores, differences(bench, found)[UNREPAIRED]
        report["count_by_label"] = scores[PIPELINE]["count_by_label"]
        report[one.name] = {
            "repaired": {key: scores[PIPELINE][key] for key in FIGURES},
            "as_it_came": {key: scores[UNREPAIRED][key] for key in FIGURES},
            "repaired_minus_as_it_came": paired["figures"]["accuracy"]["difference"],
            "share_of_patches_flagged": float(ratio.mean()),
            "share_of_faces_repaired": float((ratio > 0).mean()),
        }
        if most := scores[PIPELINE]["by_group"].get(MOST_HIDDEN):
            report[one.name]["most_hidden"] = {key: most[key] for key in ("n", "accuracy", "ece")}
    return report


def of_other_source(pool: FacePool) -> FacePool:
    """Aligned grey photos of another collection that carry one of three labels."""
    sources = np.array([source for source, _ in pool.keys])
    return pool.take(np.flatnonzero((sources == OTHER_SOURCE) & np.isin(pool.labels, COLUMNS)))


def other_source(bench: Bench) -> dict[str, Any]:
    """The pipeline on faces of `of_other_source`, its outputs restricted to the three labels."""
    labels = bench.faces.labels
    after = bench.read(bench.methods[0], condition("clean", bench.seed))["p"]
    restricted = np.zeros_like(after)
    restricted[:, COLUMNS] = renormalised(after[:, COLUMNS])
    found: Mapping[str, Any] = score(
        Predictions.from_probabilities(PIPELINE, bench.faces.ids, restricted),
        labels,
        rng=np.random.default_rng(bench.seed),
        people=bench.faces.people,
    )
    return {
        "n": len(labels),
        "source": OTHER_SOURCE,
        "count_by_label": {EXPRESSIONS[one]: int((labels == one).sum()) for one in COLUMNS},
        **{key: found[key] for key in FIGURES},
    }
