"""Write the tables of docs/results.md from the reports in docs/reports: no figure by hand.

    python benchmarks/write_results.py

A table stands between ``<!-- figures: NAME -->`` and ``<!-- end -->``; the text around it is
written by people. The reports are what the `evaluate` commands wrote with --output.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import results_of_faces as faces
import results_of_runs as runs
import results_of_tables as tables
import results_wanted as wanted

PAGE = Path(__file__).resolve().parent.parent / "docs" / "results.md"
TABLES: Mapping[str, Callable[[], str]] = {
    "in-short": wanted.in_short,
    "real-wanted": wanted.real_wanted,
    "real-covers": faces.real_covers,
    "real-regions": faces.real_regions,
    "real-types": faces.real_types,
    "real-patches": faces.real_patches,
    "clean-set": faces.clean_set,
    "fusion-views": faces.fusion_views,
    "recognition": faces.recognition,
    "colour-labels": faces.colour_labels,
    "recognition-differences": faces.recognition_differences,
    "recognition-recall": faces.recognition_recall,
    "other-source": faces.other_source,
    "detection": faces.detection,
    "masked": faces.masked,
    "groups": faces.groups,
    "occluders": faces.occluders,
    "table1": faces.table1,
    "recognisers": tables.recognisers,
    "recognisers-less": tables.recognisers_less,
    "repairs": tables.repairs,
    "table10": tables.table10,
    "figure1": tables.figure1,
    "figure1-areas": tables.figure1_areas,
    "face-finding": runs.face_finding,
    "engines": runs.engines,
    "other-engines": runs.other_engines,
    "report": runs.report_page,
    "any-file": runs.any_file,
    "long-runs": runs.long_runs,
    "training-runs": runs.training_runs,
    "training-memory": runs.training_memory,
    "paper-steps": runs.paper_steps,
    "video": runs.video,
    "service": runs.service,
    "mutants": runs.mutants,
    "ray-rows": runs.ray_rows,
}
BLOCK = re.compile(r"(<!-- figures: ([\w-]+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


def written(page: str) -> str:
    """A page with each of its tables made anew."""
    return BLOCK.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], page)


if __name__ == "__main__":
    before = PAGE.read_text(encoding="utf-8")
    after = written(before)
    PAGE.write_text(after, encoding="utf-8")
    sys.stdout.write("unchanged\n" if before == after else f"wrote {PAGE.name}\n")
