"""The report of 5,000 faces in Chromium: how long it takes to make and open, how large it is.

Draws 5,000 cartoon faces (no network answers: expressions, hidden patches and errors are made up),
writes their rows as `predict` does, makes the report with a picture of every face and as it comes,
and opens each seven times in a fresh context of the system's Chromium. Prints JSON.

Opened is what the browser itself says: from the start of the navigation until the page has loaded
and its script has drawn everything (`loadEventEnd`). With --real-time the browser goes before all
else on the machine, so that what else it does is not measured; making is given in processor
seconds.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from latent_ofer.labels import EXPRESSIONS
from latent_ofer.report.build import write_report
from latent_ofer.results import REGIONS

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browser import opened, running_browser
from helpers import drawn_face

FACES = 5000
ERRORS = 100
OPENINGS = 7


def main() -> None:
    """Draw, write, open, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    parser.add_argument(
        "--real-time", action="store_true", help="let the browser go first (Linux, as root)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="report-") as name:
        folder = Path(name)
        write_rows(folder, np.random.default_rng(0))
        result = {
            "faces": FACES,
            "errors": ERRORS,
            "openings": OPENINGS,
            "load_before": round(os.getloadavg()[0], 1),
            "real_time": options.real_time,
            "every_face_with_a_picture": measure(folder, FACES, options.real_time),
            "as_it_comes": measure(folder, 1000, options.real_time),
        }
    text = json.dumps(result, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def write_rows(folder: Path, rng: np.random.Generator) -> None:
    """Photos of 112 px, a face each, and their rows with all that `predict` writes."""
    (folder / "photos").mkdir()
    rows: list[dict[str, Any]] = []
    for number in range(FACES):
        path = folder / "photos" / f"{number:05}.jpg"
        Image.fromarray(drawn_face(seed=number)[0]).save(path)
        rows.append({"path": str(path), "status": "ok", "faces": 1, "face": 0, **face(rng)})
    error = {"code": "truncated", "message": "its data end before the picture does."}
    for number in range(ERRORS):
        rows.append({"path": f"photos/bad-{number}.jpg", "status": "error", "error": error})
    lines = (json.dumps(row) + "\n" for row in rows)
    (folder / "results.jsonl").write_text("".join(lines))


def face(rng: np.random.Generator) -> dict[str, Any]:
    """What `FaceResult.to_dict` gives, made up."""
    mask = np.zeros((14, 14), bool)
    if rng.random() < 0.6:
        row, column = rng.integers(0, 10, 2)
        mask[row : row + rng.integers(2, 9), column : column + rng.integers(2, 9)] = True
    after, before = (expression(rng) for _ in range(2))
    occlusion = {
        "scores": rng.random((14, 14)).round(6).tolist(),
        "mask": mask.tolist(),
        "ratio": float(mask.mean()),
        "threshold": 0.5,
        "regions": dict(zip(REGIONS, rng.random(len(REGIONS)).round(6).tolist(), strict=True)),
    }
    place = {"box": None, "landmarks": None}
    return {**after, "before": before, "occlusion": occlusion, **place}


def expression(rng: np.random.Generator) -> dict[str, Any]:
    """Probabilities in which a few expressions are frequent."""
    shares = rng.dirichlet([4, 3, 0.5, 0.6, 0.4, 0.2, 0.3, 0.15])
    best = int(shares.argmax())
    return {
        "expression": EXPRESSIONS[best],
        "confidence": float(shares[best]),
        "probabilities": dict(zip(EXPRESSIONS, shares.tolist(), strict=True)),
        "attention": rng.random((14, 14)).round(6).tolist(),
    }


def measure(folder: Path, pictures: int, real_time: bool) -> dict[str, Any]:
    """Make the report and open it."""
    started = time.process_time()
    report = write_report(folder, None, pictures)
    made = time.process_time() - started
    opening, filtering, said = [], [], []
    with first_in_line() if real_time else nullcontext(), running_browser() as browser:
        for _ in range(OPENINGS):
            with opened(browser, report.path) as watched:
                shown = watched.page.inner_text("#shown")
                assert shown == f"{FACES:,} of {FACES:,} faces shown.", shown
                assert watched.page.locator("#unsure .card").count() == 24
                opening.append(watched.page.evaluate(OPENED) / 1000)
                filtering.append(watched.page.evaluate(FILTER))
                said += watched.said
    return {
        "pictures": report.pictures,
        "megabytes": round(report.path.stat().st_size / 1e6, 2),
        "made_processor_s": round(made, 2),
        "opened_s": round(statistics.median(opening), 2),
        "opened_slowest_s": round(max(opening), 2),
        "filtered_ms": round(statistics.median(filtering)),
        "lines_on_the_console": len(said),
    }


@contextmanager
def first_in_line() -> Iterator[None]:
    """Real-time priority for this process and those that it starts."""
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


OPENED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
"""Milliseconds from the start of the navigation."""
FILTER = """() => {
  const begun = performance.now();
  document.querySelector("#labels input").click();
  return performance.now() - begun;
}"""
"""Time from a click on an expression until all is drawn anew."""


if __name__ == "__main__":
    main()
