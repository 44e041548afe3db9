"""The detection test: one detector on faces with objects that training has never seen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from latent_ofer.datasets.pool import FacePool
from latent_ofer.evaluation.bench import TRUTH, Bench
from latent_ofer.evaluation.conditions import condition
from latent_ofer.evaluation.detection_figures import Areas, by_group, figures, worst_group
from latent_ofer.evaluation.detectors import Detector
from latent_ofer.evaluation.grouping import Members, cover_groups, groups, occluder_groups


def detection_report(
    benches: Mapping[str, Bench], detector: Detector, covers: Path
) -> dict[str, Any]:
    """One detector on faces in colour and grey ones, clean and behind unseen objects.

    Parameters
    ----------
    benches : mapping of str to Bench
        By kind of face.
    detector : Detector
    covers : Path
        Table of what really covers the faces; need not be there.

    Returns
    -------
    dict
        Plain values by kind: `figures`; as ``"by_group"`` those of `by_group` (people, objects,
        coverage, what really covers the faces where the table says so), as ``"worst_group"`` that
        of `worst_group` among people and sources, and, where there are such, as
        ``"without_streaks"`` the `figures` without the patches of replicated border.
    """
    report = {}
    for kind, bench in benches.items():
        pool, among, scored = bench.faces.pool, bench.intervals(), detector.scored(bench)
        people = face_groups(pool)
        members = people | object_groups(bench) | cover_groups(pool, covers)
        of_groups = by_group(scored, members, among)
        row = figures(scored, Areas.of(scored, among), among)
        row["worst_group"] = worst_group({name: of_groups[name] for name in people})
        streaks = pool.borders
        if streaks.any():
            rest = scored.without(streaks)
            row["without_streaks"] = figures(rest, Areas.of(rest, among), among)
        report[kind] = row | {"by_group": of_groups}
    return report


def face_groups(pool: FacePool) -> Members:
    """Groups (n,) of the faces of a pool by who is in them, and by the data set they are from."""
    sources = np.array([source for source, _ in pool.keys])
    return groups(pool.tags) | {f"source: {name}": sources == name for name in np.unique(sources)}


def object_groups(bench: Bench) -> Members:
    """Groups of faces by the object that hides them, and how much of each."""
    truth = bench.read(TRUTH, condition("objects", bench.seed))
    return occluder_groups(truth["category"].tolist(), truth["coverage"])
